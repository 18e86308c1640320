import { and, asc, eq, gt, inArray, isNull, lte, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { CARRY_BASELINE } from '../../../domain/consent.ts'
import {
  baselines,
  consents,
  counselings,
  feedbacks,
  refreshFamilies,
  sessions,
  users,
} from '../../../db/schema/index.ts'

export const erasureRepository = {
  /** The number of the user's rows before the erasure, for the receipt. */
  count: async (orm: Orm, userId: number) => ({
    sessions: await orm.$count(sessions, eq(sessions.userId, userId)),
    counselings: await orm.$count(counselings, eq(counselings.userId, userId)),
    feedback: await orm.$count(feedbacks, eq(feedbacks.userId, userId)),
    consents: await orm.$count(consents, eq(consents.userId, userId)),
    devices: await orm.$count(refreshFamilies, eq(refreshFamilies.userId, userId)),
  }),

  /** Up to `limit` users after `after`, with their wrapped data keys. */
  listKeys: (orm: Orm, after: number, limit: number) =>
    orm
      .select({ id: users.id, dataKey: users.dataKey })
      .from(users)
      .where(gt(users.id, after))
      .orderBy(asc(users.id))
      .limit(limit),

  /** Deletes the sessions with these marks (`sessionMark`); returns their number. Reads all ids. */
  async deleteMarked(orm: Orm, marks: readonly string[]): Promise<number> {
    const mark = sql<string>`encode(sha256(convert_to(${sessions.id}, 'UTF8')), 'hex')`
    const rows = await orm
      .delete(sessions)
      .where(inArray(mark, [...marks]))
      .returning({ id: sessions.id })
    return rows.length
  },

  /** Withdraws consents that were given until `at`; true if there was one. `all` are all purposes. */
  async withdrawConsents(
    orm: Orm,
    userId: number,
    { purpose, at }: { purpose: string; at: Date },
  ): Promise<boolean> {
    const rows = await orm
      .update(consents)
      .set({ withdrawnAt: at })
      .where(
        and(
          eq(consents.userId, userId),
          isNull(consents.withdrawnAt),
          lte(consents.createdAt, at),
          purpose === 'all' ? undefined : eq(consents.purpose, purpose),
        ),
      )
      .returning({ purpose: consents.purpose })
    if (rows.some((row) => row.purpose === CARRY_BASELINE))
      await orm.delete(baselines).where(eq(baselines.userId, userId))
    return rows.length > 0
  },

  /** Deletes the user, their data key and all their rows; false when they were deleted already. */
  async deleteUser(orm: Orm, userId: number): Promise<boolean> {
    const rows = await orm.delete(users).where(eq(users.id, userId)).returning({ id: users.id })
    return rows.length > 0
  },
}

export type ErasureRepository = typeof erasureRepository
