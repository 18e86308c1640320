/** The age of a session and its open window. Windows are counted from the session's start, pauses included. */
export function createSessionClock(intervalMs: number) {
  let startedAt = performance.now()
  return {
    /** Sets the age of the session at the moment `at`, by default now. */
    setAge(ageMs: number, at = performance.now()): void {
      startedAt = at - ageMs
    },
    /** The age, the number of the open window, and the elapsed share of it. */
    getPosition: () => {
      const age = Math.max(0, performance.now() - startedAt)
      return { window: Math.floor(age / intervalMs) + 1, share: (age % intervalMs) / intervalMs, age }
    },
  }
}
