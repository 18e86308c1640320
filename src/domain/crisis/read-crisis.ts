import { type Message, readMessage } from '../text/message.ts'
import { createMatcher, type Found, outermost } from '../text/pattern.ts'
import { readStance } from '../text/stance.ts'
import { CRISIS_CUES, type CrisisCue, PAST } from './cues.ts'

/**
 * `urgent`: words of wanting to die or to hurt oneself. `gentle`: such words denied, past, quoted or about somebody
 * else; the lines are offered all the same, for one line too many harms less than one too few.
 */
export type CrisisLevel = 'none' | 'gentle' | 'urgent'

/** `isCrisis` is true for both levels: show the crisis lines at once, give no exercises, flag the report. */
export type CrisisReading = { readonly isCrisis: boolean; readonly level: CrisisLevel }

const findCues = createMatcher<CrisisCue>(CRISIS_CUES)

const LOOK_BEHIND = 60
const LOOK_AHEAD = 60

function isPast(message: Message, { start, end }: Found<CrisisCue>): boolean {
  const clause = message.clauseAt(start)
  const before = message.text.slice(Math.max(clause.start, start - LOOK_BEHIND), start)
  const after = message.text.slice(end, end + LOOK_AHEAD)
  return (
    PAST.ko.test(after) ||
    PAST.koBefore.test(before) ||
    PAST.enBefore.test(before) ||
    PAST.enAfter.test(after)
  )
}

function levelOf(message: Message, cue: Found<CrisisCue>): CrisisLevel {
  if (cue.value === 'idiom') return 'none'
  if (cue.value === 'mention') return 'gentle'
  // "-고 싶어" and "-기 싫어" tell the speaker's own wish, whatever stands in the nominative before them.
  const own = /[싶싫]/.test(message.text.slice(cue.start, cue.end))
  const stance = readStance(message, cue, own)
  return stance.negated || stance.doubled || stance.reported || isPast(message, cue) ? 'gentle' : 'urgent'
}

/** Reads words of self-harm in Korean and English. It reads wording and makes no diagnosis. */
export function readCrisis(text: string): CrisisReading {
  const message = readMessage(text)
  let level: CrisisLevel = 'none'
  for (const cue of outermost(findCues(message))) {
    const said = levelOf(message, cue)
    if (said !== 'none') level = said
    if (level === 'urgent') break
  }
  return { isCrisis: level !== 'none', level }
}
