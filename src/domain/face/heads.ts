import { EMOTIONS } from '../emotion.ts'
import type { Baseline } from './baseline.ts'
import type { WindowMeasures } from './measures.ts'
import { MEASURES } from './measures.ts'
import { FACE_LABELS, type FaceModel } from './model.ts'

/** Limit in standard deviations, so that a single outlier does not decide. */
const MAX_DEVIATIONS = 3.5

/** Weight at which a baseline has half of its full influence. */
const HALF_TRUST_WEIGHT = 2

/** Share of the person's deviation from the average neutral face that is subtracted from the input of the first head. */
const OWN_SHARE = 0.5

/** Weight of the second head with a fully trusted baseline. */
const CHANGE_SHARE = 0.9

const FEARFUL = FACE_LABELS.indexOf('fearful')
const ANXIOUS_LABEL = EMOTIONS.indexOf('anxious')
const FEARFUL_LABEL = EMOTIONS.indexOf('fearful')

/** Trust in a baseline, from 0 (none) to 1. */
export const computeTrust = (baseline: Baseline | undefined): number =>
  baseline === undefined ? 0 : baseline.weight / (baseline.weight + HALF_TRUST_WEIGHT)

/**
 * Computes one logit for each of `EMOTIONS`. The first head uses the face as it is, the second its change from the
 * person's neutral face, weighted by the trust in the baseline.
 */
export function computeLogits(model: FaceModel, m: WindowMeasures, baseline: Baseline | undefined): number[] {
  const trust = computeTrust(baseline)
  const z = standardise(model, m, baseline, OWN_SHARE * trust)
  const face = splitFearful(
    computeFaceLogits(model, z, computeAxes(model, m, baseline, OWN_SHARE * trust)),
    computeAnxiousLogit(model, z),
  )
  if (baseline === undefined || trust === 0) return face
  const share = CHANGE_SHARE * trust
  return computeChangeLogits(model, m, baseline).map(
    (logit, k) => share * logit + (1 - share) * (face[k] ?? 0),
  )
}

/**
 * Standardises the medians of the window by mean and deviation over all people, after subtracting `share` of the person's
 * own deviation. A missing measure is 0.
 */
export function standardise(
  model: Pick<FaceModel, 'measures'>,
  { median }: Pick<WindowMeasures, 'median'>,
  baseline?: Baseline,
  share = 0,
): number[] {
  return model.measures.map(({ mean, deviation, neutral }, i) => {
    const name = MEASURES[i]?.name
    if (name === undefined) return 0
    const own = share === 0 ? 0 : share * nanToZero((baseline?.measures[name] ?? Number.NaN) - neutral)
    return clamp((median[name] - own - mean) / deviation)
  })
}

/** Computes the change of each measure from the baseline, in units of the model's scale. */
export function computeChanges(
  scale: readonly number[],
  { median }: Pick<WindowMeasures, 'median'>,
  baseline: Baseline,
): number[] {
  return MEASURES.map(({ name }, i) => clamp((median[name] - baseline.measures[name]) / (scale[i] ?? 1)))
}

function computeAxes(
  model: FaceModel,
  m: WindowMeasures,
  baseline: Baseline | undefined,
  share: number,
): number[] {
  return model.shape.neutral.map((neutral, k) => {
    const own = share === 0 ? 0 : share * nanToZero((baseline?.shape[k] ?? Number.NaN) - neutral)
    return (m.shape[k] ?? own) - own
  })
}

function computeFaceLogits({ face }: FaceModel, z: readonly number[], axes: readonly number[]): number[] {
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

function computeChangeLogits({ change }: FaceModel, m: WindowMeasures, baseline: Baseline): number[] {
  const sums = [...change.bias]
  for (const [i, value] of computeChanges(change.scale, m, baseline).entries()) {
    const linear = change.linear[i]
    for (let k = 0; k < sums.length; k++) sums[k] = (sums[k] ?? 0) + (linear?.[k] ?? 0) * value
  }
  return sums
}

function computeAnxiousLogit({ anxious }: FaceModel, z: readonly number[]): number {
  return z.reduce((sum, value, i) => sum + value * (anxious.linear[i] ?? 0), anxious.bias)
}

/** Converts the seven logits of the first head to eight: anxious and fearful share the common logit. */
function splitFearful(face: readonly number[], anxious: number): number[] {
  const getLogit = (label: string) => face[(FACE_LABELS as readonly string[]).indexOf(label)] ?? 0
  const both = face[FEARFUL] ?? 0
  return EMOTIONS.map((label, k) => {
    if (k === ANXIOUS_LABEL) return both - softplus(-anxious)
    if (k === FEARFUL_LABEL) return both - softplus(anxious)
    return getLogit(label)
  })
}

/** ln(1 + e^x) without overflow for large x. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

function clamp(value: number): number {
  return nanToZero(Math.min(MAX_DEVIATIONS, Math.max(-MAX_DEVIATIONS, value)))
}

function nanToZero(value: number): number {
  return Number.isNaN(value) ? 0 : value
}
