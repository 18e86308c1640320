/** A difference beyond it is a machine that was suspended, or a clock that was set. */
const MIN_GAP_MS = 1000

/**
 * A clock that never goes back and that counts the time in which the whole machine was suspended, which a monotonic clock
 * does not on most systems. A wall clock that is set forward looks the same; whoever asks must be able to bear that.
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
