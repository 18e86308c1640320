import { eq, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { prepared } from '../../db/prepared.ts'
import { userPreferences, users } from '../../db/schema/index.ts'

export type StoredPreferences = Readonly<Record<string, unknown>>

const FIND = prepared((orm) =>
  orm
    .select({ preferences: userPreferences.preferences })
    .from(userPreferences)
    .where(eq(userPreferences.userId, sql.placeholder('userId')))
    .limit(1)
    .prepare('find_preferences'),
)

export const preferencesRepository = {
  /** The stored preferences; undefined when the user has set none. */
  find: async (orm: Orm, userId: number): Promise<StoredPreferences | undefined> =>
    (await FIND(orm).execute({ userId }))[0]?.preferences,

  /** Sets these keys, keeps the others, and returns all; undefined when the user no longer exists. */
  merge: async (orm: Orm, userId: number, changes: StoredPreferences) => {
    const owner = orm
      .select({
        userId: users.id,
        preferences: sql`${JSON.stringify(changes)}::text::jsonb`.as('preferences'),
        updatedAt: sql`now()`.as('updated_at'),
      })
      .from(users)
      .where(eq(users.id, userId))
    // Merged by the database, so that concurrent changes of different keys are all kept.
    const [row] = await orm
      .insert(userPreferences)
      .select(owner)
      .onConflictDoUpdate({
        target: userPreferences.userId,
        set: {
          preferences: sql`${userPreferences.preferences} || excluded.preferences`,
          updatedAt: sql`now()`,
        },
      })
      .returning({ preferences: userPreferences.preferences })
    return row?.preferences
  },
}

export type PreferencesRepository = typeof preferencesRepository
