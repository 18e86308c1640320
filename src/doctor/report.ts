import type { Language } from '../domain/language.ts'
import { toAdvice } from '../lib/advice.ts'
import type { Finding } from '../protocol/rest/health.ts'
import type { Result } from './checks.ts'
import { FINDINGS, type FindingKey, WORDS } from './findings.ts'

type Values = Readonly<Record<string, string | number>>
type Status = Finding['status']
type Write = (key: FindingKey, values?: Values) => Result

/** Writes findings in one language. */
export type Report = Readonly<Record<Status, Write>> & { readonly word: (word: keyof typeof WORDS) => string }

const fill = (text: string, values: Values): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name]))

export function createReport(language: Language): Report {
  const place = language === 'ko' ? 0 : 1
  const write =
    (status: Status): Write =>
    (key, values = {}) => {
      const { cause, mend }: { cause: readonly string[]; mend?: readonly string[] } = FINDINGS[key]
      return {
        status,
        cause: fill(cause[place] ?? '', values),
        mend: mend === undefined ? null : fill(mend[place] ?? '', values),
      }
    }
  return {
    ...{ ok: write('ok'), warn: write('warn'), fail: write('fail'), skipped: write('skipped') },
    word: (word) => WORDS[word][place],
  }
}

/** A finding from a line `cause: mend` of a check that the server also makes; such lines are in English. */
export const fromLine = (status: Status, line: string): Result => ({ status, ...toAdvice(line) })

/** The same result under another name. */
export const named = (name: string, result: Result): Result => ({ ...result, name })
