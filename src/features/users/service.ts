import type { Database } from '../../db/client.ts'
import { DEFAULT_PREFERENCES, type Preferences } from '../../domain/preferences.ts'
import { AppError } from '../../errors.ts'
import { isWithin } from '../../lib/json-bounds.ts'
import type { PreferencesRepository, StoredPreferences } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: PreferencesRepository
}

const BOUNDS = { bytes: 16 * 1024, depth: 32 }

const bounded = (preferences: StoredPreferences) => {
  if (!isWithin(preferences, BOUNDS))
    throw new AppError('OBJECT_TOO_LARGE', { details: { field: 'preferences', ...BOUNDS } })
}

/** Known keys have passed the schema before they were stored. */
const complete = (stored: StoredPreferences | undefined) =>
  ({ ...DEFAULT_PREFERENCES, ...stored }) as Preferences & StoredPreferences

export function createPreferencesService({ database, repository }: Dependencies) {
  const { orm } = database
  return {
    defaults: () => complete(undefined),

    find: async (userId: number) => complete(await repository.find(orm, userId)),

    /** Key by key, the whole at most 16 KiB; nothing is changed when it would be more. */
    async merge(userId: number, changes: StoredPreferences) {
      bounded(changes)
      return orm.transaction(async (tx) => {
        const merged = await repository.merge(tx, userId, changes)
        if (merged === undefined) throw new AppError('UNAUTHORIZED')
        bounded(merged)
        if (changes['carryBaseline'] === false) await repository.deleteBaseline(tx, userId)
        return complete(merged)
      })
    },
  }
}

export type PreferencesService = ReturnType<typeof createPreferencesService>
