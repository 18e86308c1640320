import { LRUCache } from 'lru-cache'
import type { PerMinute } from './allowance.ts'
import { entryLimit } from '../lib/entry-limit.ts'

type Options = {
  readonly perMinute: PerMinute
  /** Null: no limit. */
  readonly dailyBudgetMicroUsd: number | null
  /** Milliseconds since the epoch. */
  readonly clock: () => number
}

/** Parts of the quota per minute and of the daily budget that one user may use outside windows. */
const SHARE_OF_MINUTE = 0.25
const SHARE_OF_DAY = 0.1
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const MAX_USERS = 20_000

type Taken = { minute: number; requests: number; tokens: number; day: number; microUsd: number }

/** Prevents one user from using up the shared models. Counted per process, by UTC. */
export function createShares({ perMinute, dailyBudgetMicroUsd, clock }: Options) {
  const byUser = new LRUCache<number, Taken>(entryLimit(MAX_USERS))

  const takenBy = (userId: number): Taken => {
    const [minute, day] = [Math.floor(clock() / MINUTE_MS), Math.floor(clock() / DAY_MS)]
    const taken = byUser.get(userId) ?? { minute, requests: 0, tokens: 0, day, microUsd: 0 }
    if (taken.minute !== minute) Object.assign(taken, { minute, requests: 0, tokens: 0 })
    if (taken.day !== day) Object.assign(taken, { day, microUsd: 0 })
    byUser.set(userId, taken)
    return taken
  }

  return {
    /**
     * Takes a request of so many tokens from the user's share; false when it is used up. The first request of a minute
     * is always allowed.
     */
    take(userId: number, tokens: number): boolean {
      const taken = takenBy(userId)
      if (dailyBudgetMicroUsd !== null && taken.microUsd >= SHARE_OF_DAY * dailyBudgetMicroUsd) return false
      const isWithinMinute =
        taken.requests + 1 <= SHARE_OF_MINUTE * perMinute.requests &&
        taken.tokens + tokens <= SHARE_OF_MINUTE * perMinute.tokens
      if (taken.requests > 0 && !isWithinMinute) return false
      taken.requests++
      taken.tokens += tokens
      return true
    },
    spend(userId: number, microUsd: number): void {
      takenBy(userId).microUsd += microUsd
    },
  }
}

export type Shares = ReturnType<typeof createShares>
