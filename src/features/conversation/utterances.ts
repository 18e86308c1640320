import { LRUCache } from 'lru-cache'
import { entryLimit } from '../../lib/entry-limit.ts'

/** The web client also sends acknowledged speech of its voice channel to the counsellor, as a message. */
export type Words = { readonly text: string; readonly isSpoken: boolean }

type Utterance = Words & {
  readonly at: number
  /** Labels that are counted already. */
  readonly counted: ReadonlySet<string>
}

const REMEMBERED_SESSIONS = 10_000
/** Per session: no more are said within `SAME_UTTERANCE_MS`. */
const REMEMBERED_UTTERANCES = 8
/** Speech and its message arrive half a second apart; a recogniser sends corrections within seconds. */
const SAME_UTTERANCE_MS = 5000
/** Maximum length of a message. */
const COMPARED_LENGTH = 2000

/** White space and Unicode form may differ, and a long text may be truncated. */
const toComparable = (text: string): string =>
  text.normalize('NFC').replace(/\s+/g, ' ').trim().slice(0, COMPARED_LENGTH)

function isSame(before: Words, after: Words): boolean {
  if (before.text === '' || after.text === '') return false
  if (!before.isSpoken) return after.isSpoken && before.text === after.text
  // Equal speech is a repetition; a correction of the recogniser is longer.
  const isLonger = after.text.length > before.text.length && after.text.startsWith(before.text)
  return after.isSpoken ? isLonger : before.text.startsWith(after.text)
}

/**
 * Counts each label of an utterance once, even if the utterance arrives as speech and again as a message, or as speech
 * that the recogniser sends again with more text. The same message written twice is two utterances.
 */
export function createUtterances(monotonic: () => number) {
  const bySession = new LRUCache<string, readonly Utterance[]>(entryLimit(REMEMBERED_SESSIONS))

  /** Returns the labels that are not counted yet, and counts them. */
  return (sessionId: string, { text, isSpoken }: Words, found: readonly string[]): readonly string[] => {
    const now = monotonic()
    const words = { text: toComparable(text), isSpoken }
    const recent = (bySession.get(sessionId) ?? []).filter(({ at }) => now - at < SAME_UTTERANCE_MS)
    const same = recent.findLast((one) => isSame(one, words))
    const counted = new Set([...(same?.counted ?? []), ...found])
    const kept = same?.isSpoken === true && !isSpoken ? same : words
    const utterance = { text: kept.text, isSpoken: kept.isSpoken, at: now, counted }
    const others = recent.filter((one) => one !== same)
    bySession.set(sessionId, [...others, utterance].slice(-REMEMBERED_UTTERANCES))
    return found.filter((one) => same?.counted.has(one) !== true)
  }
}
