import type { EmotionEvent } from './frames.ts'

/** More windows than the server ever sends again. */
const MAX_REMEMBERED_WINDOWS = 256

/** Tracks received answers: after a server crash the same answer may arrive twice. */
export function createResults() {
  const revisions = new Map<number, number>()
  let last = 0
  return {
    /** The newest window with an answer; 0 before the first. */
    get last(): number {
      return last
    },

    /** Whether the answer is for a new window or a later revision. */
    isNew({ window, revision = 1 }: EmotionEvent): boolean {
      if (window <= last - MAX_REMEMBERED_WINDOWS || revision <= (revisions.get(window) ?? 0)) return false
      revisions.set(window, revision)
      last = Math.max(last, window)
      for (const old of revisions.keys()) if (old <= last - MAX_REMEMBERED_WINDOWS) revisions.delete(old)
      return true
    },
  }
}

export type Results = ReturnType<typeof createResults>
