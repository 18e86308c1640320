import type { Language } from '../language.ts'
import { type CrisisLine, crisisLines, formatCrisisMessage } from './lines.ts'
import { type CrisisLevel, readCrisis } from './read-crisis.ts'

/** Shown to a user whose message mentions self-harm. */
export type CrisisNotice = {
  readonly level: Exclude<CrisisLevel, 'none'>
  /** Concern and the lines, ready to display. */
  readonly message: string
  readonly lines: readonly CrisisLine[]
}

/** Creates the notice; undefined for text without a mention of self-harm. `configured` lines replace the built-in ones. */
export function createCrisisNotice(
  text: string,
  language: Language,
  configured: readonly CrisisLine[],
): CrisisNotice | undefined {
  const { level } = readCrisis(text)
  if (level === 'none') return undefined
  const lines = crisisLines(language, configured)
  return { level, message: formatCrisisMessage(level, language, lines), lines }
}
