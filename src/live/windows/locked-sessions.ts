/** Pauses between tries while a session's row is locked. */
const FIRST_REST_MS = 25
const LAST_REST_MS = 1000
/** So many tries are some seconds. */
const LONG_RESTS = 10

/** Sessions whose rows are locked by other transactions, or behind: each rests between its tries, longer each time. */
export class LockedSessions {
  readonly #onLongLocked: (sessionId: string) => void
  /** The number of tries so far. */
  readonly #tries = new Map<string, number>()
  readonly #resting = new Set<string>()

  constructor(onLongLocked: (sessionId: string) => void) {
    this.#onLongLocked = onLongLocked
  }

  isResting(sessionId: string): boolean {
    return this.#resting.has(sessionId)
  }

  /** Of how many sessions the rows have been locked for some seconds. */
  get longLocked(): number {
    return [...this.#tries.values()].filter((tries) => tries >= LONG_RESTS).length
  }

  /** Returns how long the session rests, ms. */
  beginRest(sessionId: string): number {
    const tries = (this.#tries.get(sessionId) ?? 0) + 1
    this.#tries.set(sessionId, tries)
    this.#resting.add(sessionId)
    if (tries === LONG_RESTS) this.#onLongLocked(sessionId)
    return Math.min(LAST_REST_MS, FIRST_REST_MS * 2 ** Math.min(tries, LONG_RESTS))
  }

  endRest(sessionId: string): void {
    this.#resting.delete(sessionId)
  }

  /** Its row is not locked any longer: the next rest is short again. */
  resetTries(sessionId: string): void {
    this.#tries.delete(sessionId)
  }
}
