import { LRUCache } from 'lru-cache'
import { AppError } from '../../errors.ts'

const MAX_FAILURES = 20
const REMEMBERED_FOR_MS = 15 * 60_000
const REMEMBERED = 10_000

/**
 * Wrong passwords from one address for one e-mail: after twenty, no more are looked at until the first is 15 minutes old.
 * The owner, who calls from elsewhere, is not locked out; an unknown e-mail is counted like a known one.
 */
export function createAttempts() {
  const failures = new LRUCache<string, number>({
    max: REMEMBERED,
    ttl: REMEMBERED_FOR_MS,
    noUpdateTTL: true,
  })
  return {
    of(email: string, address: string) {
      const key = `${address} ${email}`
      return {
        /** @throws TOO_MANY_ATTEMPTS when there have been too many failures. */
        admit(): void {
          if ((failures.get(key) ?? 0) < MAX_FAILURES) return
          const retryAfter = Math.ceil(failures.getRemainingTTL(key) / 1000)
          throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter })
        },
        fail: () => void failures.set(key, (failures.get(key) ?? 0) + 1),
        clear: () => void failures.delete(key),
      }
    },
  }
}

export type Attempts = ReturnType<typeof createAttempts>
