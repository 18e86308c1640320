import { and, desc, eq, gt, isNotNull, isNull, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { refreshFamilies, users } from '../../../db/schema/index.ts'
import type { Role } from '../../../domain/role.ts'

/** The columns of an account that an operator sees. */
const COLUMNS = {
  id: users.id,
  username: users.username,
  email: users.email,
  role: users.role,
  disabledAt: users.disabledAt,
  createdAt: users.createdAt,
  updatedAt: users.updatedAt,
}

export type AccountSelection = {
  readonly role?: Role
  readonly isDisabled?: boolean
  /** The last account of the previous page. */
  readonly after?: number
  readonly limit: number
}

type NewAccount = Pick<typeof users.$inferInsert, 'username' | 'email' | 'passwordHash' | 'dataKey'> & {
  readonly id: number
}

export type AccountChange = {
  readonly role?: Role
  readonly passwordHash?: string
  readonly isDisabled?: boolean
}

/** Accounts as the operator administers them. */
export const administrationRepository = {
  find: async (orm: Orm, by: { readonly id: number } | { readonly email: string }) =>
    (
      await orm
        .select(COLUMNS)
        .from(users)
        .where('id' in by ? eq(users.id, by.id) : eq(users.email, by.email))
    )[0],

  /** Newest first. */
  list: (orm: Orm, { role, isDisabled, after, limit }: AccountSelection) => {
    const older = sql`(${users.createdAt}, ${users.id}) < (
      select page.created_at, page.id from ${users} page where page.id = ${after})`
    return orm
      .select(COLUMNS)
      .from(users)
      .where(
        and(
          role === undefined ? undefined : eq(users.role, role),
          isDisabled === undefined
            ? undefined
            : isDisabled
              ? isNotNull(users.disabledAt)
              : isNull(users.disabledAt),
          after === undefined ? undefined : older,
        ),
      )
      .orderBy(desc(users.createdAt), desc(users.id))
      .limit(limit)
  },

  /** The number of the user's logged-in devices. */
  countDevices: (orm: Orm, userId: number): Promise<number> =>
    orm.$count(
      refreshFamilies,
      and(
        eq(refreshFamilies.userId, userId),
        isNull(refreshFamilies.revokedAt),
        gt(refreshFamilies.expiresAt, sql`now()`),
      ),
    ),

  /** Without a device. */
  async insert(orm: Orm, account: NewAccount): Promise<void> {
    await orm.insert(users).overridingSystemValue().values(account)
  },

  /** Locks the account until the transaction ends; no login can add a device before. */
  lock: async (tx: Orm, id: number) =>
    (await tx.select(COLUMNS).from(users).where(eq(users.id, id)).for('no key update'))[0],

  /** `disabledAt` is set to the database time. */
  async update(orm: Orm, id: number, { isDisabled, ...values }: AccountChange): Promise<void> {
    await orm
      .update(users)
      .set({
        ...values,
        ...(isDisabled === undefined ? {} : { disabledAt: isDisabled ? sql`now()` : null }),
        updatedAt: sql`now()`,
      })
      .where(eq(users.id, id))
  },
}

export type AdministrationRepository = typeof administrationRepository
export type Administered = NonNullable<Awaited<ReturnType<AdministrationRepository['find']>>>
