import { LANGUAGES, type Language } from '../language.ts'
import { readMessage } from '../text/message.ts'
import { createMatcher, type Found, outermost } from '../text/pattern.ts'
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

const ENOUGH = 0.5
/** No wording is proof: the confidence of a single cue stays below this share of its weight. */
const TRUST = 0.85
const MOST_EXAMPLES = 3
const LONGEST_EXAMPLE = 40

const severityOf = (weight: number): Severity => (weight >= 1.5 ? 'high' : weight >= 0.75 ? 'medium' : 'low')

/**
 * The distortions that the wording of a text hints at, the strongest first. Denied, quoted, reported and third-person
 * wording does not count. `language` limits the cues to one language; people mix them, so by default both are read.
 * Severity grows with the summed weight of the cues; confidence is 1 - prod(1 - 0.85 weight).
 */
export function detectDistortions(text: string, language?: Language): Detection[] {
  const message = readMessage(text)
  const meant = findCues(message).filter((cue) => {
    if (language !== undefined && cue.value.language !== language) return false
    const stance = readStance(message, cue, cue.value.distortion.speaksOfOthers)
    return !stance.negated && !stance.doubled && !stance.reported
  })
  return DISTORTIONS.map((distortion) => ({
    distortion,
    cues: outermost(meant.filter((cue) => cue.value.distortion === distortion)),
  }))
    .map(({ distortion, cues }) => ({ distortion, cues, weight: totalOf(cues) }))
    .filter(({ weight }) => weight >= ENOUGH)
    .toSorted((a, b) => b.weight - a.weight)
    .map(({ distortion, cues, weight }) => ({
      type: distortion.id,
      name_ko: distortion.name_ko,
      name_en: distortion.name_en,
      severity: severityOf(weight),
      confidence: confidenceOf(cues),
      examples: cues
        .slice(0, MOST_EXAMPLES)
        .map(({ start, end }) => message.written(start, end).slice(0, LONGEST_EXAMPLE)),
    }))
}

const totalOf = (cues: readonly Found<KnownCue>[]) => cues.reduce((sum, cue) => sum + cue.value.weight, 0)

const confidenceOf = (cues: readonly Found<KnownCue>[]) =>
  Math.round((1 - cues.reduce((doubt, cue) => doubt * (1 - TRUST * cue.value.weight), 1)) * 100) / 100
