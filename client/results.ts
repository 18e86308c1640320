import type { EmotionEvent } from './frames.ts'

/** More than the server ever sends again. */
const REMEMBERED = 256

/** Which answers the page has had: after a crash of the server one may come twice. */
export function createResults() {
  const revisions = new Map<number, number>()
  let last = 0
  return {
    /** The newest window whose answer is here; 0 before the first. */
    get last(): number {
      return last
    },

    /** Whether this answer says something new: a window, or a later revision of it. */
    isNew({ window, revision = 1 }: EmotionEvent): boolean {
      if (window <= last - REMEMBERED || revision <= (revisions.get(window) ?? 0)) return false
      revisions.set(window, revision)
      last = Math.max(last, window)
      for (const old of revisions.keys()) if (old <= last - REMEMBERED) revisions.delete(old)
      return true
    },
  }
}

export type Results = ReturnType<typeof createResults>
