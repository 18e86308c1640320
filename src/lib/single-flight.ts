type SingleFlight<Args extends readonly unknown[], T> = {
  /** Starts the work, or joins the current run, even if its arguments differ. */
  readonly run: (...args: Args) => Promise<T>
  /** The run in progress. */
  readonly current: Promise<T> | undefined
}

/** Work that runs once at a time; concurrent callers share the run. */
export function createSingleFlight<Args extends readonly unknown[], T>(
  work: (...args: Args) => Promise<T>,
): SingleFlight<Args, T> {
  let current: Promise<T> | undefined
  return {
    run(...args) {
      current ??= work(...args).finally(() => {
        current = undefined
      })
      return current
    },
    get current() {
      return current
    },
  }
}
