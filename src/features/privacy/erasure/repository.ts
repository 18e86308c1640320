import { eq, inArray } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import {
  consents,
  counselings,
  feedbacks,
  modelAllowances,
  refreshFamilies,
  sessions,
  users,
} from '../../../db/schema/index.ts'

export const erasureRepository = {
  /** What there is of a person before it goes, for the receipt. */
  count: async (orm: Orm, userId: number) => ({
    sessions: await orm.$count(sessions, eq(sessions.userId, userId)),
    counselings: await orm.$count(counselings, eq(counselings.userId, userId)),
    feedback: await orm.$count(feedbacks, eq(feedbacks.userId, userId)),
    consents: await orm.$count(consents, eq(consents.userId, userId)),
    devices: await orm.$count(refreshFamilies, eq(refreshFamilies.userId, userId)),
  }),

  /** Rows that name a session and do not hang on it. */
  async deleteTurns(orm: Orm, userId: number): Promise<void> {
    const theirs = await orm.select({ id: sessions.id }).from(sessions).where(eq(sessions.userId, userId))
    const keys = theirs.map(({ id }) => `counsellor ${id}`)
    if (keys.length > 0) await orm.delete(modelAllowances).where(inArray(modelAllowances.key, keys))
  },

  /** The person, their key, and all that hangs on them; false when they were gone already. */
  async deleteUser(orm: Orm, userId: number): Promise<boolean> {
    const rows = await orm.delete(users).where(eq(users.id, userId)).returning({ id: users.id })
    return rows.length > 0
  },
}

export type ErasureRepository = typeof erasureRepository
