import { EMOTION_VAD, EMOTIONS, type Emotion, type EmotionReading, type EmotionScores } from '../emotion.ts'
import { BIAS, WEIGHTS } from './local-weights.ts'
import { isTurnedAway, MEASURES, type WindowMeasures } from './measures.ts'

/** Changes whenever the same measures may read differently. */
export const LOCAL_ANALYSER_VERSION = 'local-1'

/** A measure counts no further out than this, in standard deviations: one odd measure must not decide alone. */
const FURTHEST = 3.5

/** Fewer frames than this are too few to stand behind a label. */
const ENOUGH_FRAMES = 8
const LEAST_PROBABILITY = 0.4
const LEAST_MARGIN = 0.1

/**
 * Mouth motion in eye distances a second: below the first nobody talks, above the second somebody certainly does.
 * The mouth of a talker looks like a smile, so up to this share of every score then moves to neutral; not all of it,
 * since laughing moves the mouth too.
 */
const TALKING_FROM = 0.12
const TALKING_FULLY = 0.3
const TALKING_SHARE = 0.7

/**
 * Reads the apparent expression of one window, always the same for the same measures. It needs no history of the
 * person. All numbers carry four decimals; the scores sum to 1.
 */
export function readExpression(m: WindowMeasures): EmotionReading {
  const scores = rounded(dampTalking(softmax(logits(standardised(m))), m.mouthMotion))
  const [first, second] = [...EMOTIONS].sort((a, b) => scores[b] - scores[a])
  const emotion = first ?? 'neutral'
  const probability = scores[emotion]
  const margin = second === undefined ? 1 : probability - scores[second]
  const little = m.frameCount < ENOUGH_FRAMES || isTurnedAway(m.pose)
  return {
    emotion,
    confidence: round(probability * Math.min(1, (m.frameCount + ENOUGH_FRAMES) / (2 * ENOUGH_FRAMES))),
    uncertain: little || probability < LEAST_PROBABILITY || margin < LEAST_MARGIN,
    scores,
    valence: expectation(scores, 0),
    arousal: expectation(scores, 1),
    dominance: expectation(scores, 2),
  }
}

/**
 * The window's medians in standard deviations from the mean of all people. A personal baseline belongs here: with one,
 * the distance is to that person's own neutral face.
 */
function standardised({ median }: WindowMeasures): number[] {
  return MEASURES.map(({ name }) => {
    const { mean, deviation } = WEIGHTS[name]
    return Math.min(FURTHEST, Math.max(-FURTHEST, (median[name] - mean) / deviation))
  })
}

function logits(distances: readonly number[]): number[] {
  const sums = [...BIAS]
  for (const [i, { name }] of MEASURES.entries()) {
    const { linear, squared } = WEIGHTS[name]
    const z = distances[i] ?? 0
    const bend = (z * z - 1) / 2
    for (let k = 0; k < sums.length; k++) {
      sums[k] = (sums[k] ?? 0) + (linear[k] ?? 0) * z + (squared[k] ?? 0) * bend
    }
  }
  return sums
}

function softmax(values: readonly number[]): number[] {
  const top = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - top))
  const sum = powers.reduce((total, power) => total + power, 0)
  return powers.map((power) => power / sum)
}

function dampTalking(probabilities: readonly number[], mouthMotion: number): number[] {
  const certainty = (mouthMotion - TALKING_FROM) / (TALKING_FULLY - TALKING_FROM)
  const share = TALKING_SHARE * Math.min(1, Math.max(0, certainty))
  return EMOTIONS.map((label, k) => (probabilities[k] ?? 0) * (1 - share) + (label === 'neutral' ? share : 0))
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
