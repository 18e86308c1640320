import { LANGUAGES, type Language } from '../language.ts'
import { readMessage } from '../text/message.ts'
import { createMatcher, type Found, keepOutermost } from '../text/pattern.ts'
import { readStance } from '../text/stance.ts'
import type { Detection, Distortion, Severity } from './distortion.ts'
import { DISTORTIONS } from './distortions/index.ts'

type KnownCue = { readonly distortion: Distortion; readonly weight: number; readonly language: Language }

const findCues = createMatcher<KnownCue>(
  DISTORTIONS.flatMap((distortion) =>
    LANGUAGES.flatMap((language) =>
      distortion.cues[language].map(
        ([pattern, weight]) => [pattern, { distortion, weight, language }] as const,
      ),
    ),
  ),
)

const MIN_WEIGHT = 0.5
/** A cue is no proof: the confidence of a single cue is this share of its weight. */
const CUE_RELIABILITY = 0.85
const MAX_EXAMPLES = 3
const MAX_EXAMPLE_LENGTH = 40

const toSeverity = (weight: number): Severity => (weight >= 1.5 ? 'high' : weight >= 0.75 ? 'medium' : 'low')

/**
 * Detects distortions by the wording of a text, strongest first. Negated, quoted, reported and third-person wording does
 * not count. `language` limits the cues to one language; by default both are used, because users mix them. Severity
 * grows with the summed weight of the cues; confidence is 1 - prod(1 - 0.85 weight).
 */
export function detectDistortions(text: string, language?: Language): Detection[] {
  const message = readMessage(text)
  const ownCues = findCues(message).filter((cue) => {
    if (language !== undefined && cue.value.language !== language) return false
    const stance = readStance(message, cue, cue.value.distortion.isAboutOthers)
    return !stance.negated && !stance.doubled && !stance.reported
  })
  return DISTORTIONS.map((distortion) => ({
    distortion,
    cues: keepOutermost(ownCues.filter((cue) => cue.value.distortion === distortion)),
  }))
    .map(({ distortion, cues }) => ({ distortion, cues, weight: sumWeights(cues) }))
    .filter(({ weight }) => weight >= MIN_WEIGHT)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ distortion, cues, weight }) => ({
      type: distortion.id,
      name_ko: distortion.name_ko,
      name_en: distortion.name_en,
      severity: toSeverity(weight),
      confidence: computeConfidence(cues),
      examples: cues
        .slice(0, MAX_EXAMPLES)
        .map(({ start, end }) => message.written(start, end).slice(0, MAX_EXAMPLE_LENGTH)),
    }))
}

const sumWeights = (cues: readonly Found<KnownCue>[]) => cues.reduce((sum, cue) => sum + cue.value.weight, 0)

const computeConfidence = (cues: readonly Found<KnownCue>[]) =>
  Math.round(
    (1 - cues.reduce((remaining, cue) => remaining * (1 - CUE_RELIABILITY * cue.value.weight), 1)) * 100,
  ) / 100
