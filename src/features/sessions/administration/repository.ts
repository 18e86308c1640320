import { and, asc, desc, eq, ne, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { sessions } from '../../../db/schema/index.ts'
import type { SessionStatus } from '../../../domain/session.ts'

/** The columns of a session that an operator sees. */
const COLUMNS = {
  id: sessions.id,
  userId: sessions.userId,
  status: sessions.status,
  startedAt: sessions.startedAt,
  endedAt: sessions.endedAt,
  endReason: sessions.endReason,
  seenAt: sessions.seenAt,
  finalisedAt: sessions.finalisedAt,
  language: sessions.language,
  landmarkCount: sessions.landmarkCount,
  /** The instance that serves the session, while its lease is valid. */
  owner: sql<string | null>`case when ${sessions.leaseUntil} > now() then ${sessions.leaseOwner} end`,
}

export type SessionSelection = {
  readonly userId?: number
  /** `live`: active or paused. */
  readonly status?: SessionStatus | 'live'
  /** The last session of the previous page. */
  readonly after?: string
  readonly limit: number
}

/** Sessions as the operator administers them. */
export const sessionAdministrationRepository = {
  /** Newest first. */
  list: (orm: Orm, { userId, status, after, limit }: SessionSelection) => {
    const older = sql`(${sessions.startedAt}, ${sessions.id}) < (
      select page.started_at, page.id from ${sessions} page where page.id = ${after})`
    const ofStatus = status === 'live' ? ne(sessions.status, 'ended') : undefined
    return orm
      .select(COLUMNS)
      .from(sessions)
      .where(
        and(
          userId === undefined ? undefined : eq(sessions.userId, userId),
          status === undefined || status === 'live' ? ofStatus : eq(sessions.status, status),
          after === undefined ? undefined : older,
        ),
      )
      .orderBy(desc(sessions.startedAt), desc(sessions.id))
      .limit(limit)
  },

  /** Up to two ids of sessions that begin with `prefix`. Reads the whole table. */
  listByPrefix: async (orm: Orm, prefix: string): Promise<string[]> => {
    const rows = await orm
      .select({ id: sessions.id })
      .from(sessions)
      .where(sql`starts_with(${sessions.id}, ${prefix})`)
      .orderBy(asc(sessions.id))
      .limit(2)
    return rows.map(({ id }) => id)
  },

  find: async (orm: Orm, id: string) =>
    (await orm.select(COLUMNS).from(sessions).where(eq(sessions.id, id)))[0],

  /** The number of the user's sessions and of the live ones among them. */
  countOfUser: async (orm: Orm, userId: number) => ({
    total: await orm.$count(sessions, eq(sessions.userId, userId)),
    live: await orm.$count(sessions, and(eq(sessions.userId, userId), ne(sessions.status, 'ended'))),
  }),
}

export type AdministeredSession = NonNullable<
  Awaited<ReturnType<(typeof sessionAdministrationRepository)['find']>>
>
