import { EMOTION_VAD, EMOTIONS, type Emotion, type EmotionReading, type EmotionScores } from '../emotion.ts'
import type { Baseline } from './baseline.ts'
import { logits } from './heads.ts'
import { isTurnedAway, type WindowMeasures } from './measures.ts'
import { type FaceModel, LOCAL_MODEL } from './model.ts'

/** Changes whenever the same measures may read differently. */
export const LOCAL_ANALYSER_VERSION = 'local-2'

/** Fewer frames than this are too few to stand behind a label. */
const ENOUGH_FRAMES = 8
const LEAST_PROBABILITY = 0.4
const LEAST_MARGIN = 0.1

/**
 * The mouth of a talker looks like a smile or a gasp: the logits of these two lose up to this much. A clear smile
 * stays one, for laughing moves the mouth too.
 */
const TALKING_COST = 1.5

/** From this much speech on such a label is certain only when hardly anything speaks against it. */
const TALKING = 0.5
const CERTAIN_WHILE_TALKING = 0.95

/**
 * Reads the apparent expression of one window, always the same for the same measures. `baseline` is the person's
 * neutral face as far as it is known; without one the face is compared with all people. All numbers carry four
 * decimals; the scores sum to 1.
 */
export function readExpression(m: WindowMeasures, baseline?: Baseline): EmotionReading {
  return readWith(LOCAL_MODEL, m, baseline)
}

/** The same with any model, for fitting and judging one. */
export function readWith(model: FaceModel, m: WindowMeasures, baseline?: Baseline): EmotionReading {
  const scores = rounded(softmax(dampTalking(logits(model, m, baseline), m.speech)))
  const [first, second] = [...EMOTIONS].sort((a, b) => scores[b] - scores[a])
  const emotion = first ?? 'neutral'
  const confidence = scores[emotion]
  const margin = second === undefined ? 1 : confidence - scores[second]
  const little = m.frameCount < ENOUGH_FRAMES || isTurnedAway(m.pose) || m.doubt !== null
  const spoken =
    m.speech >= TALKING && READ_FROM_THE_MOUTH.includes(emotion) && confidence < CERTAIN_WHILE_TALKING
  return {
    emotion,
    confidence,
    uncertain: little || spoken || confidence < LEAST_PROBABILITY || margin < LEAST_MARGIN,
    scores,
    valence: expectation(scores, 0),
    arousal: expectation(scores, 1),
    dominance: expectation(scores, 2),
  }
}

function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - top))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

const READ_FROM_THE_MOUTH: readonly Emotion[] = ['happy', 'surprised']

function dampTalking(values: readonly number[], speech: number): number[] {
  return values.map((value, k) => {
    const label = EMOTIONS[k]
    return label !== undefined && READ_FROM_THE_MOUTH.includes(label) ? value - TALKING_COST * speech : value
  })
}

/** Four decimals each; what rounding leaves over goes to the largest, so that the sum stays 1. */
function rounded(probabilities: readonly number[]): EmotionScores {
  const scores = probabilities.map(round)
  const top = scores.indexOf(Math.max(...scores))
  const others = scores.reduce((total, score, k) => (k === top ? total : total + score), 0)
  scores[top] = round(1 - others)
  return Object.fromEntries(EMOTIONS.map((label, k) => [label, scores[k]])) as Record<Emotion, number> // one score a label
}

function expectation(scores: EmotionScores, axis: 0 | 1 | 2): number {
  return round(EMOTIONS.reduce((sum, label) => sum + scores[label] * EMOTION_VAD[label][axis], 0))
}

/** Adding 0 turns -0 into 0. */
function round(value: number): number {
  return Math.round(value * 10_000) / 10_000 + 0
}
