import { type Client, MaeumError } from '../../client/index.ts'
import { DEFAULT_PREFERENCES, type Preferences } from '../../src/domain/preferences.ts'
import { applyAppearance } from './ui/appearance.ts'
import { setTimeZone } from './words/format.ts'
import { type Language, setLanguage } from './words/language.ts'

/** A key of the console: the server returns its default language when the user has chosen none. */
const IS_CHOSEN = 'isLanguageChosen'

/** Language chosen on this page before login. */
let languageBeforeLogin: Language | undefined

export const fetchPreferences = (client: Client) => client.call('GET /api/user/preferences')

export async function savePreferences(client: Client, changes: Partial<Preferences>): Promise<void> {
  const preferences = changes.language === undefined ? changes : { ...changes, [IS_CHOSEN]: true }
  await client.call('PUT /api/user/preferences', { body: { preferences } })
  if (changes.timezone !== undefined) setTimeZone(changes.timezone)
}

/** Changes the language of the page at once, and of the account when logged in. */
export async function chooseLanguage(client: Client, language: Language): Promise<void> {
  setLanguage(language)
  if (await client.isSignedIn()) await savePreferences(client, { language })
  else languageBeforeLogin = language
}

/** Applies the user's language and appearance; keeps those of this device when the request fails. */
export async function applyPreferences(client: Client): Promise<void> {
  try {
    const preferences = await fetchPreferences(client)
    const { fontScale, layoutDensity } = preferences
    applyAppearance({ fontScale, layoutDensity })
    if (languageBeforeLogin !== undefined) await savePreferences(client, { language: languageBeforeLogin })
    else if (isLanguageSet(preferences)) setLanguage(preferences.language)
    languageBeforeLogin = undefined
    await syncTimeZone(client, preferences)
  } catch (error) {
    if (!(error instanceof MaeumError)) throw error // the next request shows the error
  }
}

/** Uses the browser's time zone until the user has chosen one. */
async function syncTimeZone(client: Client, { timezone, timezoneSource }: Preferences): Promise<void> {
  setTimeZone(timezone)
  const browserZone = new Intl.DateTimeFormat().resolvedOptions().timeZone
  if (timezoneSource === 'browser' && browserZone !== timezone)
    await savePreferences(client, { timezone: browserZone, timezoneSource: 'browser' })
}

const isLanguageSet = (preferences: Preferences & { readonly [IS_CHOSEN]?: unknown }): boolean =>
  preferences[IS_CHOSEN] === true || preferences.language !== DEFAULT_PREFERENCES.language
