/** Further back than this no client's report is believed: its clock has been set. */
const OLDEST_MS = 60_000
/** For so long, and at most twice as long, a report counts as the fastest. */
const HALF_MS = 30_000

/**
 * Puts the times of one client's clock on ours. The fastest report of the last minute had the shortest way, so its
 * difference is the one that counts; an older one may be from before the clock was set.
 */
export function createClientClock() {
  let half = { began: Number.NEGATIVE_INFINITY, least: Number.POSITIVE_INFINITY }
  let leastBefore = Number.POSITIVE_INFINITY

  /** Our clock less the client's, by the fastest report. */
  const offsetAt = (timestamp: number, now: number): number => {
    const passed = now - half.began
    if (passed >= HALF_MS) {
      leastBefore = passed < 2 * HALF_MS ? half.least : Number.POSITIVE_INFINITY
      half = { began: now, least: Number.POSITIVE_INFINITY }
    }
    const difference = now - timestamp
    half.least = Math.min(half.least, difference)
    const offset = Math.min(half.least, leastBefore)
    if (difference - offset <= OLDEST_MS) return offset
    leastBefore = half.least = difference
    return difference
  }

  return {
    /** Our time for the client's `timestamp`, in a report that has arrived at `now`; never later than that. */
    toOurs: (timestamp: number, now: number): number => timestamp + offsetAt(timestamp, now),
  }
}
