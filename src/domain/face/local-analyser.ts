import { EMOTION_VAD, EMOTIONS, type Emotion, type EmotionReading, type EmotionScores } from '../emotion.ts'
import type { Baseline } from './baseline.ts'
import { computeLogits } from './heads.ts'
import { isTurnedAway, type WindowMeasures } from './measures.ts'
import { type FaceModel, LOCAL_MODEL } from './model.ts'

/** Changes whenever the same measures may give another result. */
export const LOCAL_ANALYSER_VERSION = 'local-2'

/** Fewer frames make a result uncertain. */
const MIN_FRAMES = 8
const MIN_PROBABILITY = 0.4
const MIN_MARGIN = 0.1

/**
 * Maximum reduction of the logits of happy and surprised while talking, which looks similar. A clear smile is still
 * recognised, because laughing moves the mouth too.
 */
const TALKING_PENALTY = 1.5

/** From this amount of speech on, such a label is uncertain below this confidence. */
const MIN_TALKING = 0.5
const MIN_CONFIDENCE_WHILE_TALKING = 0.95

/**
 * Estimates the apparent expression of one window. Deterministic. `baseline` is the person's neutral face, if known;
 * without one the face is compared with all people. All numbers have four decimals; the scores sum to 1.
 */
export function readExpression(m: WindowMeasures, baseline?: Baseline): EmotionReading {
  return readExpressionWith(LOCAL_MODEL, m, baseline)
}

/** The same with any model, for fitting and evaluation. */
export function readExpressionWith(model: FaceModel, m: WindowMeasures, baseline?: Baseline): EmotionReading {
  const scores = roundScores(softmax(dampTalking(computeLogits(model, m, baseline), m.speech)))
  const [first, second] = [...EMOTIONS].sort((a, b) => scores[b] - scores[a])
  const emotion = first ?? 'neutral'
  const confidence = scores[emotion]
  const margin = second === undefined ? 1 : confidence - scores[second]
  const isUnreliable = m.frameCount < MIN_FRAMES || isTurnedAway(m.pose) || m.doubt !== null
  const isTalking =
    m.speech >= MIN_TALKING && MOUTH_EMOTIONS.includes(emotion) && confidence < MIN_CONFIDENCE_WHILE_TALKING
  return {
    emotion,
    confidence,
    uncertain: isUnreliable || isTalking || confidence < MIN_PROBABILITY || margin < MIN_MARGIN,
    scores,
    valence: computeExpectation(scores, 0),
    arousal: computeExpectation(scores, 1),
    dominance: computeExpectation(scores, 2),
  }
}

function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - top))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

const MOUTH_EMOTIONS: readonly Emotion[] = ['happy', 'surprised']

function dampTalking(values: readonly number[], speech: number): number[] {
  return values.map((value, k) => {
    const label = EMOTIONS[k]
    return label !== undefined && MOUTH_EMOTIONS.includes(label) ? value - TALKING_PENALTY * speech : value
  })
}

/** Rounds to four decimals; the largest score takes the rounding error, so that the sum is 1. */
function roundScores(probabilities: readonly number[]): EmotionScores {
  const scores = probabilities.map(round)
  const top = scores.indexOf(Math.max(...scores))
  const others = scores.reduce((total, score, k) => (k === top ? total : total + score), 0)
  scores[top] = round(1 - others)
  return Object.fromEntries(EMOTIONS.map((label, k) => [label, scores[k]])) as Record<Emotion, number> // one score per label
}

function computeExpectation(scores: EmotionScores, axis: 0 | 1 | 2): number {
  return round(EMOTIONS.reduce((sum, label) => sum + scores[label] * EMOTION_VAD[label][axis], 0))
}

/** Adding 0 converts -0 to 0. */
function round(value: number): number {
  return Math.round(value * 10_000) / 10_000 + 0
}
