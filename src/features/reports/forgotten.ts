import { LRUCache } from 'lru-cache'
import type { Unfinalised } from './repository.ts'

type Dependencies = {
  /** Up to `limit` sessions without a report in the order of their end, behind `after`. */
  readonly list: (limit: number, after: Unfinalised | undefined) => Promise<Unfinalised[]>
  readonly monotonic: () => number
}

/** Rows that one call looks at, most of which may be postponed. */
const PAGE = 500
const MAX_POSTPONED = 10_000
const FIRST_PAUSE_MS = 10_000
const LONGEST_PAUSE_MS = 600_000

/** Goes round the sessions without a report, so that none is passed over however many cannot be reported. */
export function createForgotten({ list, monotonic }: Dependencies) {
  let last: Unfinalised | undefined
  const postponed = new LRUCache<string, { pauseMs: number; until: number }>({ max: MAX_POSTPONED })
  const isDue = ({ id }: Unfinalised) => (postponed.get(id)?.until ?? 0) <= monotonic()

  return {
    /** Up to `limit` sessions that are to be tried now; after the last of them all it begins anew. */
    async next(limit: number): Promise<Unfinalised[]> {
      const page = await list(PAGE, last)
      const all = page.filter(isDue)
      const due = all.slice(0, limit)
      last = due.length < all.length ? due.at(-1) : page.length === PAGE ? page.at(-1) : undefined
      return due
    },

    /** It has failed: it is due again after a pause that doubles each time. */
    postpone(id: string): void {
      const before = postponed.get(id)?.pauseMs ?? FIRST_PAUSE_MS / 2
      const pauseMs = Math.min(2 * before, LONGEST_PAUSE_MS)
      postponed.set(id, { pauseMs, until: monotonic() + pauseMs })
    },

    forget: (id: string): void => void postponed.delete(id),
  }
}
