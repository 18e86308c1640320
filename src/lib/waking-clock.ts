/** A larger difference means that the machine was suspended or the clock was set. */
const MIN_GAP_MS = 1000

/**
 * A monotonic clock that includes the time in which the machine was suspended, unlike `performance.now()` on most
 * systems. A wall clock that is set forward has the same effect, which callers must tolerate.
 */
export function createWakingClock(monotonic: () => number, wall: () => number): () => number {
  let last = { monotonic: monotonic(), wall: wall() }
  let suspendedMs = 0
  return () => {
    const now = { monotonic: monotonic(), wall: wall() }
    const gap = now.wall - last.wall - (now.monotonic - last.monotonic)
    if (gap > MIN_GAP_MS) suspendedMs += gap
    last = now
    return now.monotonic + suspendedMs
  }
}
