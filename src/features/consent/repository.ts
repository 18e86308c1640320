import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { baselines, consents, users } from '../../db/schema/index.ts'

export type ConsentRow = typeof consents.$inferSelect
export type NewConsent = Pick<ConsentRow, 'purpose' | 'textVersion' | 'locale'>

const isValid = (userId: number, purpose: string | null) =>
  and(
    eq(consents.userId, userId),
    isNull(consents.withdrawnAt),
    purpose === null ? undefined : eq(consents.purpose, purpose),
  )

export const consentRepository = {
  /** Newest first. */
  list: (orm: Orm, userId: number, limit: number): Promise<ConsentRow[]> =>
    orm.select().from(consents).where(eq(consents.userId, userId)).orderBy(desc(consents.id)).limit(limit),

  hasValid: async (orm: Orm, userId: number, purpose: string): Promise<boolean> => {
    const rows = await orm.select({ id: consents.id }).from(consents).where(isValid(userId, purpose)).limit(1)
    return rows.length > 0
  },

  /** Returns the valid receipt with the same content, or inserts one. Undefined when the user no longer exists. */
  insert: (orm: Orm, userId: number, given: NewConsent): Promise<ConsentRow | undefined> =>
    orm.transaction(async (tx) => {
      const [user] = await tx
        .select({ id: users.id })
        .from(users)
        .where(eq(users.id, userId))
        .for('no key update')
      if (user === undefined) return undefined
      const same = and(
        isValid(userId, given.purpose),
        eq(consents.textVersion, given.textVersion),
        eq(consents.locale, given.locale),
      )
      const [known] = await tx.select().from(consents).where(same).limit(1)
      if (known !== undefined) return known
      const [made] = await tx
        .insert(consents)
        .values({ userId, ...given })
        .returning()
      return made
    }),

  /** Withdraws the valid receipts of one purpose or of all; returns their number. */
  async withdraw(orm: Orm, userId: number, purpose: string | null): Promise<number> {
    const rows = await orm
      .update(consents)
      .set({ withdrawnAt: sql`now()` })
      .where(isValid(userId, purpose))
      .returning({ id: consents.id })
    return rows.length
  },

  /** Deletes the baseline that was stored for the user's next session. */
  async deleteBaseline(orm: Orm, userId: number): Promise<void> {
    await orm.delete(baselines).where(eq(baselines.userId, userId))
  },
}

export type ConsentRepository = typeof consentRepository
