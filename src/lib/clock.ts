/** Monotonic time, and calls at a later time. */
export type Clock = {
  /** Milliseconds since an arbitrary start. */
  readonly now: () => number
  /** Makes the call once, after `ms`; returns the function that cancels it. */
  readonly after: (ms: number, call: () => void) => () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.max(ms, 0))
    return () => clearTimeout(timer)
  },
}
