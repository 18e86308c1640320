import { isTimedOut } from '../../../db/faults.ts'
import type { Orm } from '../../../db/orm.ts'
import { removeAll } from '../../../lib/batches.ts'
import type { Expired, RetentionRepository } from './repository.ts'

const KINDS = ['conversations', 'feedback', 'counselings', 'sessions', 'audit'] as const
type Kind = (typeof KINDS)[number]

type Dependencies = {
  readonly orm: Orm
  readonly repository: RetentionRepository
  readonly days: Readonly<Partial<Record<Kind, number>>>
  readonly retainAudit: (days: number, signal: AbortSignal) => Promise<number>
  /** Called for a kind that was not deleted, or for one row that was skipped. */
  readonly onFailed: (kind: Kind, error: unknown) => void
  readonly statementMs?: number
}

const BATCH_SIZE = 200
/** Batches per kind and night; the rest is deleted the next night. */
const MAX_TRIES = 500
/** Shorter than the pool's own deadlines, so that a batch that is too large fails with `query_canceled`. */
const STATEMENT_MS = 12_000

/** Deletes data that is older than its retention period. */
export function createRetention(dependencies: Dependencies) {
  const { orm, repository, days, retainAudit, onFailed, statementMs = STATEMENT_MS } = dependencies
  const steps = {
    conversations: (tx: Orm, expired: Expired) => repository.deleteConversations(tx, expired),
    feedback: (tx: Orm, expired: Expired) => repository.deleteFeedback(tx, expired),
    counselings: (tx: Orm, expired: Expired) => repository.deleteCounselings(tx, expired),
    sessions: (tx: Orm, expired: Expired) => repository.deleteSessions(tx, expired),
  }

  /** One batch per transaction, each under the lock, so that only one instance works at a time. */
  const deleteAll = (kind: keyof typeof steps, age: number, signal: AbortSignal): Promise<number> =>
    removeAll({
      remove: (limit, skipped) =>
        orm.transaction(async (tx) =>
          (await repository.lock(tx, statementMs)) ? steps[kind](tx, { days: age, limit, skipped }) : 0,
        ),
      batch: BATCH_SIZE,
      maxTries: MAX_TRIES,
      isTooLarge: isTimedOut,
      onSkip: (error) => onFailed(kind, error),
      signal,
    })

  const removeKind = (kind: Kind, age: number, signal: AbortSignal): Promise<number> =>
    kind === 'audit' ? retainAudit(age, signal) : deleteAll(kind, age, signal)

  return {
    /**
     * Returns the number of deleted rows of each kind that has a retention period. A kind that fails is reported and
     * does not stop the others.
     */
    async run(signal: AbortSignal): Promise<Partial<Record<Kind, number>>> {
      const gone: Partial<Record<Kind, number>> = {}
      for (const kind of KINDS) {
        const age = days[kind]
        if (age === undefined || (kind === 'audit' && signal.aborted)) continue
        try {
          gone[kind] = await removeKind(kind, age, signal)
        } catch (error) {
          onFailed(kind, error)
        }
      }
      return gone
    },
  }
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const AT_HOUR = 3

/** From `now` to the next three o'clock (UTC), ms. */
export function untilNight(now: number): number {
  const today = Math.floor(now / DAY_MS) * DAY_MS + AT_HOUR * HOUR_MS
  return (today > now ? today : today + DAY_MS) - now
}
