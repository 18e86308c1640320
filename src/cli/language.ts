import type { Environment } from '../config/environment.ts'
import { type Language, LANGUAGES } from '../domain/language.ts'
import { LANGUAGE_FLAG } from './command-line.ts'

/** The value of `--language`, wherever it is: help and faults of the command line are in that language too. */
function findFlag(argv: readonly string[]): string | undefined {
  const place = argv.findLastIndex((text) => text === LANGUAGE_FLAG || text.startsWith(`${LANGUAGE_FLAG}=`))
  const text = argv[place]
  return text === LANGUAGE_FLAG ? argv[place + 1] : text?.slice(LANGUAGE_FLAG.length + 1)
}

/** The language of the output: `--language`, else that of the locale, else English. */
export function chooseLanguage(argv: readonly string[], environment: Environment): Language {
  const flag = findFlag(argv)
  const chosen = LANGUAGES.find((language) => language === flag)
  if (chosen !== undefined) return chosen
  const { LC_ALL, LC_MESSAGES, LANG } = environment
  const locale = [LC_ALL, LC_MESSAGES, LANG].find((value) => value !== undefined && value !== '')
  return LANGUAGES.find((language) => locale?.split(/[_.@-]/)[0]?.toLowerCase() === language) ?? 'en'
}
