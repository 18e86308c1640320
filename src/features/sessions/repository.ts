import { and, asc, desc, eq, exists, inArray, isNotNull, isNull, lt, ne, or, sql } from 'drizzle-orm'
import { tryAdvisoryLock } from '../../db/locks.ts'
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
import type { LockedSession, SessionRow } from '../../db/session-row.ts'
import { CARRY_BASELINE } from '../../domain/consent.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
import type { EndReason, SessionStatus } from '../../domain/session.ts'

/** The row and the database time, which is the session's clock on every instance. */
const WITH_NOW = { session: sessions, now: sql<Date>`now()`.mapWith(sessions.startedAt) }

export type StatusChange = {
  readonly status: SessionStatus
  readonly pausedAt?: Date
  readonly resumedAt?: Date
  readonly endedAt?: Date
  readonly endReason?: EndReason
  readonly endAnswer?: Record<string, unknown>
  /** Incremented without an owner, so that the former owner can store nothing more. */
  readonly leaseEpoch?: number
  readonly leaseAfterWindow?: 0
  readonly leaseOwner?: null
  readonly leaseUntil?: null
}

type NewSession = {
  readonly id: string
  readonly userId: number
  readonly familyId: string
  readonly labels: SessionLabels
  readonly intervalMs: number
  readonly language: Language
}

export const sessionsRepository = {
  /** Whether the user's device is logged in. It cannot be logged out before the transaction ends. */
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

  /** With the language of the user's preferences, else the given one, and with consent the user's stored baseline. */
  insert: async (orm: Orm, session: NewSession): Promise<SessionRow | undefined> => {
    const { preferences } = userPreferences
    const isOwn = eq(userPreferences.userId, session.userId)
    const language = orm
      .select({ language: sql`${preferences} ->> 'language'` })
      .from(userPreferences)
      .where(and(isOwn, inArray(sql`${preferences} ->> 'language'`, [...LANGUAGES])))
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

  /** Time of the last activity: a socket, a frame or the close of a window. */
  findLastActivity: async (orm: Orm, id: string): Promise<Date | undefined> => {
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

  /** Deletes the user's session and all its rows; false when there is none. */
  async delete(orm: Orm, id: string, userId: number): Promise<boolean> {
    const rows = await orm
      .delete(sessions)
      .where(and(eq(sessions.id, id), eq(sessions.userId, userId)))
      .returning({ id: sessions.id })
    return rows.length > 0
  },

  /** Live sessions without activity for `ms`. */
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
  lockSweep: (tx: Orm): Promise<boolean> => tryAdvisoryLock(tx, 'sessionSweep'),

  /** Deletes devices whose last token has expired, oldest first. */
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

  /** Live sessions whose device was logged out or whose login has expired. */
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

  /** Deletes up to `limit` sessions of the user and all their rows; returns their ids. */
  async deleteOfUser(orm: Orm, userId: number, limit: number): Promise<string[]> {
    const some = orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(eq(sessions.userId, userId))
      .orderBy(asc(sessions.id)) // the lock order for several sessions
      .limit(limit)
      .for('update')
    const rows = await orm.delete(sessions).where(inArray(sessions.id, some)).returning({ id: sessions.id })
    return rows.map((row) => row.id)
  },

  /** The columns that the summary and its statistics use, in window order. */
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
