import type { Database } from '../../db/client.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
import { DEFAULT_PREFERENCES, type Preferences } from '../../domain/preferences.ts'
import { AppError } from '../../protocol/errors.ts'
import { isWithin } from '../../lib/json-bounds.ts'
import type { PreferencesRepository, StoredPreferences } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: PreferencesRepository
  /** Called with the language that the user has set, whenever it is read or written. */
  readonly onLanguage: (userId: number, language: Language) => void
}

const BOUNDS = { bytes: 16 * 1024, depth: 32 }

const assertBounds = (preferences: StoredPreferences) => {
  if (!isWithin(preferences, BOUNDS))
    throw new AppError('OBJECT_TOO_LARGE', { details: { field: 'preferences', ...BOUNDS } })
}

/** Consent is never a preference; it has its own route. */
const EXCLUDED_KEYS: ReadonlySet<string> = new Set(['carryBaseline'])
/** A client that sends all of these sends a copy of everything, in which other keys may be outdated. */
const FULL_COPY_KEYS = ['fontScale', 'layoutDensity', 'language', 'notificationsOptIn']
const NOT_FROM_COPY: ReadonlySet<string> = new Set(['timezone', 'timezoneSource'])

function omitKeys(preferences: StoredPreferences, ignored: ReadonlySet<string>): StoredPreferences {
  const ignoredHere = [...ignored].some((key) => key in preferences)
  if (!ignoredHere) return preferences
  return Object.fromEntries(Object.entries(preferences).filter(([key]) => !ignored.has(key)))
}

/** The keys of a body that are set. */
function selectChanges(sent: StoredPreferences): StoredPreferences {
  const changes = omitKeys(sent, EXCLUDED_KEYS)
  if (FULL_COPY_KEYS.every((key) => key in changes)) return omitKeys(changes, NOT_FROM_COPY)
  // A time zone without its source was chosen by the user.
  return 'timezone' in changes ? { timezoneSource: 'person', ...changes } : changes
}

/** Known keys were validated before they were stored. */
const withDefaults = (stored: StoredPreferences | undefined) =>
  ({ ...DEFAULT_PREFERENCES, ...omitKeys(stored ?? {}, EXCLUDED_KEYS) }) as Preferences & StoredPreferences

export function createPreferencesService({ database, repository, onLanguage }: Dependencies) {
  const { orm } = database
  const noteLanguage = (userId: number, stored: StoredPreferences | undefined) => {
    const language = LANGUAGES.find((one) => one === stored?.['language'])
    if (language !== undefined) onLanguage(userId, language)
  }
  return {
    defaults: () => withDefaults(undefined),

    async find(userId: number) {
      const stored = await repository.find(orm, userId)
      noteLanguage(userId, stored)
      return withDefaults(stored)
    },

    /** Merges key by key. Changes nothing if the result would exceed 16 KiB. */
    async merge(userId: number, sent: StoredPreferences) {
      assertBounds(sent)
      const changes = selectChanges(sent)
      return orm.transaction(async (tx) => {
        const merged = await repository.merge(tx, userId, changes)
        if (merged === undefined) throw new AppError('UNAUTHORIZED')
        assertBounds(merged)
        noteLanguage(userId, merged)
        return withDefaults(merged)
      })
    },
  }
}

export type PreferencesService = ReturnType<typeof createPreferencesService>
