import type { Language } from '../language.ts'
import { type CrisisLine, crisisLines, crisisMessage } from './lines.ts'
import { type CrisisLevel, readCrisis } from './read-crisis.ts'

/** What somebody is shown whose words speak of self-harm. */
export type CrisisNotice = {
  readonly level: Exclude<CrisisLevel, 'none'>
  /** Concern and the lines, ready to be shown. */
  readonly message: string
  readonly lines: readonly CrisisLine[]
}

/** Undefined for words that do not speak of self-harm. `configured` lines replace the built-in ones. */
export function crisisNotice(
  text: string,
  language: Language,
  configured: readonly CrisisLine[],
): CrisisNotice | undefined {
  const { level } = readCrisis(text)
  if (level === 'none') return undefined
  const lines = crisisLines(language, configured)
  return { level, message: crisisMessage(level, language, lines), lines }
}
