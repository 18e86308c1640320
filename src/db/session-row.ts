import { and, desc, eq, getTableColumns, type SQL, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from './orm.ts'
import { sessions } from './schema/index.ts'

export type SessionRow = typeof sessions.$inferSelect

/** The row and the database time, which is the session's clock on every instance. */
export type LockedSession = { readonly session: SessionRow; readonly now: Date }

/** The owner of the session; undefined when it does not exist. */
export const findSessionOwner = async (orm: Orm, id: string): Promise<number | undefined> =>
  (await orm.select({ userId: sessions.userId }).from(sessions).where(eq(sessions.id, id)))[0]?.userId

const COLUMNS = Object.entries(getTableColumns(sessions))

/** A row as the driver returns it, in the types of the schema. */
export function toSession(row: postgres.Row): SessionRow {
  const fields = COLUMNS.map(([key, column]) => {
    const value: unknown = row[column.name]
    return [key, value === null ? null : column.mapFromDriverValue(value)]
  })
  return Object.fromEntries(fields) as SessionRow // every column of the table, mapped by its own type
}

/**
 * The last sessions of the placeholder `userId`, at most `limit` of them, to be joined with their reports, which are
 * larger.
 */
export const selectLastSessions = (orm: Orm, which?: SQL) =>
  orm
    .select({
      id: sessions.id,
      status: sessions.status,
      startedAt: sessions.startedAt,
      endedAt: sessions.endedAt,
    })
    .from(sessions)
    .where(and(eq(sessions.userId, sql.placeholder('userId')), which))
    .orderBy(sql`${sessions.startedAt} desc nulls last`, desc(sessions.id)) // the order of the index
    .limit(sql.placeholder('limit'))
    .as('last_sessions')
