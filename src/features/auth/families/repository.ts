import { and, eq, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from '../../../db/orm.ts'
import { refreshFamilies } from '../../../db/schema/index.ts'
import type { Principal } from '../../../http/principal.ts'
import type { Device } from './standing.ts'

/** `now()` plus `ms`: all instances use the database's clock for expiry. */
const fromNow = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`

/**
 * Logged-in devices, each with the counter of its refresh tokens. Queries that requests wait for use the driver
 * directly, which takes one round trip.
 */
export const familyRepository = {
  /** Locks the family until the transaction ends. `ageMs` is the time since its counter was issued. */
  lock: async (orm: Orm, id: string) =>
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

  async updateCounter(orm: Orm, id: string, counter: number, ttlMs: number): Promise<void> {
    await orm
      .update(refreshFamilies)
      .set({ counter, confirmed: false, rotatedAt: sql`now()`, expiresAt: fromNow(ttlMs) })
      .where(eq(refreshFamilies.id, id))
  },

  /** The counter of a device that is logged in to this account, and whether the client received its token pair. */
  async find(client: postgres.Sql, { userId, familyId }: Device) {
    const [row] = await client`
      select counter, confirmed from refresh_families
      where id = ${familyId} and user_id = ${userId} and revoked_at is null`
    return row === undefined
      ? undefined
      : { counter: Number(row['counter']), confirmed: row['confirmed'] === true }
  },

  /** Marks the token pair as received; false if the device is not logged in to this account under this name. */
  async updateConfirmed(client: postgres.Sql, { userId, familyId, counter }: Principal): Promise<boolean> {
    const rows = await client`
      with confirmed as (
        update refresh_families set confirmed = true
        where id = ${familyId} and user_id = ${userId} and counter = ${counter} and not confirmed
      )
      select from refresh_families
      where id = ${familyId} and user_id = ${userId} and revoked_at is null`
    return rows.length > 0
  },

  /** Up to `limit` devices that were logged out within `ms`, newest first. */
  async listRevoked(client: postgres.Sql, ms: number, limit: number): Promise<string[]> {
    const rows = await client`
      select id from refresh_families
      where revoked_at > now() - ${ms}::float8 * interval '1 millisecond'
      order by revoked_at desc limit ${limit}`
    return rows.map((row) => String(row['id']))
  },

  /** Those of the devices that are not logged in to their accounts, for any reason. */
  async listDead(client: postgres.Sql, devices: readonly Device[]): Promise<string[]> {
    // The driver cannot send these arrays; ids contain no comma.
    const ids = devices.map(({ familyId }) => familyId).join(',')
    const owners = devices.map(({ userId }) => userId).join(',')
    const rows = await client`
      select known.id
      from unnest(string_to_array(${ids}, ','), string_to_array(${owners}, ',')::bigint[])
        as known (id, user_id)
      left join refresh_families f
        on f.id = known.id and f.user_id = known.user_id and f.revoked_at is null
      where f.id is null`
    return rows.map((row) => String(row['id']))
  },

  /**
   * Revokes one family of the user, or all of them, and returns their ids. Includes families revoked before, because
   * their sessions may not have been ended.
   */
  async revoke(orm: Orm, userId: number, familyId: string | null): Promise<string[]> {
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

export type FamilyRepository = typeof familyRepository
export type LockedFamily = NonNullable<Awaited<ReturnType<FamilyRepository['lock']>>>
