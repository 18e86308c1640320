import { eq } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import {
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

  /** Deletes the user, their data key and all their rows; false when they were deleted already. */
  async deleteUser(orm: Orm, userId: number): Promise<boolean> {
    const rows = await orm.delete(users).where(eq(users.id, userId)).returning({ id: users.id })
    return rows.length > 0
  },
}

export type ErasureRepository = typeof erasureRepository
