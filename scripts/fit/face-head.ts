import type { Emotion } from '../../src/domain/emotion.ts'
import { standardised } from '../../src/domain/face/heads.ts'
import { MEASURES } from '../../src/domain/face/measures.ts'
import { FACE_LABELS, type FaceModel } from '../../src/domain/face/model.ts'
import { type Components, principalComponents } from './components.ts'
import { fitLogistic, logitsOf, type Problem, softmax } from './logistic.ts'
import type { Sample } from './samples.ts'

const CLASSES = FACE_LABELS.length
const COMPONENTS = 100
const PENALTY = 0.006

/** How much one sample of each tier counts, before classes are balanced. */
const TIER_WEIGHTS: Readonly<Record<string, number>> = {
  curated: 1,
  clean: 2,
  noisy: 0.4,
  synthetic: 1.2,
  'synthetic start': 0.2,
  opened: 0.3,
}

/** How often the label of a noisy picture is taken to be right; the rest is spread over the other six. */
const LABEL_RIGHT = 0.7

/** The parts of the model that the first head reads with; `shape.neutral` and the measures' `neutral` come along. */
export type FaceHead = Pick<FaceModel, 'measures' | 'face' | 'shape'>

/** Faces of heads that were made, and those whose mouths were opened afterwards: no measure of what people look like. */
const isMade = ({ tier }: Pick<Sample, 'tier'>): boolean => tier.startsWith('synthetic') || tier === 'opened'

/** The place of a label among those of the first head, to which anxious is fearful. */
export const faceClass = (label: Emotion): number =>
  (FACE_LABELS as readonly Emotion[]).indexOf(label === 'anxious' ? 'fearful' : label)

/**
 * Fits the first head: one logistic regression on standardised measures, their squares and the principal components of
 * the whole shape. Noisy labels are softened first: each half of the samples is read by a model of the other half, and
 * the target becomes what label and reading say together.
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
  // Half way (in ln) to classes that weigh the same.
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
  const z = standardised({ measures: model }, measures)
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

/** The components are needed no more: their directions and weights together are one axis of the shape for each label. */
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
