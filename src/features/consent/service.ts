import { LRUCache } from 'lru-cache'
import type { Database } from '../../db/client.ts'
import { commitDurably } from '../../db/durable.ts'
import { CARRY_BASELINE, EXPRESSION_READING } from '../../domain/consent.ts'
import { AppError } from '../../protocol/errors.ts'
import type { ConsentRepository, ConsentRow, NewConsent } from './repository.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: ConsentRepository
  readonly isRequired: boolean
  /** Ends the user's live sessions, on all instances. */
  readonly endSessions: (userId: number) => Promise<void>
  readonly onChange: (userId: number, what: 'given' | 'withdrawn', purpose: string) => void
  readonly onUnknown: (error: unknown) => void
  readonly monotonic: () => number
}

const MAX_LISTED = 200
const MAX_CACHED_USERS = 20_000
/** How often the row is checked for a consent that another instance may have stored. */
const POLL_INTERVAL_MS = 500

type Known = {
  readonly isGiven: boolean
  /** Orders results by the start of their query or change; an older one does not replace a newer one. */
  readonly order: number
  refreshedAt: number
}

/** Consent receipts, and whether a user's face and voice may be analysed now. */
export function createConsents(dependencies: Dependencies) {
  const { repository, isRequired, monotonic } = dependencies
  const { orm } = dependencies.database
  const known = new LRUCache<number, Known>(entryLimit(MAX_CACHED_USERS))

  let now = 0
  /** Results from before this time are read again, because the database may have lost them. */
  let staleBefore = Number.NEGATIVE_INFINITY

  const setKnown = (userId: number, isGiven: boolean, order = ++now): void => {
    const before = known.get(userId)
    if (before === undefined || before.order < order)
      known.set(userId, { isGiven, order, refreshedAt: monotonic() })
  }
  /** The known state stays valid until the query succeeds. */
  const refresh = async (userId: number): Promise<void> => {
    const order = ++now
    const before = known.get(userId)
    if (before === undefined) setKnown(userId, false, 0)
    else before.refreshedAt = monotonic()
    setKnown(userId, await repository.hasValid(orm, userId, EXPRESSION_READING), order)
  }

  return {
    /** Await it before the first `allows` of a session, so that `allows` returns the current state. */
    async prepare(userId: number): Promise<void> {
      if (isRequired) await refresh(userId)
    },

    /** Whether face and voice may be analysed. Hot path: never waits. A refusal is checked again in the background. */
    allows(userId: number): boolean {
      if (!isRequired) return true
      const entry = known.get(userId)
      const isGiven = entry?.isGiven === true
      const isDue = entry === undefined || monotonic() - entry.refreshedAt >= POLL_INTERVAL_MS
      if (isDue && !(isGiven && entry.refreshedAt >= staleBefore))
        refresh(userId).catch(dependencies.onUnknown)
      return isGiven
    },

    /** Call it after a lost database connection: known states are read again when they are needed. */
    recheck(): void {
      staleBefore = monotonic()
    },

    list: (userId: number): Promise<ConsentRow[]> => repository.list(orm, userId, MAX_LISTED),

    async give(userId: number, receipt: NewConsent): Promise<ConsentRow> {
      const row = await repository.insert(orm, userId, receipt)
      if (row === undefined) throw new AppError('UNAUTHORIZED') // a token may outlive its account
      if (receipt.purpose === EXPRESSION_READING) setKnown(userId, true)
      dependencies.onChange(userId, 'given', receipt.purpose)
      return row
    },

    /**
     * Withdraws one purpose or all and deletes the data stored under it. When it resolves, the user is no longer
     * analysed.
     */
    async withdraw(userId: number, purpose: string | null): Promise<ConsentRow[]> {
      const isAnalysis = purpose === null || purpose === EXPRESSION_READING
      try {
        await commitDurably(orm, async (tx) => {
          await repository.withdraw(tx, userId, purpose)
          if (purpose === null || purpose === CARRY_BASELINE) await repository.deleteBaseline(tx, userId)
          return true
        })
      } finally {
        // Also when no standby has confirmed the commit yet: the user has withdrawn consent.
        if (isAnalysis) {
          setKnown(userId, false)
          await dependencies.endSessions(userId)
        }
      }
      dependencies.onChange(userId, 'withdrawn', purpose ?? 'all')
      return repository.list(orm, userId, MAX_LISTED)
    },
  }
}

export type Consents = ReturnType<typeof createConsents>
