import { and, desc, eq, gte, isNotNull, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import type { Orm } from '../../db/orm.ts'
import { prepared } from '../../db/prepared.ts'
import { emotionWindows, reports, sessions, userPreferences } from '../../db/schema/index.ts'
import { selectLastSessions } from '../../db/session-row.ts'
import type { Days } from '../../domain/day.ts'

/** The mean of the rows that match `condition`; null if none does. */
const meanWhere = (column: PgColumn, condition: SQL) =>
  sql<number | null>`(avg(${column}) filter (where ${condition}))::float8`
const vadWhere = (condition: SQL) => ({
  valence: meanWhere(emotionWindows.valence, condition),
  arousal: meanWhere(emotionWindows.arousal, condition),
  dominance: meanWhere(emotionWindows.dominance, condition),
})
const userId = sql.placeholder('userId')

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

const LIST_REPORTED = prepared((orm) => {
  const last = selectLastSessions(orm, isNotNull(sessions.finalisedAt))
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

export const dashboardRepository = {
  /** The preferences that are used here; undefined when the user has set none. */
  findPreferences: async (orm: Orm, userId: number) => (await FIND_PREFERENCES(orm).execute({ userId }))[0],

  /** Means over all windows that closed yesterday and today; null for a day without windows. */
  findDailyMeans: async (orm: Orm, userId: number, { yesterday, today, tomorrow }: Days) =>
    (
      await FIND_DAILY_MEANS(orm).execute({
        userId,
        yesterday: new Date(yesterday).toISOString(),
        today: new Date(today).toISOString(),
        tomorrow: new Date(tomorrow).toISOString(),
      })
    )[0],

  /** The last sessions that have a report, newest first; `valence` is null without analysed windows. */
  listReported: (orm: Orm, userId: number, limit: number) => LIST_REPORTED(orm).execute({ userId, limit }),
}

export type DashboardRepository = typeof dashboardRepository
