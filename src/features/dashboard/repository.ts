import { and, desc, eq, gte, isNotNull, isNull, lt, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Orm } from '../../db/orm.ts'
import { prepared } from '../../db/prepared.ts'
import { emotionWindows, reports, sessions, userPreferences } from '../../db/schema/index.ts'
import type { Days } from '../../domain/day.ts'
import type { Emotion } from '../../domain/emotion.ts'
import type { SessionStatus } from '../../domain/session.ts'

/** The mean where `isIt` holds; null where it never does. */
const meanWhere = (column: PgColumn, isIt: SQL) =>
  sql<number | null>`(avg(${column}) filter (where ${isIt}))::float8`
const vadWhere = (isIt: SQL) => ({
  valence: meanWhere(emotionWindows.valence, isIt),
  arousal: meanWhere(emotionWindows.arousal, isIt),
  dominance: meanWhere(emotionWindows.dominance, isIt),
})
const countOf = (status: SessionStatus) =>
  sql<number>`count(*) filter (where ${sessions.status} = ${status})`.mapWith(Number)
const lengthMs = ({ startedAt, endedAt }: { startedAt: SQLWrapper; endedAt: SQLWrapper }) =>
  sql`extract(epoch from coalesce(${endedAt}, now()) - ${startedAt}) * 1000`

const userId = sql.placeholder('userId')
const limit = sql.placeholder('limit')

/** Chosen before their reports are looked into: those are larger. */
const lastSessions = (orm: Orm, which?: SQL) =>
  orm
    .select({
      id: sessions.id,
      status: sessions.status,
      startedAt: sessions.startedAt,
      endedAt: sessions.endedAt,
    })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), which))
    .orderBy(sql`${sessions.startedAt} desc nulls last`, desc(sessions.id)) // as the index has them
    .limit(limit)
    .as('last_sessions')

const FIND_PREFERENCES = prepared((orm) => {
  const { preferences } = userPreferences
  return orm
    .select({
      timezone: sql<string | null>`${preferences} ->> 'timezone'`,
      language: sql<string | null>`${preferences} ->> 'language'`,
    })
    .from(userPreferences)
    .where(eq(userPreferences.userId, userId))
    .limit(1)
    .prepare('find_dashboard_preferences')
})

const FIND_DAILY_MEANS = prepared((orm) => {
  const timeOf = (day: keyof Days) => sql`${sql.placeholder(day)}::timestamptz`
  const [yesterday, today, tomorrow] = [timeOf('yesterday'), timeOf('today'), timeOf('tomorrow')] as const
  return orm
    .select({
      today: vadWhere(gte(emotionWindows.closedAt, today)),
      yesterday: vadWhere(lt(emotionWindows.closedAt, today)),
    })
    .from(sessions)
    .innerJoin(emotionWindows, eq(emotionWindows.sessionId, sessions.id))
    .where(
      and(
        eq(sessions.userId, userId),
        lt(sessions.startedAt, tomorrow),
        or(isNull(sessions.endedAt), gte(sessions.endedAt, yesterday)),
        gte(emotionWindows.closedAt, yesterday),
        lt(emotionWindows.closedAt, tomorrow),
      ),
    )
    .prepare('find_daily_means')
})

const FIND_STATISTICS = prepared((orm) =>
  orm
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
    .prepare('find_session_statistics'),
)

/** Older than the session that ends the page before, if that is one of theirs. */
const OLDER = sql`(${sessions.startedAt}, ${sessions.id}) < (
  select page.started_at, page.id from ${sessions} page
  where page.id = ${sql.placeholder('before')} and page.user_id = ${userId})`

const listed = (orm: Orm, which?: SQL) => {
  const last = lastSessions(orm, which)
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
}

const LIST_RECENT = prepared((orm) => listed(orm).prepare('list_recent_sessions'))
const LIST_OLDER = prepared((orm) => listed(orm, OLDER).prepare('list_older_sessions'))
const FIND_OWN = prepared((orm) =>
  orm
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.id, sql.placeholder('id')), eq(sessions.userId, userId)))
    .limit(1)
    .prepare('find_own_session'),
)

const LIST_REPORTED = prepared((orm) => {
  const last = lastSessions(orm, isNotNull(sessions.finalisedAt))
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
    .prepare('list_reported_sessions')
})

const NO_SESSIONS = { total: 0, active: 0, paused: 0, ended: 0, averageMs: 0 }

export const dashboardRepository = {
  /** What the person has set of what matters here; undefined when nothing ever was. */
  findPreferences: async (orm: Orm, userId: number) => (await FIND_PREFERENCES(orm).execute({ userId }))[0],

  /** Means over all windows that closed yesterday and today; nulls for a day without one. */
  findDailyMeans: async (orm: Orm, userId: number, { yesterday, today, tomorrow }: Days) =>
    (
      await FIND_DAILY_MEANS(orm).execute({
        userId,
        yesterday: new Date(yesterday).toISOString(),
        today: new Date(today).toISOString(),
        tomorrow: new Date(tomorrow).toISOString(),
      })
    )[0],

  /** How many sessions of each state, and how long the ended ones were on average, ms. */
  findStatistics: async (orm: Orm, userId: number) =>
    (await FIND_STATISTICS(orm).execute({ userId }))[0] ?? NO_SESSIONS,

  /** The last sessions, newest first, with what their reports say. */
  listRecent: (orm: Orm, userId: number, limit: number) => LIST_RECENT(orm).execute({ userId, limit }),

  /** Those that began before this one of the person's, newest first; none when it is not theirs. */
  listOlder: (orm: Orm, userId: number, before: string, limit: number) =>
    LIST_OLDER(orm).execute({ userId, before, limit }),

  isOwn: async (orm: Orm, userId: number, id: string) =>
    (await FIND_OWN(orm).execute({ userId, id })).length > 0,

  /** The last sessions that have a report, newest first; `valence` is null when nothing was read. */
  listReported: (orm: Orm, userId: number, limit: number) => LIST_REPORTED(orm).execute({ userId, limit }),
}

export type DashboardRepository = typeof dashboardRepository
