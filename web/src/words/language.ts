import { LANGUAGES, type Language } from '../../../src/domain/language.ts'
import { onDevice } from '../kept.ts'
import { CATALOGUE } from './catalogue.ts'

export type { Language }
export type Word = keyof typeof CATALOGUE

const KEY = 'maeum.language'

const isLanguage = (text: unknown): text is Language => LANGUAGES.some((language) => language === text)

function chosen(): Language {
  const kept = onDevice.get(KEY)
  if (isLanguage(kept)) return kept
  return navigator.language.startsWith('ko') ? 'ko' : 'en'
}

let current: Language = chosen()

export const language = (): Language => current

export function setLanguage(next: Language): void {
  current = next
  onDevice.set(KEY, next)
  document.documentElement.lang = next
}

/** A sentence of the catalogue in the language of the page; `{name}` is replaced. */
export function t(word: Word, values: Readonly<Record<string, string | number>> = {}): string {
  const [ko, en] = CATALOGUE[word]
  const text: string = current === 'ko' ? ko : en
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole))
}
