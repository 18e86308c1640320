import { eq, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from '../../db/orm.ts'
import { users } from '../../db/schema/index.ts'
import { COUNTED_FOR_MS, type Failures, type Gate } from './attempts.ts'
import type { RefreshToken } from './families/refresh-token.ts'

type UserRow = typeof users.$inferSelect

/** The columns of an account that most of this feature needs. */
export type AccountRow = Pick<UserRow, 'id' | 'username' | 'email' | 'profileImage'> & {
  readonly passwordHash: string
}

type NewAccount = {
  readonly id: number
  readonly username: string
  readonly email: string
  readonly passwordHash: string
  readonly dataKey: Uint8Array
}
type NewFamily = { readonly id: string; readonly ttlMs: number }

/**
 * Keys of the counters that one login reads and writes. An unknown device has no counter; a known device has that of
 * its cookie or of its refresh token's family.
 */
type LoginKeys = {
  readonly account: string
  readonly address: string
  readonly network: string
  readonly device: string | null
  readonly family: string | null
}

/** A change of the password, which also renames the current device. */
type PasswordChange = {
  readonly userId: number
  /** Hashes. */
  readonly before: string
  readonly after: string
  readonly familyId: string
  readonly newFamily: NewFamily
}

/** The data that decides about a login, read in one query. */
export type LoginView = {
  readonly account: (AccountRow & { readonly dataKey: Uint8Array | null }) | undefined
  /** Whether the login's refresh token is a live one of this account. */
  readonly isFamilyLive: boolean
  readonly failures: Failures
  /** Seconds until the failures of the address and its network expire. */
  readonly addressWait: number
}

/** The driver returns a bigint as text. */
const toAccount = (row: postgres.Row): AccountRow => ({
  id: Number(row['id']),
  username: String(row['username']),
  email: String(row['email']),
  profileImage: row['profile_image'] === null ? null : String(row['profile_image']),
  passwordHash: String(row['password_hash']),
})

/** Older failures have expired. Inlined into the statement, because it is constant. */
const createSince = (client: postgres.Sql) =>
  client.unsafe(`now() - interval '${COUNTED_FOR_MS} milliseconds'`)

/** Whether a counter continues or restarts. */
const isCounting = (client: postgres.Sql, sliding: string | null) =>
  client`case when t.key = ${sliding} then t.last_at else t.first_at end > ${createSince(client)}`

/**
 * The statements of signup, login and page loads use the driver directly: prepared once, they take one round trip.
 * Through the query layer, each takes two.
 */
export const accountRepository = {
  async find(client: postgres.Sql, userId: number): Promise<AccountRow | undefined> {
    const [row] = await client`
      select id, username, email, profile_image, password_hash from users where id = ${userId}`
    return row === undefined ? undefined : toAccount(row)
  },

  /**
   * The account of an e-mail, with all data that decides about its login; none if it is disabled, so that its login is
   * that of an unknown e-mail. Counters of accounts and devices expire after their last failure; those of addresses
   * after their first, because several users can share an address.
   */
  async findForLogin(
    client: postgres.Sql,
    email: string,
    keys: LoginKeys,
    token: RefreshToken | null,
  ): Promise<LoginView> {
    const since = createSince(client)
    const [row] = await client`
      select u.id, u.username, u.email, u.profile_image, u.password_hash, u.data_key,
             by_account.failures as account_failures, by_device.failures as device_failures,
             by_address.failures as address_failures, by_family.failures as family_failures,
             by_network.failures as network_failures,
             extract(epoch from greatest(by_address.first_at, by_network.first_at) - (${since})) as address_wait,
             f.id is not null as is_family_live
      from (select) as always
      left join users u on u.email = ${email} and u.disabled_at is null
      left join refresh_families f on f.id = ${token?.familyId ?? null} and f.user_id = u.id
        and f.revoked_at is null and f.expires_at > now()
        and f.counter - ${token?.counter ?? 0}::int <= 1
      left join throttles by_account on by_account.key = ${keys.account} and by_account.last_at > ${since}
      left join throttles by_address on by_address.key = ${keys.address} and by_address.first_at > ${since}
      left join throttles by_network on by_network.key = ${keys.network} and by_network.first_at > ${since}
      left join throttles by_device on by_device.key = ${keys.device} and by_device.last_at > ${since}
      left join throttles by_family on by_family.key = ${keys.family} and by_family.last_at > ${since}`
    const dataKey = row?.['data_key'] as Uint8Array | null // bytea
    return {
      account: row === undefined || row['id'] === null ? undefined : { ...toAccount(row), dataKey },
      isFamilyLive: row?.['is_family_live'] === true,
      failures: {
        account: Number(row?.['account_failures'] ?? 0),
        address: Number(row?.['address_failures'] ?? 0),
        network: Number(row?.['network_failures'] ?? 0),
        device: Number(row?.['device_failures'] ?? 0),
        family: Number(row?.['family_failures'] ?? 0),
      },
      addressWait: Math.max(1, Math.ceil(Number(row?.['address_wait'] ?? 0))),
    }
  },

  /**
   * Counts one failure under each key. The counters of `fixed` expire after their first failure, the other one after
   * its last. True if a fixed counter was at its limit before.
   */
  async countFailure(
    client: postgres.Sql,
    { sliding, fixed }: { readonly sliding: string | null; readonly fixed: readonly Gate[] },
  ): Promise<boolean> {
    const [first, second] = fixed
    // In the order of the keys, to avoid deadlocks.
    const rows = await client`
      insert into throttles as t (key, failures)
      select key, 1
      from (values (${sliding}::text), (${first?.key ?? null}::text), (${second?.key ?? null}::text)) as counted (key)
      where key is not null order by key
      on conflict (key) do update set
        failures = case when ${isCounting(client, sliding)} then t.failures + 1 else 1 end,
        first_at = case when ${isCounting(client, sliding)} then t.first_at else now() end,
        last_at = now()
      returning key, failures`
    return rows.some((row) =>
      fixed.some(({ key, max }) => key === row['key'] && Number(row['failures']) > max),
    )
  },

  /** Deletes up to `limit` expired counters. */
  async deleteStaleFailures(client: postgres.Sql, limit: number): Promise<void> {
    await client`
      delete from throttles where key in (
        select key from throttles where last_at < ${createSince(client)}
        order by last_at limit ${limit} for update skip locked
      )`
  },

  /** Which of the two names is taken, and whether this address has recently tried too many taken names. */
  async findTaken(client: postgres.Sql, email: string, username: string, probes: readonly [Gate, Gate]) {
    const [ofAddress, ofNetwork] = probes
    const [row] = await client`
      select coalesce(bool_or(email = ${email}), false) as email,
             coalesce(bool_or(lower(username) = lower(${username})), false) as username,
             exists (
               select from throttles
               where (key = ${ofAddress.key} and failures >= ${ofAddress.max}
                 or key = ${ofNetwork.key} and failures >= ${ofNetwork.max})
                 and first_at > ${createSince(client)}
             ) as is_probing
      from users where email = ${email} or lower(username) = lower(${username})`
    return {
      email: row?.['email'] === true,
      username: row?.['username'] === true,
      isProbing: row?.['is_probing'] === true,
    }
  },

  /** Inserts the account and its first device in one statement. */
  async insert(client: postgres.Sql, account: NewAccount, family: NewFamily): Promise<AccountRow> {
    const [row] = await client`
      with account as (
        insert into users (id, username, email, password_hash, data_key) overriding system value
        values (
          ${account.id}, ${account.username}, ${account.email}, ${account.passwordHash}, ${account.dataKey}
        )
        returning id, username, email, profile_image, password_hash
      ), family as (
        insert into refresh_families (id, user_id, expires_at)
        select ${family.id}, id, now() + ${family.ttlMs}::float8 * interval '1 millisecond' from account
      )
      select * from account`
    if (row === undefined) throw new Error('the insert of an account returned no row')
    return toAccount(row)
  },

  /**
   * Inserts a device after a successful login and deletes the `forgiven` counter. False, without a change, if one of
   * the `gates` has reached its limit meanwhile, because concurrent guesses failed, or if the account was disabled
   * meanwhile.
   */
  async insertFamily(
    client: postgres.Sql,
    userId: number,
    family: NewFamily,
    counters: { readonly gates: readonly Gate[]; readonly forgiven: string },
  ): Promise<boolean> {
    const [first, second] = counters.gates
    const rows = await client`
      with admitted as (
        -- Shared with other logins, not with the statement that disables the account.
        select id from users where id = ${userId} and disabled_at is null and not exists (
          select from throttles
          join (values (${first?.key ?? null}::text, ${first?.max ?? 0}::int),
            (${second?.key ?? null}::text, ${second?.max ?? 0}::int)) as gate (key, max_failures) using (key)
          where failures >= max_failures and first_at > ${createSince(client)}
        ) for share
      ), forgiven as (
        delete from throttles where key = ${counters.forgiven} and exists (select from admitted)
      )
      insert into refresh_families (id, user_id, expires_at)
      select ${family.id}, id, now() + ${family.ttlMs}::float8 * interval '1 millisecond' from admitted
      returning id`
    return rows.length > 0
  },

  /** Replaces the hash of the password, unless the password has changed meanwhile. */
  async updatePasswordHash(
    client: postgres.Sql,
    userId: number,
    before: string,
    after: string,
  ): Promise<void> {
    await client`
      update users set password_hash = ${after} where id = ${userId} and password_hash = ${before}`
  },

  /**
   * Changes the password, renames the current device and logs out all others, which are returned. The device's sessions
   * follow the new name; its old tokens become invalid. Undefined, without a change, if the password has changed
   * meanwhile or the device was logged out. One statement, so that the change is atomic.
   */
  async changePassword(client: postgres.Sql, change: PasswordChange): Promise<string[] | undefined> {
    const { userId, before, after, familyId, newFamily } = change
    const rows = await client`
      with device as (
        select u.id from users u join refresh_families f on f.user_id = u.id
        where u.id = ${userId} and u.password_hash = ${before} and f.id = ${familyId}
          and f.revoked_at is null and f.expires_at > now()
        for no key update of u -- the second of two concurrent changes finds another password
      ), changed as (
        update users set password_hash = ${after}, updated_at = now()
        where id = ${userId} and exists (select from device)
      ), theirs as (
        -- The new name is written to the sessions: lock them first, in the same order as all other statements.
        select id from sessions where family_id = ${familyId} order by id for no key update
      )
      update refresh_families f set
        id = case when f.id = ${familyId} then ${newFamily.id} else f.id end,
        counter = case when f.id = ${familyId} then 1 else f.counter end,
        confirmed = f.confirmed and f.id <> ${familyId},
        rotated_at = case when f.id = ${familyId} then now() else f.rotated_at end,
        expires_at = case when f.id = ${familyId}
          then now() + ${newFamily.ttlMs}::float8 * interval '1 millisecond' else f.expires_at end,
        revoked_at = case when f.id = ${familyId} then f.revoked_at else coalesce(f.revoked_at, now()) end
      where f.user_id = ${userId} and exists (select from device) and (select count(*) from theirs) >= 0
      returning f.id`
    const ids = rows.map((row) => String(row['id']))
    return ids.includes(newFamily.id) ? ids.filter((id) => id !== newFamily.id) : undefined
  },

  update: async (
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
}

export type AccountRepository = typeof accountRepository
