import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Language } from '../../domain/language.ts'
import type { AnalysisInput } from './analyser.ts'
import type { Heard, MeasuredWindow } from './answer.ts'

type Surroundings = {
  readonly language: Language
  /** The session's last results, oldest first. */
  readonly previous: AnalysisInput['previous']
  readonly heard: Heard
}

/** How many results a model is told of. */
export const REMEMBERED_RESULTS = 5

/** What a model is asked about a window: the same in a live session and in a replay. */
export const questionOf = (
  {
    number,
    measures,
    local,
    differences,
  }: Pick<MeasuredWindow, 'number' | 'measures' | 'local' | 'differences'>,
  { language, previous, heard }: Surroundings,
): AnalysisInput => ({
  window: number,
  language,
  frameCount: measures.frameCount,
  measures,
  baseline: differences,
  local,
  previous,
  // Words of self-harm are answered with the crisis lines and go to no model.
  speech: heard.speech === null || readCrisis(heard.speech).isCrisis ? null : heard.speech,
  voice: heard.measures,
})
