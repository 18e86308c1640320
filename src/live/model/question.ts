import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Language } from '../../domain/language.ts'
import type { AnalysisInput } from './analyser.ts'
import type { WindowVoice } from '../../domain/voice/measures.ts'
import type { MeasuredWindow } from '../windows/answer.ts'

type Surroundings = {
  readonly language: Language
  /** The session's last results, oldest first. */
  readonly previous: AnalysisInput['previous']
  readonly voice: WindowVoice
}

/** Previous results in a prompt. */
export const REMEMBERED_RESULTS = 5

/** What a model is asked about a window: the same in a live session and in a replay. */
export const questionOf = (
  {
    number,
    measures,
    local,
    differences,
  }: Pick<MeasuredWindow, 'number' | 'measures' | 'local' | 'differences'>,
  { language, previous, voice }: Surroundings,
): AnalysisInput => ({
  window: number,
  language,
  frameCount: measures.frameCount,
  measures,
  baseline: differences,
  local,
  previous,
  // Words of self-harm are answered with the crisis lines and go to no model.
  speech: voice.speech === null || readCrisis(voice.speech).isCrisis ? null : voice.speech,
  voice: voice.measures,
})
