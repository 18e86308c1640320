/** Further back than this no client's report is believed: its clock has been set. */
const OLDEST_MS = 60_000

/**
 * Puts the times of one client's clock on ours. The fastest report so far had the shortest way, so its difference is
 * the one that counts.
 */
export function createClientClock() {
  let offset: number | undefined
  return {
    /** Our time for the client's `timestamp`, in a report that has arrived at `now`; never later than that. */
    toOurs(timestamp: number, now: number): number {
      offset = Math.min(offset ?? Number.POSITIVE_INFINITY, now - timestamp)
      if (now - (timestamp + offset) > OLDEST_MS) offset = now - timestamp
      return timestamp + offset
    },
  }
}
