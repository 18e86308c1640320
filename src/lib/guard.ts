/** Runs work that no caller awaits. Neither method throws. */
export type Guard = {
  /** Counts an error, and logs it unless this place has logged one within the last minute. */
  readonly report: (place: string, error: unknown) => void
  /** Calls `work` and reports its error or rejection. */
  readonly run: (place: string, work: () => unknown) => void
}

type Dependencies = {
  readonly onError: (place: string) => void
  /** Whether the error is logged elsewhere. */
  readonly isExplained?: (error: unknown) => boolean
  readonly log: (place: string, error: unknown) => void
  /** Monotonic clock, ms. */
  readonly monotonic: () => number
}

const LOG_EVERY_MS = 60_000

/**
 * A guard for timers and listeners: an error in one of them would end the process. `place` names the timer or listener
 * and is a metric label, so it has few values.
 */
export function createGuard({ onError, isExplained, log, monotonic }: Dependencies): Guard {
  const loggedAt = new Map<string, number>()

  const report = (place: string, error: unknown): void => {
    onError(place)
    if (isExplained?.(error) === true) return
    const now = monotonic()
    if (now - (loggedAt.get(place) ?? Number.NEGATIVE_INFINITY) < LOG_EVERY_MS) return
    loggedAt.set(place, now)
    log(place, error)
  }

  return {
    report,
    run(place, work) {
      try {
        const result = work()
        if (result instanceof Promise) result.catch((error: unknown) => report(place, error))
      } catch (error) {
        report(place, error)
      }
    },
  }
}
