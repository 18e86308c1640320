import { and, asc, eq, gt, inArray, lt, ne, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, type SessionLabels, sessions } from '../../db/schema/index.ts'
import type { EndReason, SessionStatus } from '../../domain/session.ts'

export type SessionRow = typeof sessions.$inferSelect

/** The row, and the database's own time: sessions live by that clock, on every instance. */
const WITH_NOW = { session: sessions, now: sql<Date>`now()`.mapWith(sessions.startedAt) }

export type LockedSession = { readonly session: SessionRow; readonly now: Date }

export type StatusChange = {
  readonly status: SessionStatus
  readonly pausedAt?: Date
  readonly resumedAt?: Date
  readonly endedAt?: Date
  readonly endReason?: EndReason
  readonly endAnswer?: Record<string, unknown>
}

export type LeaseKey = { readonly sessionId: string; readonly epoch: number }

const MAX_CHANGED = 5000

/** Key of the advisory lock of the sweep; any number that nobody else uses. */
const SWEEP_LOCK = 0x6d61_6575

const fromNow = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`

/** Rows whose lease has exactly the epoch that the caller holds. */
const sameLease = (leases: readonly LeaseKey[]) => {
  const held = JSON.stringify(leases.map(({ sessionId, epoch }) => ({ id: sessionId, epoch })))
  // Locked in one order everywhere, so that two writers never wait for each other in a circle.
  return sql`${sessions.id} in (
    select s.id from ${sessions} s
    join jsonb_to_recordset(${held}::text::jsonb) as held (id text, epoch int) on s.id = held.id and s.lease_epoch = held.epoch
    order by s.id for no key update of s)`
}

export const sessionsRepository = {
  insert: async (
    orm: Orm,
    session: { id: string; userId: number; familyId: string; labels: SessionLabels; intervalMs: number },
  ): Promise<SessionRow | undefined> => (await orm.insert(sessions).values(session).returning())[0],

  find: async (orm: Orm, id: string): Promise<LockedSession | undefined> =>
    (await orm.select(WITH_NOW).from(sessions).where(eq(sessions.id, id)).limit(1))[0],

  lock: async (orm: Orm, id: string): Promise<LockedSession | undefined> =>
    (await orm.select(WITH_NOW).from(sessions).where(eq(sessions.id, id)).for('update').limit(1))[0],

  async update(orm: Orm, id: string, change: StatusChange): Promise<void> {
    await orm
      .update(sessions)
      .set({ ...change, changedAt: sql`now()` })
      .where(eq(sessions.id, id))
  },

  /**
   * Makes this instance the owner of a session that has not ended; the epoch rises with every change of owner.
   * `onlyFree`: not while another instance's lease is running.
   */
  claim: async (
    orm: Orm,
    id: string,
    { owner, ttlMs, onlyFree }: { owner: string; ttlMs: number; onlyFree: boolean },
  ): Promise<LockedSession | undefined> => {
    // One that ran out and was taken by nobody is still ours: what was closed under it may yet be written.
    const kept = sql`${sessions.leaseOwner} is not distinct from ${owner}`
    const [row] = await orm
      .update(sessions)
      .set({
        leaseOwner: owner,
        leaseEpoch: sql`${sessions.leaseEpoch} + case when ${kept} then 0 else 1 end`,
        leaseUntil: fromNow(ttlMs),
        seenAt: sql`now()`,
        changedAt: sql`case when ${kept} then ${sessions.changedAt} else now() end`,
      })
      .where(
        and(
          eq(sessions.id, id),
          ne(sessions.status, 'ended'),
          ...(onlyFree ? [sql`(${kept} or coalesce(${sessions.leaseUntil} < now(), true))`] : []),
        ),
      )
      .returning()
    // `seen_at` has just been set to the database's now.
    return row === undefined ? undefined : { session: row, now: row.seenAt }
  },

  /** Extends those of the leases that still stand and returns their sessions. One statement for any number. */
  renewLeases: async (orm: Orm, leases: readonly LeaseKey[], ttlMs: number): Promise<string[]> => {
    const rows = await orm
      .update(sessions)
      .set({ leaseUntil: fromNow(ttlMs) })
      .where(sameLease(leases))
      .returning({ id: sessions.id })
    return rows.map((row) => row.id)
  },

  async releaseLeases(orm: Orm, leases: readonly LeaseKey[]): Promise<void> {
    await orm
      .update(sessions)
      .set({ leaseOwner: null, leaseUntil: null, changedAt: sql`now()` })
      .where(sameLease(leases))
  },

  /** A socket of these sessions is open here. */
  async touch(orm: Orm, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await orm
      .update(sessions)
      .set({ seenAt: sql`now()` })
      .where(and(inArray(sessions.id, [...ids]), ne(sessions.status, 'ended')))
  },

  /** What has moved in the last `ms`, for those who missed the notice. */
  listChanged: (orm: Orm, ms: number) =>
    orm
      .select({
        id: sessions.id,
        status: sessions.status,
        epoch: sessions.leaseEpoch,
        pausedAt: sessions.pausedAt,
        resumedAt: sessions.resumedAt,
        endedAt: sessions.endedAt,
        endReason: sessions.endReason,
        moved: sql<boolean>`coalesce(greatest(${sessions.pausedAt}, ${sessions.resumedAt}, ${sessions.endedAt}) > now() - ${ms} * interval '1 millisecond', false)`,
      })
      .from(sessions)
      .where(
        and(
          gt(sessions.changedAt, sql`now() - ${ms} * interval '1 millisecond'`),
          sql`(${sessions.leaseEpoch} > 0 or ${sessions.status} <> 'active')`,
        ),
      )
      .orderBy(asc(sessions.changedAt))
      .limit(MAX_CHANGED),

  /** Live sessions where nobody has been for `ms`. */
  listAbandoned: async (orm: Orm, ms: number, limit: number): Promise<string[]> => {
    const rows = await orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(
        and(ne(sessions.status, 'ended'), lt(sessions.seenAt, sql`now() - ${ms} * interval '1 millisecond'`)),
      )
      .orderBy(asc(sessions.startedAt))
      .limit(limit)
      .for('update', { skipLocked: true })
    return rows.map((row) => row.id)
  },

  /** True for one transaction at a time across all instances. */
  lockSweep: async (tx: Orm): Promise<boolean> => {
    const rows = await tx.execute<{ got: boolean }>(
      sql`select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as got`,
    )
    return rows[0]?.got === true
  },

  /** Live sessions that these devices started. */
  listLiveOfFamilies: async (orm: Orm, familyIds: readonly string[]): Promise<string[]> => {
    const rows = await orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(inArray(sessions.familyId, [...familyIds]), ne(sessions.status, 'ended')))
      .orderBy(asc(sessions.startedAt))
    return rows.map((row) => row.id)
  },

  /** What a summary and its statistics need of each stored window, in order. */
  listWindows: (orm: Orm, sessionId: string) =>
    orm
      .select({
        emotion: emotionWindows.emotion,
        confidence: emotionWindows.confidence,
        valence: emotionWindows.valence,
        arousal: emotionWindows.arousal,
        source: emotionWindows.source,
        modelOutcome: emotionWindows.modelOutcome,
        latencyMs: emotionWindows.latencyMs,
      })
      .from(emotionWindows)
      .where(eq(emotionWindows.sessionId, sessionId))
      .orderBy(asc(emotionWindows.window)),

  countWindows: async (orm: Orm, sessionId: string): Promise<number> =>
    orm.$count(emotionWindows, eq(emotionWindows.sessionId, sessionId)),
}

export type SessionsRepository = typeof sessionsRepository
