import { LRUCache } from 'lru-cache'
import type { Unfinalised } from './repository.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

type Dependencies = {
  /** Up to `limit` sessions without a report in the order of their end, after `after`. */
  readonly list: (limit: number, after: Unfinalised | undefined) => Promise<Unfinalised[]>
  readonly monotonic: () => number
}

/** Rows that one call reads; most of them may be postponed. */
const PAGE = 500
const MAX_POSTPONED = 10_000
const MIN_PAUSE_MS = 10_000
const MAX_PAUSE_MS = 600_000

/** Cycles through the sessions without a report, so that sessions that fail do not block the others. */
export function createOverdue({ list, monotonic }: Dependencies) {
  let last: Unfinalised | undefined
  const postponed = new LRUCache<string, { pauseMs: number; until: number }>(entryLimit(MAX_POSTPONED))
  const isDue = ({ id }: Unfinalised) => (postponed.get(id)?.until ?? 0) <= monotonic()

  return {
    /** Up to `limit` sessions that are due. After the last session it starts again with the first. */
    async next(limit: number): Promise<Unfinalised[]> {
      const page = await list(PAGE, last)
      const all = page.filter(isDue)
      const due = all.slice(0, limit)
      last = due.length < all.length ? due.at(-1) : page.length === PAGE ? page.at(-1) : undefined
      return due
    },

    /** Makes a failed session due again after a pause that doubles each time. */
    postpone(id: string): void {
      const before = postponed.get(id)?.pauseMs ?? MIN_PAUSE_MS / 2
      const pauseMs = Math.min(2 * before, MAX_PAUSE_MS)
      postponed.set(id, { pauseMs, until: monotonic() + pauseMs })
    },

    forget: (id: string): void => void postponed.delete(id),
  }
}
