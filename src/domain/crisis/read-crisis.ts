import { type Message, readMessage } from '../text/message.ts'
import { createMatcher, type Found, keepOutermost } from '../text/pattern.ts'
import { readStance } from '../text/stance.ts'
import { CRISIS_CUES, type CrisisCue, PAST } from './cues.ts'

/**
 * `urgent`: a wish to die or to hurt oneself. `gentle`: the same negated, past, quoted or about another person; the lines
 * are shown as well, because an unnecessary line does less harm than a missing one.
 */
export type CrisisLevel = 'none' | 'gentle' | 'urgent'

/** `isCrisis` is true for both levels: show the crisis lines at once, give no exercises, flag the report. */
export type CrisisReading = { readonly isCrisis: boolean; readonly level: CrisisLevel }

const findCues = createMatcher<CrisisCue>(CRISIS_CUES)

const CONTEXT_BEFORE = 60
const CONTEXT_AFTER = 60

function isPast(message: Message, { start, end }: Found<CrisisCue>): boolean {
  const clause = message.clauseAt(start)
  const before = message.text.slice(Math.max(clause.start, start - CONTEXT_BEFORE), start)
  const after = message.text.slice(end, end + CONTEXT_AFTER)
  return (
    PAST.ko.test(after) ||
    PAST.koBefore.test(before) ||
    PAST.enBefore.test(before) ||
    PAST.enAfter.test(after)
  )
}

function classifyCue(message: Message, cue: Found<CrisisCue>): CrisisLevel {
  if (cue.value === 'idiom') return 'none'
  if (cue.value === 'mention') return 'gentle'
  // "-고 싶어" and "-기 싫어" express the speaker's own wish, whatever the nominative before them.
  const isOwnWish = /[싶싫]/.test(message.text.slice(cue.start, cue.end))
  const stance = readStance(message, cue, isOwnWish)
  return stance.negated || stance.doubled || stance.reported || isPast(message, cue) ? 'gentle' : 'urgent'
}

/** Detects mentions of self-harm in Korean and English text. It classifies wording and makes no diagnosis. */
export function readCrisis(text: string): CrisisReading {
  const message = readMessage(text)
  let level: CrisisLevel = 'none'
  for (const cue of keepOutermost(findCues(message))) {
    const found = classifyCue(message, cue)
    if (found !== 'none') level = found
    if (level === 'urgent') break
  }
  return { isCrisis: level !== 'none', level }
}
