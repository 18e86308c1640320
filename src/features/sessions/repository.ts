import { and, asc, eq, inArray, ne, sql } from 'drizzle-orm'
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
    await orm.update(sessions).set(change).where(eq(sessions.id, id))
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
