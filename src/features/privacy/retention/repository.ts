import { and, asc, eq, inArray, lt, type SQLWrapper, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { conversations, counselings, feedbacks, overAt, sessions } from '../../../db/schema/index.ts'

/** Key of the advisory lock of the nightly job; any number that nobody else uses. */
const RETENTION_LOCK = 0x6d61_6572

const olderThan = (time: SQLWrapper, days: number) => sql`${time} < now() - ${days} * interval '1 day'`

/** Rows to erase: older than so many days, behind the `skipped` oldest ones, up to `limit`. */
export type Expired = { readonly days: number; readonly limit: number; readonly skipped: number }

/** Each erases the oldest rows that are older than so many days, and returns how many. */
export const retentionRepository = {
  /** True for one transaction at a time across all instances; its other statements get `statementMs` each. */
  lock: async (tx: Orm, statementMs: number): Promise<boolean> => {
    const rows = await tx.execute<{ got: boolean }>(
      sql`select pg_try_advisory_xact_lock(${RETENTION_LOCK}) as got,
        set_config('statement_timeout', ${String(statementMs)}, true)`,
    )
    return rows[0]?.got === true
  },

  /** Ended ones, with everything that hangs on them. */
  async deleteSessions(tx: Orm, { days, limit, skipped }: Expired): Promise<number> {
    const old = tx
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.status, 'ended'), olderThan(sessions.endedAt, days)))
      .orderBy(asc(sessions.endedAt))
      .limit(limit)
      .offset(skipped)
      .as('old')
    // In the order of their ids, as everyone who locks more than one.
    const locked = tx
      .select({ id: sessions.id })
      .from(sessions)
      .where(inArray(sessions.id, tx.select({ id: old.id }).from(old)))
      .orderBy(asc(sessions.id))
      .for('update')
    return (await tx.delete(sessions).where(inArray(sessions.id, locked)).returning({ id: sessions.id }))
      .length
  },

  async deleteConversations(tx: Orm, { days, limit, skipped }: Expired): Promise<number> {
    const old = tx
      .select({ id: conversations.id })
      .from(conversations)
      .where(olderThan(conversations.createdAt, days))
      .orderBy(asc(conversations.createdAt))
      .limit(limit)
      .offset(skipped)
    const rows = await tx
      .delete(conversations)
      .where(inArray(conversations.id, old))
      .returning({ id: conversations.id })
    return rows.length
  },

  /** Those that are over; one that is still to come is kept however long ago it was booked. */
  async deleteCounselings(tx: Orm, { days, limit, skipped }: Expired): Promise<number> {
    const old = tx
      .select({ id: counselings.id })
      .from(counselings)
      .where(olderThan(overAt(counselings), days))
      .orderBy(asc(overAt(counselings)))
      .limit(limit)
      .offset(skipped)
    const rows = await tx
      .delete(counselings)
      .where(inArray(counselings.id, old))
      .returning({ id: counselings.id })
    return rows.length
  },

  async deleteFeedback(tx: Orm, { days, limit, skipped }: Expired): Promise<number> {
    const old = tx
      .select({ id: feedbacks.id })
      .from(feedbacks)
      .where(lt(feedbacks.createdAt, sql`now() - ${days} * interval '1 day'`))
      .orderBy(asc(feedbacks.createdAt))
      .limit(limit)
      .offset(skipped)
    return (await tx.delete(feedbacks).where(inArray(feedbacks.id, old)).returning({ id: feedbacks.id }))
      .length
  },
}

export type RetentionRepository = typeof retentionRepository
