/** A report that appears older shows that the client's clock was set. */
const MAX_AGE_MS = 60_000
/** The fastest report counts for this time, and at most twice as long. */
const HALF_MS = 30_000

/**
 * Converts times of a client's clock to the server clock. The fastest report of the last minute had the lowest latency,
 * so its difference is used. An older one may precede a change of the client's clock.
 */
export function createClientClock() {
  let half = { began: Number.NEGATIVE_INFINITY, least: Number.POSITIVE_INFINITY }
  let leastBefore = Number.POSITIVE_INFINITY

  /** Server clock minus client clock, by the fastest report. */
  const offsetAt = (timestamp: number, now: number): number => {
    const passed = now - half.began
    if (passed >= HALF_MS) {
      leastBefore = passed < 2 * HALF_MS ? half.least : Number.POSITIVE_INFINITY
      half = { began: now, least: Number.POSITIVE_INFINITY }
    }
    const difference = now - timestamp
    half.least = Math.min(half.least, difference)
    const offset = Math.min(half.least, leastBefore)
    if (difference - offset <= MAX_AGE_MS) return offset
    leastBefore = half.least = difference
    return difference
  }

  return {
    /** The server time of the client's `timestamp`, in a report received at `now`; never later than `now`. */
    toServerTime: (timestamp: number, now: number): number => timestamp + offsetAt(timestamp, now),
  }
}
