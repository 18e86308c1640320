import type { Orm } from '../../../db/orm.ts'
import type { RetentionRepository } from './repository.ts'

type Kind = 'sessions' | 'conversations' | 'counselings' | 'feedback' | 'audit'

type Dependencies = {
  readonly orm: Orm
  readonly repository: RetentionRepository
  readonly days: Readonly<Partial<Record<Kind, number>>>
  readonly retainAudit: (days: number, signal: AbortSignal) => Promise<number>
}

const BATCH = 200
/** Of each kind in one night: what is left goes the next night. */
const MOST_BATCHES = 500

/** Erases what is older than it may become. */
export function createRetention({ orm, repository, days, retainAudit }: Dependencies) {
  const steps = {
    conversations: (tx: Orm, age: number, limit: number) => repository.deleteConversations(tx, age, limit),
    feedback: (tx: Orm, age: number, limit: number) => repository.deleteFeedback(tx, age, limit),
    counselings: (tx: Orm, age: number, limit: number) => repository.deleteCounselings(tx, age, limit),
    sessions: (tx: Orm, age: number, limit: number) => repository.deleteSessions(tx, age, limit),
  }

  /** One batch a transaction, each under the lock: of several instances one works and the others find it taken. */
  const deleteAll = async (
    remove: (tx: Orm, days: number, limit: number) => Promise<number>,
    age: number,
    signal: AbortSignal,
  ): Promise<number> => {
    let total = 0
    for (let batch = 0; batch < MOST_BATCHES && !signal.aborted; batch++) {
      const deleted = await orm.transaction(async (tx) =>
        (await repository.lock(tx)) ? remove(tx, age, BATCH) : 0,
      )
      total += deleted
      if (deleted < BATCH) break
    }
    return total
  }

  return {
    /** Returns how many rows of each kind have gone; only kinds that do not last for ever are named. */
    async run(signal: AbortSignal): Promise<Partial<Record<Kind, number>>> {
      const gone: Partial<Record<Kind, number>> = {}
      for (const kind of ['conversations', 'feedback', 'counselings', 'sessions'] as const) {
        const age = days[kind]
        if (age !== undefined) gone[kind] = await deleteAll(steps[kind], age, signal)
      }
      if (days.audit !== undefined && !signal.aborted) gone.audit = await retainAudit(days.audit, signal)
      return gone
    },
  }
}

export type Retention = ReturnType<typeof createRetention>

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const AT_HOUR = 3

/** From `now` to the next three o'clock (UTC), ms. */
export function untilNight(now: number): number {
  const today = Math.floor(now / DAY_MS) * DAY_MS + AT_HOUR * HOUR_MS
  return (today > now ? today : today + DAY_MS) - now
}
