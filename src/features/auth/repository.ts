import { and, eq, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from '../../db/orm.ts'
import { refreshFamilies, users } from '../../db/schema/index.ts'

export type UserRow = typeof users.$inferSelect
export type FamilyRow = typeof refreshFamilies.$inferSelect

/** `now()` plus a span: the database's clock decides about expiry on every instance. */
const fromNow = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`

/** What signup and login need of an account. */
export type AccountRow = Pick<UserRow, 'id' | 'username' | 'email' | 'profileImage'> & {
  readonly passwordHash: string
}

type NewAccount = { readonly username: string; readonly email: string; readonly passwordHash: string }
type NewFamily = { readonly id: string; readonly ttlMs: number }

/** The driver gives a bigint as text. */
const toAccount = (row: postgres.Row): AccountRow => ({
  id: Number(row['id']),
  username: String(row['username']),
  email: String(row['email']),
  profileImage: row['profile_image'] === null ? null : String(row['profile_image']),
  passwordHash: String(row['password_hash']),
})

/**
 * The statements of signup and login go straight to the driver, where they are prepared once and take one round trip;
 * through the query layer each takes two.
 */
export const accountRepository = {
  async findByEmail(client: postgres.Sql, email: string): Promise<AccountRow | undefined> {
    const [row] = await client`
      select id, username, email, profile_image, password_hash from users where email = ${email}`
    return row === undefined ? undefined : toAccount(row)
  },

  /** Which of the two names is taken already. */
  async findTaken(client: postgres.Sql, email: string, username: string) {
    const [row] = await client`
      select coalesce(bool_or(email = ${email}), false) as email,
             coalesce(bool_or(lower(username) = lower(${username})), false) as username
      from users where email = ${email} or lower(username) = lower(${username})`
    return { email: row?.['email'] === true, username: row?.['username'] === true }
  },

  /** The account and its first device, or neither. */
  async insert(client: postgres.Sql, account: NewAccount, family: NewFamily): Promise<AccountRow> {
    const [row] = await client`
      with account as (
        insert into users (username, email, password_hash)
        values (${account.username}, ${account.email}, ${account.passwordHash})
        returning id, username, email, profile_image, password_hash
      ), family as (
        insert into refresh_families (id, user_id, expires_at)
        select ${family.id}, id, now() + ${family.ttlMs}::float8 * interval '1 millisecond' from account
      )
      select * from account`
    if (row === undefined) throw new Error('the insert of an account returned no row')
    return toAccount(row)
  },

  async insertFamily(client: postgres.Sql, userId: number, family: NewFamily): Promise<void> {
    await client`
      insert into refresh_families (id, user_id, expires_at)
      values (${family.id}, ${userId}, now() + ${family.ttlMs}::float8 * interval '1 millisecond')`
  },
}

export type AccountRepository = typeof accountRepository

export const authRepository = {
  findUser: async (orm: Orm, id: number): Promise<UserRow | undefined> =>
    (await orm.select().from(users).where(eq(users.id, id)).limit(1))[0],

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

export type AuthRepository = typeof authRepository
