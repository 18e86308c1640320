import { and, asc, eq, inArray, type SQLWrapper, sql } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import { tryAdvisoryLock } from '../../../db/locks.ts'
import type { Orm } from '../../../db/orm.ts'
import { conversations, counselings, feedbacks, overAt, sessions } from '../../../db/schema/index.ts'

const olderThan = (time: SQLWrapper, days: number) => sql`${time} < now() - ${days} * interval '1 day'`

/** Rows to delete: older than `days`, after the `skipped` oldest ones, up to `limit`. */
export type Expired = { readonly days: number; readonly limit: number; readonly skipped: number }

/** Each deletes the oldest rows that are older than `days` and returns their number. */
export const retentionRepository = {
  /** True for one transaction at a time across all instances. Sets its statement timeout to `statementMs`. */
  lock: async (tx: Orm, statementMs: number): Promise<boolean> => {
    await tx.execute(sql`select set_config('statement_timeout', ${String(statementMs)}, true)`)
    return tryAdvisoryLock(tx, 'retention')
  },

  /** Ended sessions with all their rows. */
  async deleteSessions(tx: Orm, { days, limit, skipped }: Expired): Promise<number> {
    const old = tx
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.status, 'ended'), olderThan(sessions.endedAt, days)))
      .orderBy(asc(sessions.endedAt))
      .limit(limit)
      .offset(skipped)
      .as('old')
    // In the order of their ids, the lock order for several sessions.
    const locked = tx
      .select({ id: sessions.id })
      .from(sessions)
      .where(inArray(sessions.id, tx.select({ id: old.id }).from(old)))
      .orderBy(asc(sessions.id))
      .for('update')
    return (await tx.delete(sessions).where(inArray(sessions.id, locked)).returning({ id: sessions.id }))
      .length
  },

  deleteConversations: (tx: Orm, expired: Expired): Promise<number> =>
    deleteOldest(tx, conversations, conversations.createdAt, expired),

  /** Past appointments. Future ones are kept, even if they were booked long ago. */
  deleteCounselings: (tx: Orm, expired: Expired): Promise<number> =>
    deleteOldest(tx, counselings, overAt(counselings), expired),

  deleteFeedback: (tx: Orm, expired: Expired): Promise<number> =>
    deleteOldest(tx, feedbacks, feedbacks.createdAt, expired),
}

async function deleteOldest(
  tx: Orm,
  table: PgTable & { readonly id: PgColumn },
  time: SQLWrapper,
  { days, limit, skipped }: Expired,
): Promise<number> {
  const oldest = tx
    .select({ id: table.id })
    .from(table)
    .where(olderThan(time, days))
    .orderBy(asc(time))
    .limit(limit)
    .offset(skipped)
  return (await tx.delete(table).where(inArray(table.id, oldest)).returning({ id: table.id })).length
}

export type RetentionRepository = typeof retentionRepository
