import { and, eq, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { refreshFamilies, users } from '../../db/schema/index.ts'

export type UserRow = typeof users.$inferSelect
export type FamilyRow = typeof refreshFamilies.$inferSelect

/** `now()` plus a span: the database's clock decides about expiry on every instance. */
const fromNow = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`

export const authRepository = {
  findUserByEmail: async (orm: Orm, email: string): Promise<UserRow | undefined> =>
    (await orm.select().from(users).where(eq(users.email, email)).limit(1))[0],

  findUser: async (orm: Orm, id: number): Promise<UserRow | undefined> =>
    (await orm.select().from(users).where(eq(users.id, id)).limit(1))[0],

  /** Which of the two names is taken already. */
  async findTaken(orm: Orm, email: string, username: string): Promise<{ email: boolean; username: boolean }> {
    const rows = await orm
      .select({
        email: eq(users.email, email).mapWith(Boolean),
        username: sameName(username).mapWith(Boolean),
      })
      .from(users)
      .where(sql`${users.email} = ${email} or ${sameName(username)}`)
      .limit(2)
    return { email: rows.some((row) => row.email), username: rows.some((row) => row.username) }
  },

  insertUser: async (orm: Orm, user: typeof users.$inferInsert): Promise<UserRow | undefined> =>
    (await orm.insert(users).values(user).returning())[0],

  updateUser: async (
    orm: Orm,
    id: number,
    changes: { username?: string; profileImage?: string | null },
  ): Promise<UserRow | undefined> =>
    (
      await orm
        .update(users)
        .set({ ...changes, updatedAt: sql`now()` })
        .where(eq(users.id, id))
        .returning()
    )[0],

  async insertFamily(orm: Orm, family: { id: string; userId: number; ttlMs: number }): Promise<void> {
    const { ttlMs, ...row } = family
    await orm.insert(refreshFamilies).values({ ...row, expiresAt: fromNow(ttlMs) })
  },

  /** Locks the family until the transaction ends. `age` is the time since its counter was issued, in ms. */
  lockFamily: async (orm: Orm, id: string) =>
    (
      await orm
        .select({
          userId: refreshFamilies.userId,
          counter: refreshFamilies.counter,
          confirmed: refreshFamilies.confirmed,
          live: sql<boolean>`${refreshFamilies.revokedAt} is null and ${refreshFamilies.expiresAt} > now()`,
          ageMs: sql<number>`extract(epoch from now() - ${refreshFamilies.rotatedAt}) * 1000`.mapWith(Number),
        })
        .from(refreshFamilies)
        .where(eq(refreshFamilies.id, id))
        .for('update')
        .limit(1)
    )[0],

  async updateFamilyCounter(orm: Orm, id: string, counter: number, ttlMs: number): Promise<void> {
    await orm
      .update(refreshFamilies)
      .set({ counter, confirmed: false, rotatedAt: sql`now()`, expiresAt: fromNow(ttlMs) })
      .where(eq(refreshFamilies.id, id))
  },

  async updateFamilyConfirmed(orm: Orm, id: string, counter: number): Promise<void> {
    await orm
      .update(refreshFamilies)
      .set({ confirmed: true })
      .where(
        and(
          eq(refreshFamilies.id, id),
          eq(refreshFamilies.counter, counter),
          eq(refreshFamilies.confirmed, false),
        ),
      )
  },

  /**
   * Revokes one family of the user, or all of them, and returns their ids: also of those revoked before, for what hangs
   * on them may not have been ended then.
   */
  async revokeFamilies(orm: Orm, userId: number, familyId: string | null): Promise<string[]> {
    const rows = await orm
      .update(refreshFamilies)
      .set({ revokedAt: sql`coalesce(${refreshFamilies.revokedAt}, now())` })
      .where(
        and(
          eq(refreshFamilies.userId, userId),
          ...(familyId === null ? [] : [eq(refreshFamilies.id, familyId)]),
        ),
      )
      .returning({ id: refreshFamilies.id })
    return rows.map((row) => row.id)
  },
}

const sameName = (username: string) => sql`lower(${users.username}) = lower(${username})`

export type AuthRepository = typeof authRepository
