import {
  and,
  asc,
  desc,
  eq,
  exists,
  getTableColumns,
  inArray,
  isNotNull,
  isNull,
  lt,
  ne,
  or,
  sql,
} from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from '../../db/orm.ts'
import {
  baselines,
  consents,
  emotionWindows,
  refreshFamilies,
  type SessionLabels,
  sessions,
  userPreferences,
} from '../../db/schema/index.ts'
import { CARRY_BASELINE } from '../../domain/consent.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
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
  /** Raised, without an owner: whoever served the session may store nothing more of it. */
  readonly leaseEpoch?: number
  readonly leaseOwner?: null
  readonly leaseUntil?: null
}

export type NewSession = {
  readonly id: string
  readonly userId: number
  readonly familyId: string
  readonly labels: SessionLabels
  readonly intervalMs: number
  readonly language: Language
}

/** Key of the advisory lock of the sweep; any number that nobody else uses. */
const SWEEP_LOCK = 0x6d61_6575

const COLUMNS = Object.entries(getTableColumns(sessions))

/** A row as the driver gives it, in the types of the schema. */
export function toSession(row: postgres.Row): SessionRow {
  const fields = COLUMNS.map(([key, column]) => {
    const value: unknown = row[column.name]
    return [key, value === null ? null : column.mapFromDriverValue(value)]
  })
  return Object.fromEntries(fields) as SessionRow // every column of the table, mapped by its own type
}

export const sessionsRepository = {
  /** Whether the user's device is logged in; it cannot be logged out before the transaction has ended. */
  lockLiveFamily: async (
    tx: Orm,
    { userId, familyId }: { userId: number; familyId: string },
  ): Promise<boolean> => {
    const { id, userId: owner, revokedAt } = refreshFamilies
    const rows = await tx
      .select({ id })
      .from(refreshFamilies)
      .where(and(eq(id, familyId), eq(owner, userId), isNull(revokedAt)))
      .for('share')
    return rows.length > 0
  },

  /**
   * In the language that the person has set, else in the one given, and with the neutral face of their earlier sessions
   * where they allow it.
   */
  insert: async (orm: Orm, session: NewSession): Promise<SessionRow | undefined> => {
    const { preferences } = userPreferences
    const isTheirs = eq(userPreferences.userId, session.userId)
    const language = orm
      .select({ language: sql`${preferences} ->> 'language'` })
      .from(userPreferences)
      .where(and(isTheirs, inArray(sql`${preferences} ->> 'language'`, [...LANGUAGES])))
    const agreed = orm
      .select({ id: consents.id })
      .from(consents)
      .where(
        and(
          eq(consents.userId, session.userId),
          eq(consents.purpose, CARRY_BASELINE),
          isNull(consents.withdrawnAt),
        ),
      )
    const baseline = orm
      .select({ measures: baselines.measures })
      .from(baselines)
      .where(and(eq(baselines.userId, session.userId), exists(agreed)))
    const [row] = await orm
      .insert(sessions)
      .values({
        ...session,
        language: sql`coalesce((${language}), ${session.language})`,
        baseline: sql`(${baseline})`,
      })
      .returning()
    return row
  },

  find: async (orm: Orm, id: string): Promise<LockedSession | undefined> =>
    (await orm.select(WITH_NOW).from(sessions).where(eq(sessions.id, id)).limit(1))[0],

  lock: async (orm: Orm, id: string): Promise<LockedSession | undefined> =>
    (await orm.select(WITH_NOW).from(sessions).where(eq(sessions.id, id)).for('update').limit(1))[0],

  /** When anybody was last there: its last socket or frame, or the close of its last window. */
  lastSignOf: async (orm: Orm, id: string): Promise<Date | undefined> => {
    const lastClose = orm
      .select({ at: emotionWindows.closedAt })
      .from(emotionWindows)
      .where(eq(emotionWindows.sessionId, id))
      .orderBy(desc(emotionWindows.window))
      .limit(1)
    const at = sql<Date>`least(now(), greatest(${sessions.seenAt}, (${lastClose})))`.mapWith(sessions.seenAt)
    return (await orm.select({ at }).from(sessions).where(eq(sessions.id, id)))[0]?.at
  },

  async update(orm: Orm, id: string, change: StatusChange): Promise<void> {
    await orm
      .update(sessions)
      .set({ ...change, changedAt: sql`now()` })
      .where(eq(sessions.id, id))
  },

  /** Erases the user's session with everything that hangs on it; false when there is none. */
  async delete(orm: Orm, id: string, userId: number): Promise<boolean> {
    const rows = await orm
      .delete(sessions)
      .where(and(eq(sessions.id, id), eq(sessions.userId, userId)))
      .returning({ id: sessions.id })
    return rows.length > 0
  },

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

  /** Devices whose last token has expired, oldest first; nobody can refresh or log out with them any more. */
  async deleteExpiredFamilies(tx: Orm, limit: number): Promise<number> {
    const expired = tx
      .select({ id: refreshFamilies.id })
      .from(refreshFamilies)
      .where(lt(refreshFamilies.expiresAt, sql`now() - interval '1 day'`))
      .orderBy(asc(refreshFamilies.expiresAt))
      .limit(limit)
    const rows = await tx
      .delete(refreshFamilies)
      .where(inArray(refreshFamilies.id, expired))
      .returning({ id: refreshFamilies.id })
    return rows.length
  },

  /** Live sessions whose device was logged out, or away for so long that its login has run out. */
  listLiveOfDeadFamilies: async (orm: Orm, limit: number): Promise<string[]> => {
    const rows = await orm
      .select({ id: sessions.id })
      .from(sessions)
      .innerJoin(refreshFamilies, eq(refreshFamilies.id, sessions.familyId))
      .where(
        and(
          ne(sessions.status, 'ended'),
          or(isNotNull(refreshFamilies.revokedAt), lt(refreshFamilies.expiresAt, sql`now()`)),
        ),
      )
      .limit(limit)
    return rows.map((row) => row.id)
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

  listLiveOfUser: async (orm: Orm, userId: number): Promise<string[]> => {
    const rows = await orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.userId, userId), ne(sessions.status, 'ended')))
      .orderBy(asc(sessions.startedAt))
    return rows.map((row) => row.id)
  },

  /** Erases up to `limit` sessions of the user with everything that hangs on them; returns which. */
  async deleteOfUser(orm: Orm, userId: number, limit: number): Promise<string[]> {
    const some = orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(eq(sessions.userId, userId))
      .orderBy(asc(sessions.id)) // as everyone who locks more than one
      .limit(limit)
      .for('update')
    const rows = await orm.delete(sessions).where(inArray(sessions.id, some)).returning({ id: sessions.id })
    return rows.map((row) => row.id)
  },

  /** What a summary and its statistics need of each stored window, in order. */
  listWindows: (orm: Orm, sessionId: string) =>
    orm
      .select({
        window: emotionWindows.window,
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
