import type { Database } from '../../db/client.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
import { DEFAULT_PREFERENCES, type Preferences } from '../../domain/preferences.ts'
import { AppError } from '../../errors.ts'
import { isWithin } from '../../lib/json-bounds.ts'
import type { PreferencesRepository, StoredPreferences } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: PreferencesRepository
  /** Called with the language that a person has set, when it becomes known here. */
  readonly onLanguage: (userId: number, language: Language) => void
}

const BOUNDS = { bytes: 16 * 1024, depth: 32 }

const bounded = (preferences: StoredPreferences) => {
  if (!isWithin(preferences, BOUNDS))
    throw new AppError('OBJECT_TOO_LARGE', { details: { field: 'preferences', ...BOUNDS } })
}

/** A consent is never a preference: it has a route of its own. */
const NO_PREFERENCE: ReadonlySet<string> = new Set(['carryBaseline'])
/** Whoever sends all of these sends back a copy of everything, in which other keys may be older than what is stored. */
const WHOLE = ['fontScale', 'layoutDensity', 'language', 'notificationsOptIn']
const NOT_BY_COPY: ReadonlySet<string> = new Set(['timezone', 'timezoneSource'])

const without = (preferences: StoredPreferences, ignored: ReadonlySet<string>): StoredPreferences =>
  Object.fromEntries(Object.entries(preferences).filter(([key]) => !ignored.has(key)))

/** What of a body is set. */
function changesIn(sent: StoredPreferences): StoredPreferences {
  const changes = without(sent, NO_PREFERENCE)
  if (WHOLE.every((key) => key in changes)) return without(changes, NOT_BY_COPY)
  // A zone that comes without its source was chosen by somebody.
  return 'timezone' in changes ? { timezoneSource: 'person', ...changes } : changes
}

/** Known keys have passed the schema before they were stored. */
const complete = (stored: StoredPreferences | undefined) =>
  ({ ...DEFAULT_PREFERENCES, ...without(stored ?? {}, NO_PREFERENCE) }) as Preferences & StoredPreferences

export function createPreferencesService({ database, repository, onLanguage }: Dependencies) {
  const { orm } = database
  const noteLanguage = (userId: number, stored: StoredPreferences | undefined) => {
    const language = LANGUAGES.find((one) => one === stored?.['language'])
    if (language !== undefined) onLanguage(userId, language)
  }
  return {
    defaults: () => complete(undefined),

    async find(userId: number) {
      const stored = await repository.find(orm, userId)
      noteLanguage(userId, stored)
      return complete(stored)
    },

    /** Key by key, the whole at most 16 KiB; nothing is changed when it would be more. */
    async merge(userId: number, sent: StoredPreferences) {
      bounded(sent)
      const changes = changesIn(sent)
      return orm.transaction(async (tx) => {
        const merged = await repository.merge(tx, userId, changes)
        if (merged === undefined) throw new AppError('UNAUTHORIZED')
        bounded(merged)
        noteLanguage(userId, merged)
        return complete(merged)
      })
    },
  }
}

export type PreferencesService = ReturnType<typeof createPreferencesService>
