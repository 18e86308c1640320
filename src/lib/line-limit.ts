import { LRUCache } from 'lru-cache'
import { entryLimit } from './entry-limit.ts'

const MAX_KEYS = 1000
const LINE_EVERY_MS = 60_000

/**
 * Limits log lines that repeat: one a minute for each key. Returns how many lines of the key were left out since the
 * last one; undefined when this one is left out too.
 *
 * @param monotonic clock, ms.
 */
export function createLineLimit(monotonic: () => number): (key: string) => number | undefined {
  const lines = new LRUCache<string, { readonly loggedAt: number; omitted: number }>(entryLimit(MAX_KEYS))
  return (key) => {
    const now = monotonic()
    const last = lines.get(key)
    if (last !== undefined && now - last.loggedAt < LINE_EVERY_MS) {
      last.omitted++
      return undefined
    }
    lines.set(key, { loggedAt: now, omitted: 0 })
    return last?.omitted ?? 0
  }
}
