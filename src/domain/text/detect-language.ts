import { LANGUAGES, type Language } from '../language.ts'

/** The language of most of the text. A Hangul syllable counts as two Latin letters; without letters, the default. */
export function detectLanguage(text: string): Language {
  const hangul = text.match(/[가-힣ㄱ-ㅣ]/g)?.length ?? 0
  const latin = text.match(/[a-z]/gi)?.length ?? 0
  if (hangul === 0 && latin === 0) return LANGUAGES[0]
  return hangul * 2 >= latin ? 'ko' : 'en'
}
