import { LRUCache } from 'lru-cache'

/** How words arrive. The web client sends to the counsellor what its voice channel has acknowledged, as a message. */
export type Words = { readonly text: string; readonly isSpoken: boolean }

type Utterance = Words & {
  readonly at: number
  /** What has been counted of it. */
  readonly counted: ReadonlySet<string>
}

const REMEMBERED_SESSIONS = 10_000
/** Of one session: more are not said within the time. */
const REMEMBERED_UTTERANCES = 8
/** Speech and its message are half a second apart, and a recogniser corrects itself within seconds. */
const SAME_UTTERANCE_MS = 5000
/** A message is no longer. */
const COMPARED = 2000

/** White space and the form of Unicode may differ, and a long text may be cut. */
const comparable = (text: string): string =>
  text.normalize('NFC').replace(/\s+/g, ' ').trim().slice(0, COMPARED)

function isSame(before: Words, after: Words): boolean {
  if (before.text === '' || after.text === '') return false
  if (!before.isSpoken) return after.isSpoken && before.text === after.text
  // Whoever says the same again says it twice; a recogniser that corrects itself sends more.
  const isLonger = after.text.length > before.text.length && after.text.startsWith(before.text)
  return after.isSpoken ? isLonger : before.text.startsWith(after.text)
}

/**
 * Counts what is found in an utterance once, however often it arrives: as speech and as the message that repeats it, or
 * as speech that its recogniser sends again, longer. The same message written twice is two utterances.
 */
export function createUtterances(monotonic: () => number) {
  const bySession = new LRUCache<string, readonly Utterance[]>({ max: REMEMBERED_SESSIONS })

  /** Those of what was found that are not counted yet; from now on they are. */
  return (sessionId: string, { text, isSpoken }: Words, found: readonly string[]): readonly string[] => {
    const now = monotonic()
    const words = { text: comparable(text), isSpoken }
    const recent = (bySession.get(sessionId) ?? []).filter(({ at }) => now - at < SAME_UTTERANCE_MS)
    const same = recent.findLast((one) => isSame(one, words))
    const counted = new Set([...(same?.counted ?? []), ...found])
    const known = same?.isSpoken === true && !isSpoken ? same : words
    const utterance = { text: known.text, isSpoken: known.isSpoken, at: now, counted }
    const others = recent.filter((one) => one !== same)
    bySession.set(sessionId, [...others, utterance].slice(-REMEMBERED_UTTERANCES))
    return found.filter((one) => same?.counted.has(one) !== true)
  }
}
