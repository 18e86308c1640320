import { and, desc, eq, type SQLWrapper, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { prepared } from '../../../db/prepared.ts'
import { reports, sessions } from '../../../db/schema/index.ts'
import { selectLastSessions } from '../../../db/session-row.ts'
import type { Emotion } from '../../../domain/emotion.ts'
import type { SessionStatus } from '../../../domain/session.ts'

type Last = ReturnType<typeof selectLastSessions>

const countOf = (status: SessionStatus) =>
  sql<number>`count(*) filter (where ${sessions.status} = ${status})`.mapWith(Number)
const lengthMs = ({ startedAt, endedAt }: { startedAt: SQLWrapper; endedAt: SQLWrapper }) =>
  sql`extract(epoch from coalesce(${endedAt}, now()) - ${startedAt}) * 1000`

const userId = sql.placeholder('userId')

/** Older than the session that ends the previous page, if that is one of the user's. */
const OLDER = sql`(${sessions.startedAt}, ${sessions.id}) < (
  select page.started_at, page.id from ${sessions} page
  where page.id = ${sql.placeholder('before')} and page.user_id = ${userId})`

/** The emotion is that of the report. */
const toListed = (last: Last) => ({
  id: last.id,
  status: last.status,
  startedAt: last.startedAt,
  durationMs: sql<number>`${lengthMs(last)}`.mapWith(Number),
  dominantEmotion: sql<Emotion | null>`${reports.content} #>> '{analysis,emotionSummary,primaryEmotion,emotion}'`,
})

const list = (orm: Orm, last: Last) =>
  orm
    .select(toListed(last))
    .from(last)
    .leftJoin(reports, eq(reports.sessionId, last.id))
    .orderBy(desc(last.startedAt), desc(last.id))

const LIST_RECENT = prepared((orm) => list(orm, selectLastSessions(orm)).prepare('list_recent_sessions'))
const LIST_OLDER = prepared((orm) => list(orm, selectLastSessions(orm, OLDER)).prepare('list_older_sessions'))
const FIND_OWN = prepared((orm) =>
  orm
    .select({ id: sessions.id })
    .from(sessions)
    .where(and(eq(sessions.id, sql.placeholder('id')), eq(sessions.userId, userId)))
    .limit(1)
    .prepare('find_own_session'),
)

/** One statement: each row of the last sessions with the statistics of all. */
const LIST_WITH_STATISTICS = prepared((orm) => {
  const averageMs = sql`coalesce(avg(${lengthMs(sessions)}) filter (where ${sessions.status} = 'ended'), 0)`
  const all = orm
    .select({
      total: sql<number>`count(*)`.mapWith(Number).as('total'),
      active: countOf('active').as('active'),
      paused: countOf('paused').as('paused'),
      ended: countOf('ended').as('ended'),
      averageMs: sql<number>`${averageMs}`.mapWith(Number).as('average_ms'),
    })
    .from(sessions)
    .where(eq(sessions.userId, userId))
    .as('all_sessions')
  const last = selectLastSessions(orm)
  const { total, active, paused, ended } = all
  return orm
    .select({
      session: toListed(last),
      statistics: { total, active, paused, ended, averageMs: all.averageMs },
    })
    .from(last)
    .innerJoin(all, sql`true`)
    .leftJoin(reports, eq(reports.sessionId, last.id))
    .orderBy(desc(last.startedAt), desc(last.id))
    .prepare('list_sessions_with_statistics')
})

export const sessionListRepository = {
  /** The last sessions, newest first, with the dominant emotion of their reports. */
  listRecent: (orm: Orm, userId: number, limit: number) => LIST_RECENT(orm).execute({ userId, limit }),

  /** The user's sessions that started before `before`, newest first; none when `before` is not the user's. */
  listOlder: (orm: Orm, userId: number, before: string, limit: number) =>
    LIST_OLDER(orm).execute({ userId, before, limit }),

  isOwn: async (orm: Orm, userId: number, id: string) =>
    (await FIND_OWN(orm).execute({ userId, id })).length > 0,

  /**
   * The last sessions, each with the number of all sessions by status and the average duration of the ended ones, ms;
   * empty without sessions.
   */
  listWithStatistics: (orm: Orm, userId: number, limit: number) =>
    LIST_WITH_STATISTICS(orm).execute({ userId, limit }),
}

export type SessionListRepository = typeof sessionListRepository
