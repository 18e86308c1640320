/** More than the clocks of instances differ, and more than the delay between the words and a new socket. */
const FLAG_OVERLAP_MS = 2000

/** The sessions with a listener on this instance, and their last known flags of self-harm language. */
export function createFlagTimes() {
  /** Per session: time (ms) of the last known flag, or of the first `watch`. */
  const flaggedAt = new Map<string, number>()

  return {
    watch: (sessionId: string): void => void flaggedAt.set(sessionId, Date.now() - FLAG_OVERLAP_MS),
    unwatch: (sessionId: string): void => void flaggedAt.delete(sessionId),

    /** Sessions with a listener on this instance, each with the time (ms) after which a flag is new. */
    getWatched: (): ReadonlyMap<string, number> => flaggedAt,

    /** Records a flag; false if it was known already or the session has no listener here. */
    noteFlag: (sessionId: string, at: number): boolean => {
      const before = flaggedAt.get(sessionId)
      if (before === undefined || before >= at) return false
      flaggedAt.set(sessionId, at)
      return true
    },
  }
}
