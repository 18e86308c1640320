import { LANGUAGES, type Language } from '../../../src/domain/language.ts'
import { deviceStorage } from '../storage.ts'
import { CATALOGUE } from './catalogue.ts'

export type { Language }
export type TextKey = keyof typeof CATALOGUE

const KEY = 'maeum.language'

const isLanguage = (text: unknown): text is Language => LANGUAGES.some((language) => language === text)

function getInitialLanguage(): Language {
  const kept = deviceStorage.get(KEY)
  if (isLanguage(kept)) return kept
  return navigator.language.startsWith('ko') ? 'ko' : 'en'
}

let current: Language = getInitialLanguage()

export const language = (): Language => current

export function setLanguage(next: Language): void {
  current = next
  deviceStorage.set(KEY, next)
  document.documentElement.lang = next
}

/** Returns a text of the catalogue in the language of the page; `{name}` is replaced. */
export function t(key: TextKey, values: Readonly<Record<string, string | number>> = {}): string {
  const [ko, en] = CATALOGUE[key]
  const text: string = current === 'ko' ? ko : en
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
