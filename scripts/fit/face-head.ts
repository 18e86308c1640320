import type { Emotion } from '../../src/domain/emotion.ts'
import { standardise } from '../../src/domain/face/heads.ts'
import { MEASURES } from '../../src/domain/face/measures.ts'
import { FACE_LABELS, type FaceModel } from '../../src/domain/face/model.ts'
import { type Components, principalComponents } from './components.ts'
import { fitLogistic, logitsOf, type Problem, softmax } from './logistic.ts'
import type { Sample } from './samples.ts'

const CLASSES = FACE_LABELS.length
const COMPONENTS = 100
const PENALTY = 0.006

/** Weight of one sample of each tier, before classes are balanced. */
const TIER_WEIGHTS: Readonly<Record<string, number>> = {
  curated: 1,
  clean: 2,
  noisy: 0.4,
  synthetic: 1.2,
  'synthetic start': 0.2,
  opened: 0.3,
}

/** Assumed probability of a correct label of a noisy picture; the rest is spread over the other six labels. */
const LABEL_RIGHT = 0.7

/** The parts of the model that the first head uses, with `shape.neutral` and the measures' `neutral`. */
export type FaceHead = Pick<FaceModel, 'measures' | 'face' | 'shape'>

/** Faces of synthetic heads, and faces with artificially opened mouths; not used for statistics of real faces. */
const isMade = ({ tier }: Pick<Sample, 'tier'>): boolean => tier.startsWith('synthetic') || tier === 'opened'

/** The index of a label in the first head, in which anxious counts as fearful. */
export const faceClass = (label: Emotion): number =>
  (FACE_LABELS as readonly Emotion[]).indexOf(label === 'anxious' ? 'fearful' : label)

/**
 * Fits the first head: one logistic regression on standardised measures, their squares and the principal components of
 * the whole shape. Noisy labels are softened first: a model of one half analyses the other half, and the target
 * combines label and result.
 */
export function fitFaceHead(samples: readonly Sample[], groups: readonly number[]): FaceHead {
  const weights = balancedWeights(samples)
  const measures = moments(samples, weights)
  const found = samples.filter(({ tier }) => !isMade({ tier }))
  const components = principalComponents(
    found.map(({ shape }) => shape),
    COMPONENTS,
  )
  const rows = samples.map((sample) => inputs(sample, measures, components))
  const targets = softened(samples, groups, rows, weights)
  const fitted = fitLogistic(problemOf(rows, targets, weights), PENALTY)
  return toHead(fitted, measures, components, samples)
}

type Moments = FaceModel['measures']

function balancedWeights(samples: readonly Sample[]): number[] {
  const weights = samples.map(({ tier }) => TIER_WEIGHTS[tier] ?? 0)
  const totals = new Array<number>(CLASSES).fill(0)
  for (const [i, { label }] of samples.entries()) {
    const k = faceClass(label)
    totals[k] = (totals[k] ?? 0) + (weights[i] ?? 0)
  }
  const mean = totals.reduce((sum, total) => sum + total, 0) / CLASSES
  // Half way (on a log scale) to equal class weights.
  return samples.map(({ label }, i) => (weights[i] ?? 0) * Math.sqrt(mean / (totals[faceClass(label)] ?? 1)))
}

function moments(samples: readonly Sample[], weights: readonly number[]): Moments {
  return MEASURES.map(({ name }) => {
    let [sum, total, neutral, neutrals] = [0, 0, 0, 0]
    for (const [i, { measures, label, trusted, tier }] of samples.entries()) {
      sum += (weights[i] ?? 0) * measures.median[name]
      total += weights[i] ?? 0
      if (label !== 'neutral' || !trusted || isMade({ tier })) continue
      neutral += measures.median[name]
      neutrals++
    }
    const mean = sum / total
    let squares = 0
    for (const [i, { measures }] of samples.entries())
      squares += (weights[i] ?? 0) * (measures.median[name] - mean) ** 2
    return { name, mean, deviation: Math.sqrt(squares / total), neutral: neutral / Math.max(1, neutrals) }
  })
}

function inputs({ measures, shape }: Sample, model: Moments, components: Components): Float64Array {
  const z = standardise({ measures: model }, measures)
  const along = components.directions.map((direction, c) => {
    let sum = 0
    for (let k = 0; k < shape.length; k++)
      sum += ((shape[k] ?? 0) - (components.mean[k] ?? 0)) * (direction[k] ?? 0)
    return sum / (components.deviations[c] ?? 1)
  })
  return Float64Array.from([...z, ...z.map((value) => (value * value - 1) / 2), ...along])
}

function problemOf(
  rows: readonly Float64Array[],
  targets: readonly Float64Array[],
  weights: readonly number[],
): Problem {
  const width = rows[0]?.length ?? 0
  const all = new Float64Array(rows.length * width)
  const wanted = new Float64Array(rows.length * CLASSES)
  for (const [i, row] of rows.entries()) all.set(row, i * width)
  for (const [i, target] of targets.entries()) wanted.set(target, i * CLASSES)
  return { width, classes: CLASSES, rows: all, targets: wanted, weights: Float64Array.from(weights) }
}

function softened(
  samples: readonly Sample[],
  groups: readonly number[],
  rows: readonly Float64Array[],
  weights: readonly number[],
): Float64Array[] {
  const targets = samples.map(({ label }) => oneOf(faceClass(label)))
  const soft = [...targets]
  const pick = <T>(list: readonly T[], half: number) => list.filter((_, i) => (groups[i] ?? 0) % 2 === half)
  for (const half of [0, 1]) {
    const problem = problemOf(pick(rows, 1 - half), pick(targets, 1 - half), pick(weights, 1 - half))
    const model = fitLogistic(problem, PENALTY, 60)
    for (const [i, sample] of samples.entries()) {
      const row = rows[i]
      if ((groups[i] ?? 0) % 2 !== half || sample.trusted || row === undefined) continue
      if (sample.tier === 'opened') continue
      const read = softmax(logitsOf(model, row, CLASSES))
      const label = faceClass(sample.label)
      const both = read.map((p, k) => p * (k === label ? LABEL_RIGHT : (1 - LABEL_RIGHT) / (CLASSES - 1)))
      const sum = both.reduce((total, value) => total + value, 0)
      soft[i] = both.map((value) => value / sum)
    }
  }
  return soft
}

function oneOf(label: number): Float64Array {
  const target = new Float64Array(CLASSES)
  target[label] = 1
  return target
}

/** Merges the components: their directions and weights form one axis of the shape per label. */
function toHead(
  fitted: Float64Array,
  measures: Moments,
  components: Components,
  samples: readonly Sample[],
): FaceHead {
  const count = MEASURES.length
  const row = (i: number) => Array.from(fitted.subarray(i * CLASSES, (i + 1) * CLASSES))
  const axes = FACE_LABELS.map((_, label) => {
    const axis = new Array<number>(components.mean.length).fill(0)
    for (const [c, direction] of components.directions.entries()) {
      const weight = (fitted[(2 * count + c) * CLASSES + label] ?? 0) / (components.deviations[c] ?? 1)
      for (let k = 0; k < axis.length; k++) axis[k] = (axis[k] ?? 0) + weight * (direction[k] ?? 0)
    }
    return axis
  })
  const mean = Array.from(components.mean)
  const resting = samples.filter(
    ({ label, trusted, tier }) => label === 'neutral' && trusted && !isMade({ tier }),
  )
  const neutral = axes.map((axis) => {
    let sum = 0
    for (const { shape } of resting)
      for (let k = 0; k < axis.length; k++) sum += ((shape[k] ?? 0) - (mean[k] ?? 0)) * (axis[k] ?? 0)
    return sum / Math.max(1, resting.length)
  })
  return {
    measures,
    face: {
      bias: row(fitted.length / CLASSES - 1),
      linear: MEASURES.map((_, i) => row(i)),
      squared: MEASURES.map((_, i) => row(count + i)),
    },
    shape: { mean, axes, neutral },
  }
}
