import { and, desc, eq, gte, isNotNull, isNull, lt, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, reports, sessions, userPreferences } from '../../db/schema/index.ts'
import type { Emotion } from '../../domain/emotion.ts'

/** Beginnings of days, ms since the epoch. */
export type Days = { readonly yesterday: number; readonly today: number; readonly tomorrow: number }

const mean = (column: PgColumn) => sql<number>`avg(${column})`.mapWith(Number)
const countOf = (status: string) =>
  sql<number>`count(*) filter (where ${sessions.status} = ${status})`.mapWith(Number)
const lengthMs = ({ startedAt, endedAt }: { startedAt: SQLWrapper; endedAt: SQLWrapper }) =>
  sql`extract(epoch from coalesce(${endedAt}, now()) - ${startedAt}) * 1000`

/** Chosen before their reports are looked into: those are large. */
const lastSessions = (orm: Orm, userId: number, limit: number, finalised: SQL | undefined) =>
  orm
    .select({
      id: sessions.id,
      status: sessions.status,
      startedAt: sessions.startedAt,
      endedAt: sessions.endedAt,
    })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), finalised))
    .orderBy(desc(sessions.startedAt), desc(sessions.id))
    .limit(limit)
    .as('last_sessions')

export const dashboardRepository = {
  /** What the person has set of what matters here; undefined when nothing ever was. */
  findPreferences: async (orm: Orm, userId: number) => {
    const { preferences } = userPreferences
    const [row] = await orm
      .select({
        timezone: sql<string | null>`${preferences} ->> 'timezone'`,
        language: sql<string | null>`${preferences} ->> 'language'`,
      })
      .from(userPreferences)
      .where(eq(userPreferences.userId, userId))
      .limit(1)
    return row
  },

  /** Means over all windows that closed yesterday and today; a day without one has no row. */
  listDailyMeans: (orm: Orm, userId: number, { yesterday, today, tomorrow }: Days) => {
    const isToday = sql<boolean>`${gte(emotionWindows.closedAt, new Date(today))}`
    return orm
      .select({
        isToday,
        valence: mean(emotionWindows.valence),
        arousal: mean(emotionWindows.arousal),
        dominance: mean(emotionWindows.dominance),
      })
      .from(sessions)
      .innerJoin(emotionWindows, eq(emotionWindows.sessionId, sessions.id))
      .where(
        and(
          eq(sessions.userId, userId),
          lt(sessions.startedAt, new Date(tomorrow)),
          or(isNull(sessions.endedAt), gte(sessions.endedAt, new Date(yesterday))),
          gte(emotionWindows.closedAt, new Date(yesterday)),
          lt(emotionWindows.closedAt, new Date(tomorrow)),
        ),
      )
      .groupBy(sql`1`)
      .limit(2)
  },

  /** How many sessions of each state, and how long the ended ones were on average, ms. */
  findStatistics: async (orm: Orm, userId: number) => {
    const [row] = await orm
      .select({
        total: sql<number>`count(*)`.mapWith(Number),
        active: countOf('active'),
        paused: countOf('paused'),
        ended: countOf('ended'),
        averageMs:
          sql<number>`coalesce(avg(${lengthMs(sessions)}) filter (where ${sessions.status} = 'ended'), 0)`.mapWith(
            Number,
          ),
      })
      .from(sessions)
      .where(eq(sessions.userId, userId))
    return row ?? { total: 0, active: 0, paused: 0, ended: 0, averageMs: 0 }
  },

  /** The last sessions, newest first, with what their reports say. */
  listRecent: (orm: Orm, userId: number, limit: number) => {
    const last = lastSessions(orm, userId, limit, undefined)
    return orm
      .select({
        id: last.id,
        status: last.status,
        startedAt: last.startedAt,
        durationMs: sql<number>`${lengthMs(last)}`.mapWith(Number),
        dominantEmotion: sql<Emotion | null>`${reports.content} #>> '{analysis,emotionSummary,primaryEmotion,emotion}'`,
      })
      .from(last)
      .leftJoin(reports, eq(reports.sessionId, last.id))
      .orderBy(desc(last.startedAt), desc(last.id))
  },

  /** The last sessions that have a report, newest first; `valence` is null when nothing was read. */
  listReported: (orm: Orm, userId: number, limit: number) => {
    const last = lastSessions(orm, userId, limit, isNotNull(sessions.finalisedAt))
    return orm
      .select({
        sessionId: last.id,
        reportId: reports.id,
        createdAt: reports.generatedAt,
        valence: sql<
          number | null
        >`case when jsonb_typeof(${reports.content} #> '{analysis,vadSummary}') = 'object'
          then (${reports.content} #>> '{analysis,vadVector,valence}')::float8 end`,
      })
      .from(last)
      .innerJoin(reports, eq(reports.sessionId, last.id))
      .orderBy(desc(last.startedAt), desc(last.id))
  },
}

export type DashboardRepository = typeof dashboardRepository
