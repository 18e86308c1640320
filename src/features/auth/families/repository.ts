import { and, desc, eq, gt, sql } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { refreshFamilies } from '../../../db/schema/index.ts'

/** `now()` plus a span: the database's clock decides about expiry on every instance. */
const fromNow = (ms: number) => sql`now() + ${ms} * interval '1 millisecond'`

/** Devices that are logged in, each with the counter of its refresh tokens. */
export const familyRepository = {
  /** Locks the family until the transaction ends. `age` is the time since its counter was issued, in ms. */
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

  /** Marks the pair as received; false when the device is logged out, or has another name by now. */
  async updateConfirmed(orm: Orm, id: string, counter: number): Promise<boolean> {
    const rows = await orm.execute<{ live: boolean }>(sql`
      with confirmed as (
        update refresh_families set confirmed = true
        where id = ${id} and counter = ${counter} and not confirmed
      )
      select exists (select from refresh_families where id = ${id} and revoked_at is null) as live`)
    return rows[0]?.live === true
  },

  /** Up to `limit` devices that were logged out within `ms`, the last ones first. */
  listRevoked: async (orm: Orm, ms: number, limit: number): Promise<string[]> => {
    const rows = await orm
      .select({ id: refreshFamilies.id })
      .from(refreshFamilies)
      .where(gt(refreshFamilies.revokedAt, sql`now() - ${ms} * interval '1 millisecond'`))
      .orderBy(desc(refreshFamilies.revokedAt))
      .limit(limit)
    return rows.map(({ id }) => id)
  },

  /**
   * Revokes one family of the user, or all of them, and returns their ids: also of those revoked before, for what hangs
   * on them may not have been ended then.
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
