import { LRUCache } from 'lru-cache'
import type { Database } from '../../db/client.ts'
import { commitDurably } from '../../db/durable.ts'
import { CARRY_BASELINE, EXPRESSION_READING } from '../../domain/consent.ts'
import { AppError } from '../../errors.ts'
import type { ConsentRepository, ConsentRow, NewConsent } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: ConsentRepository
  readonly isRequired: boolean
  /** Ends what reads the person's face now, on all instances. */
  readonly endSessions: (userId: number) => Promise<void>
  readonly onChange: (userId: number, what: 'given' | 'withdrawn', purpose: string) => void
  readonly onUnknown: (error: unknown) => void
  readonly monotonic: () => number
}

const MOST_SHOWN = 200
const REMEMBERED = 20_000
/** How often it is looked for a consent that may just have been given on another instance. */
const LOOK_MS = 500

type Known = {
  readonly isGiven: boolean
  /** When it was asked for, or became known: what was asked for before is older. */
  readonly tick: number
  lookedAt: number
}

/** Receipts of consent, and whether a person's face and voice may be analysed now. */
export function createConsents(dependencies: Dependencies) {
  const { repository, isRequired, monotonic } = dependencies
  const { orm } = dependencies.database
  const known = new LRUCache<number, Known>({ max: REMEMBERED })

  let now = 0
  /** What was looked up before is asked again: the database may have lost it since. */
  let staleBefore = Number.NEGATIVE_INFINITY

  const note = (userId: number, isGiven: boolean, tick = ++now): void => {
    const before = known.get(userId)
    if (before === undefined || before.tick < tick)
      known.set(userId, { isGiven, tick, lookedAt: monotonic() })
  }
  /** What was known holds until the answer is there, and when there is none. */
  const look = async (userId: number): Promise<void> => {
    const tick = ++now
    const before = known.get(userId)
    if (before === undefined) note(userId, false, 0)
    else before.lookedAt = monotonic()
    note(userId, await repository.isStanding(orm, userId, EXPRESSION_READING), tick)
  }

  return {
    /** To be awaited before `allows` is asked for the first time in a session: then it answers from what is so now. */
    async prepare(userId: number): Promise<void> {
      if (isRequired) await look(userId)
    },

    /** Whether a frame may be looked at, or a voice listened to. Hot path: never waits; a refusal makes it look again, now and then. */
    allows(userId: number): boolean {
      if (!isRequired) return true
      const entry = known.get(userId)
      const isGiven = entry?.isGiven === true
      const isDue = entry === undefined || monotonic() - entry.lookedAt >= LOOK_MS
      if (isDue && !(isGiven && entry.lookedAt >= staleBefore)) look(userId).catch(dependencies.onUnknown)
      return isGiven
    },

    /** Looks up again what is known, when it is needed: the connection to the database was lost in between. */
    recheck(): void {
      staleBefore = monotonic()
    },

    list: (userId: number): Promise<ConsentRow[]> => repository.list(orm, userId, MOST_SHOWN),

    async give(userId: number, receipt: NewConsent): Promise<ConsentRow> {
      const row = await repository.insert(orm, userId, receipt)
      if (row === undefined) throw new AppError('UNAUTHORIZED') // a token may outlive its account
      if (receipt.purpose === EXPRESSION_READING) note(userId, true)
      dependencies.onChange(userId, 'given', receipt.purpose)
      return row
    },

    /**
     * Takes back one purpose, or all, and erases what was kept by it; whose face is read now is not read any more when
     * this resolves.
     */
    async withdraw(userId: number, purpose: string | null): Promise<ConsentRow[]> {
      const isReading = purpose === null || purpose === EXPRESSION_READING
      try {
        await commitDurably(orm, async (tx) => {
          await repository.withdraw(tx, userId, purpose)
          if (purpose === null || purpose === CARRY_BASELINE) await repository.deleteBaseline(tx, userId)
          return true
        })
      } finally {
        // Also where a standby has not confirmed it yet: the person has said no.
        if (isReading) {
          note(userId, false)
          await dependencies.endSessions(userId)
        }
      }
      dependencies.onChange(userId, 'withdrawn', purpose ?? 'all')
      return repository.list(orm, userId, MOST_SHOWN)
    },
  }
}

export type Consents = ReturnType<typeof createConsents>
