import { and, desc, eq, inArray, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { counselings, sessions, users } from '../../db/schema/index.ts'
import type { CounselingStatus } from '../../domain/counseling.ts'

export type CounselingRow = typeof counselings.$inferSelect

type NewCounseling = {
  readonly userId: number
  readonly sessionId: string | null
  readonly type: string
  readonly scheduledAt: Date | null
  readonly notes: string | null
}

export type CounselingChange = {
  readonly status?: CounselingStatus
  readonly scheduledAt?: Date | null
  readonly notes?: string
  readonly survey?: Record<string, unknown>
}

export type Page = {
  readonly userId: number
  readonly statuses: readonly CounselingStatus[]
  /** Only appointments before this one. */
  readonly before: number | undefined
  readonly limit: number
}

const isOwn = (id: number, userId: number) => and(eq(counselings.id, id), eq(counselings.userId, userId))

export const counselingsRepository = {
  /** Undefined when the user or their session does not exist. One statement, so that the check is atomic. */
  insert: async (orm: Orm, row: NewCounseling): Promise<CounselingRow | undefined> => {
    const ownSession = sql`select 1 from ${sessions} where ${sessions.id} = ${row.sessionId} and ${sessions.userId} = ${row.userId}`
    const values = sql`select ${users.id}, ${row.sessionId}::text, ${row.type}::text,
      ${row.scheduledAt?.toISOString() ?? null}::timestamptz, ${row.notes}::text
      from ${users} where ${users.id} = ${row.userId} and (${row.sessionId}::text is null or exists (${ownSession}))`
    const rows = await orm.execute<{ id: string }>(sql`
      insert into ${counselings} (user_id, session_id, type, scheduled_at, notes) ${values} returning id`)
    const id = rows[0]?.id
    return id === undefined ? undefined : await counselingsRepository.find(orm, Number(id), row.userId)
  },

  find: async (orm: Orm, id: number, userId: number): Promise<CounselingRow | undefined> =>
    (await orm.select().from(counselings).where(isOwn(id, userId)).limit(1))[0],

  lock: async (orm: Orm, id: number, userId: number): Promise<CounselingRow | undefined> =>
    (await orm.select().from(counselings).where(isOwn(id, userId)).limit(1).for('update'))[0],

  update: async (orm: Orm, id: number, userId: number, change: CounselingChange) => {
    const [row] = await orm
      .update(counselings)
      .set({ ...change, updatedAt: sql`now()` })
      .where(isOwn(id, userId))
      .returning()
    return row
  },

  /** Newest first. Reads each status by its index, so a page costs the same for any number of rows. */
  list: (orm: Orm, { userId, statuses, before, limit }: Page): Promise<CounselingRow[]> => {
    const wanted = sql.join(
      statuses.map((status) => sql`(${status}::text)`),
      sql`, `,
    )
    const earlier = before === undefined ? sql`` : sql`and c.id < ${before}`
    const page = sql`(
      select page.id from (values ${wanted}) as wanted (status)
      cross join lateral (
        select c.id from ${counselings} c
        where c.user_id = ${userId} and c.status = wanted.status ${earlier}
        order by c.id desc limit ${limit}) as page
      order by page.id desc limit ${limit})`
    return orm.select().from(counselings).where(inArray(counselings.id, page)).orderBy(desc(counselings.id))
  },
}

export type CounselingsRepository = typeof counselingsRepository
