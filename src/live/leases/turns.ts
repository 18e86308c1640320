/** Runs the claims and releases of sessions: those of one session never overlap. */
export function createTurns() {
  /** The last one in progress of each session. */
  const turns = new Map<string, Promise<void>>()

  return {
    /** Whether a claim or release of the session is in progress. */
    isBusy: (sessionId: string): boolean => turns.has(sessionId),

    /** Runs `work` when the claims and releases in progress of these sessions are done. */
    run: <T>(sessionIds: readonly string[], work: () => Promise<T>): Promise<T> => {
      const before = sessionIds.flatMap((id) => turns.get(id) ?? [])
      const mine = before.length === 0 ? work() : Promise.all(before).then(work)
      const done = mine.then(
        () => undefined,
        () => undefined, // reported to its caller
      )
      for (const id of sessionIds) turns.set(id, done)
      void done.then(() => {
        for (const id of sessionIds) if (turns.get(id) === done) turns.delete(id)
      })
      return mine
    },
  }
}

export type Turns = ReturnType<typeof createTurns>
