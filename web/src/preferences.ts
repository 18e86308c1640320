import { type Client, MaeumError } from '../../client/index.ts'
import { DEFAULT_PREFERENCES, type Preferences } from '../../src/domain/preferences.ts'
import { applyLook } from './ui/look.ts'
import { setTimeZone } from './words/format.ts'
import { type Language, setLanguage } from './words/language.ts'

/** A key of the console's own: the server tells its default language to everybody who has set none. */
const IS_CHOSEN = 'isLanguageChosen'

/** Chosen on this page before anybody had logged in. */
let chosenBefore: Language | undefined

export const askPreferences = (client: Client) => client.call('GET /api/user/preferences')

export async function savePreferences(client: Client, changes: Partial<Preferences>): Promise<void> {
  const preferences = changes.language === undefined ? changes : { ...changes, [IS_CHOSEN]: true }
  await client.call('PUT /api/user/preferences', { body: { preferences } })
  if (changes.timezone !== undefined) setTimeZone(changes.timezone)
}

/** The page speaks it at once; whoever is logged in finds it on their other devices too. */
export async function chooseLanguage(client: Client, language: Language): Promise<void> {
  setLanguage(language)
  if (await client.isSignedIn()) await savePreferences(client, { language })
  else chosenBefore = language
}

/** Language and looks as the person has set them; those of this device remain when they cannot be had. */
export async function applyPreferences(client: Client): Promise<void> {
  try {
    const preferences = await askPreferences(client)
    const { fontScale, layoutDensity } = preferences
    applyLook({ fontScale, layoutDensity })
    if (chosenBefore !== undefined) await savePreferences(client, { language: chosenBefore })
    else if (isLanguageSet(preferences)) setLanguage(preferences.language)
    chosenBefore = undefined
    await followBrowser(client, preferences)
  } catch (error) {
    if (!(error instanceof MaeumError)) throw error // else the next page that asks the server says what is wrong
  }
}

/** The time zone is that of the browser, until the person has chosen one. */
async function followBrowser(client: Client, { timezone, timezoneSource }: Preferences): Promise<void> {
  setTimeZone(timezone)
  const here = new Intl.DateTimeFormat().resolvedOptions().timeZone
  if (timezoneSource === 'browser' && here !== timezone)
    await savePreferences(client, { timezone: here, timezoneSource: 'browser' })
}

const isLanguageSet = (preferences: Preferences & { readonly [IS_CHOSEN]?: unknown }): boolean =>
  preferences[IS_CHOSEN] === true || preferences.language !== DEFAULT_PREFERENCES.language
