import { EMOTIONS } from '../emotion.ts'
import type { Baseline } from './baseline.ts'
import type { WindowMeasures } from './measures.ts'
import { MEASURES } from './measures.ts'
import { FACE_LABELS, type FaceModel } from './model.ts'

/** A measure counts no further out than this, in standard deviations: one odd measure must not decide alone. */
const FURTHEST = 3.5

/** Windows of a calm, neutral face after which a baseline is believed by half. */
const HALF_BELIEVED = 2

/** The share of a person's own deviation from the common neutral face that is taken off before the first head looks. */
const OWN_SHARE = 0.5

/** How much the second head speaks beside the first when the baseline is fully believed. */
const CHANGE_SHARE = 0.9

const FEARFUL = FACE_LABELS.indexOf('fearful')
const ANXIOUS_LABEL = EMOTIONS.indexOf('anxious')
const FEARFUL_LABEL = EMOTIONS.indexOf('fearful')

/** From 0, nothing known of this person, to 1. */
export const belief = (baseline: Baseline | undefined): number =>
  baseline === undefined ? 0 : baseline.weight / (baseline.weight + HALF_BELIEVED)

/**
 * One logit for each of `EMOTIONS`. The first head looks at the face as it is, the second at its change from the
 * person's neutral face, as far as that is known.
 */
export function logits(model: FaceModel, m: WindowMeasures, baseline: Baseline | undefined): number[] {
  const trust = belief(baseline)
  const z = standardised(model, m, baseline, OWN_SHARE * trust)
  const face = spread(
    faceLogits(model, z, axesOf(model, m, baseline, OWN_SHARE * trust)),
    anxiousLogit(model, z),
  )
  if (baseline === undefined || trust === 0) return face
  const share = CHANGE_SHARE * trust
  return changeLogits(model, m, baseline).map((logit, k) => share * logit + (1 - share) * (face[k] ?? 0))
}

/**
 * The window's medians in standard deviations from the mean of all people, `share` of what is this person's own taken
 * off. A measure that was not measured says nothing.
 */
export function standardised(
  model: Pick<FaceModel, 'measures'>,
  { median }: Pick<WindowMeasures, 'median'>,
  baseline?: Baseline,
  share = 0,
): number[] {
  return model.measures.map(({ mean, deviation, neutral }, i) => {
    const name = MEASURES[i]?.name
    if (name === undefined) return 0
    const own = share === 0 ? 0 : share * orZero((baseline?.measures[name] ?? Number.NaN) - neutral)
    return bounded((median[name] - own - mean) / deviation)
  })
}

/** The change of each measure from the baseline, in units of the model's scale. */
export function changes(
  scale: readonly number[],
  { median }: Pick<WindowMeasures, 'median'>,
  baseline: Baseline,
): number[] {
  return MEASURES.map(({ name }, i) => bounded((median[name] - baseline.measures[name]) / (scale[i] ?? 1)))
}

function axesOf(
  model: FaceModel,
  m: WindowMeasures,
  baseline: Baseline | undefined,
  share: number,
): number[] {
  return model.shape.neutral.map((neutral, k) => {
    const own = share === 0 ? 0 : share * orZero((baseline?.shape[k] ?? Number.NaN) - neutral)
    return (m.shape[k] ?? own) - own
  })
}

function faceLogits({ face }: FaceModel, z: readonly number[], axes: readonly number[]): number[] {
  const sums = face.bias.map((bias, k) => bias + (axes[k] ?? 0))
  for (let i = 0; i < z.length; i++) {
    const value = z[i] ?? 0
    const bend = (value * value - 1) / 2
    const [linear, squared] = [face.linear[i], face.squared[i]]
    for (let k = 0; k < sums.length; k++) {
      sums[k] = (sums[k] ?? 0) + (linear?.[k] ?? 0) * value + (squared?.[k] ?? 0) * bend
    }
  }
  return sums
}

function changeLogits({ change }: FaceModel, m: WindowMeasures, baseline: Baseline): number[] {
  const sums = [...change.bias]
  for (const [i, value] of changes(change.scale, m, baseline).entries()) {
    const linear = change.linear[i]
    for (let k = 0; k < sums.length; k++) sums[k] = (sums[k] ?? 0) + (linear?.[k] ?? 0) * value
  }
  return sums
}

function anxiousLogit({ anxious }: FaceModel, z: readonly number[]): number {
  return z.reduce((sum, value, i) => sum + value * (anxious.linear[i] ?? 0), anxious.bias)
}

/** The seven logits of the first head as eight: anxious and fearful share what it gave to both. */
function spread(face: readonly number[], anxious: number): number[] {
  const of = (label: string) => face[(FACE_LABELS as readonly string[]).indexOf(label)] ?? 0
  const both = face[FEARFUL] ?? 0
  return EMOTIONS.map((label, k) => {
    if (k === ANXIOUS_LABEL) return both - softplus(-anxious)
    if (k === FEARFUL_LABEL) return both - softplus(anxious)
    return of(label)
  })
}

/** ln(1 + e^x), safe for large x. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

function bounded(value: number): number {
  return orZero(Math.min(FURTHEST, Math.max(-FURTHEST, value)))
}

function orZero(value: number): number {
  return Number.isNaN(value) ? 0 : value
}
