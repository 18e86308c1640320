import type { EmotionReading } from '../emotion.ts'
import type { KeptFrame } from './frame.ts'
import { isTurnedAway, MEASURES, type MeasureValues, measureWindow, type WindowMeasures } from './measures.ts'
import { FACE_LABELS, LOCAL_MODEL } from './model.ts'

/** The neutral face of one person: measures only, never points. */
export type Baseline = {
  /** How much was seen, in windows of a calm, neutral face; at most `MOST_WEIGHT`. */
  readonly weight: number
  /** Each measure of the neutral face; NaN for one that was never measured. */
  readonly measures: MeasureValues
  /** `WindowMeasures.shape` of the neutral face; empty while unknown. */
  readonly shape: readonly number[]
}

/** A face that slowly changes (light, glasses, age) is followed; more weight than this would freeze the estimate. */
const MOST_WEIGHT = 40

/** What an explicit calibration counts: the person was asked for a neutral face. */
const CALIBRATION_WEIGHT = 20

/** Fewer frames than this are no calibration and teach nothing. */
const ENOUGH_FRAMES = 8

/**
 * What a baseline from an earlier session counts at most: the face model of that session may have been another, whose
 * points differ everywhere, and at full weight a neutral face would then be read as something else for minutes.
 */
const MOST_CARRIED_WEIGHT = 2

/** Spread of the mouth corners and brows within a calm window, in eye distances. */
const CALM = 0.035

/** Mouth motion of a silent face stays under this, eye distances a second. */
const SILENT = 0.12

/** Even a face that reads as something else teaches a little: a resting face may look sad or angry. */
const LEAST_TRUST = 0.1

/** One window counts as no further away than this, in deviations of a measure among people, in logits of an axis. */
const FURTHEST_DEVIATIONS = 1.5
const FURTHEST_LOGITS = 2

/**
 * The neutral face as known after one more window: a running mean in which a window counts as much as it is calm,
 * silent, turned to the camera and neutral, and in which a window far off counts as one less far off. Windows that say nothing leave it unchanged.
 */
export function learnBaseline(
  baseline: Baseline | undefined,
  m: WindowMeasures,
  reading: EmotionReading,
): Baseline {
  const known = baseline ?? UNKNOWN
  const trust = trustIn(m, reading)
  if (trust === 0) return known
  const weight = Math.min(MOST_WEIGHT, known.weight + trust)
  const share = trust / weight
  return {
    weight,
    measures: moved(known.measures, m.median, share),
    shape: movedShape(known.shape, m.shape, share),
  }
}

/** The neutral face from about three seconds of it, or undefined when too few frames can be measured. */
export function calibrateBaseline(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): Baseline | undefined {
  const m = measureWindow(frames, options)
  if (m === undefined || m.frameCount < ENOUGH_FRAMES || isTurnedAway(m.pose) || m.doubt !== null)
    return undefined
  return { weight: CALIBRATION_WEIGHT, measures: m.median, shape: m.shape }
}

/** The neutral face as the person's next session begins with it; undefined when it says nothing. */
export const carriedBaseline = (baseline: Baseline | undefined): Baseline | undefined =>
  baseline === undefined || baseline.weight === 0
    ? undefined
    : { ...baseline, weight: Math.min(MOST_CARRIED_WEIGHT, baseline.weight) }

const NOTHING = Object.fromEntries(MEASURES.map(({ name }) => [name, Number.NaN])) as MeasureValues // every name
const UNKNOWN: Baseline = { weight: 0, measures: NOTHING, shape: [] }

function trustIn(m: WindowMeasures, { scores }: EmotionReading): number {
  if (m.frameCount < ENOUGH_FRAMES || isTurnedAway(m.pose) || m.mouthMotion > SILENT || m.doubt !== null)
    return 0
  if (m.spread.lipCornerPull > CALM || m.spread.midBrowRaise > CALM || m.spread.jawDrop > 2 * CALM) return 0
  return Math.max(scores.neutral, LEAST_TRUST * (1 - scores.happy))
}

function moved(from: MeasureValues, to: MeasureValues, share: number): MeasureValues {
  const entries = MEASURES.map(({ name }, i) => {
    const furthest = FURTHEST_DEVIATIONS * (LOCAL_MODEL.measures[i]?.deviation ?? 0)
    return [name, step(from[name], to[name], share, furthest)] as const
  })
  return Object.fromEntries(entries) as MeasureValues // one value for each measure
}

function movedShape(from: readonly number[], to: readonly number[], share: number): readonly number[] {
  if (to.length === 0) return from
  return to.map((axis, k) => step(from[k] ?? Number.NaN, axis, share, FURTHEST_LOGITS))
}

function step(from: number, to: number, share: number, furthest: number): number {
  if (Number.isNaN(from)) return to
  if (Number.isNaN(to)) return from
  return from + share * Math.min(furthest, Math.max(-furthest, to - from))
}

/* Little-endian: version (1 byte), then float32 numbers: weight, every measure in its order, the axes of the shape. */
const VERSION = 1
const SHAPE_AT = 1 + MEASURES.length
const LENGTH = 1 + 4 * (SHAPE_AT + FACE_LABELS.length)

/** No measure of a face is as large as this. */
const NONSENSE = 100

/** A baseline as bytes to store, numbers to float32 precision. */
export function encodeBaseline({ weight, measures, shape }: Baseline): Uint8Array {
  const bytes = new Uint8Array(LENGTH)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  const axes = FACE_LABELS.map((_, k) => shape[k] ?? Number.NaN)
  const numbers = [weight, ...MEASURES.map(({ name }) => measures[name]), ...axes]
  for (const [i, number] of numbers.entries()) view.setFloat32(1 + 4 * i, number, true)
  return bytes
}

/** What `encodeBaseline` wrote, or undefined when the bytes are of another version, cut or no baseline. */
export function decodeBaseline(bytes: Uint8Array): Baseline | undefined {
  if (bytes.length !== LENGTH || bytes[0] !== VERSION) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = (i: number): number => view.getFloat32(1 + 4 * i, true)
  const weight = number(0)
  const measures = MEASURES.map(({ name }, i) => [name, number(1 + i)] as const)
  const shape = FACE_LABELS.map((_, k) => number(SHAPE_AT + k))
  if (!(weight >= 0 && weight <= MOST_WEIGHT)) return undefined
  if ([...measures.map(([, value]) => value), ...shape].some((value) => Math.abs(value) > NONSENSE))
    return undefined
  return {
    weight,
    measures: Object.fromEntries(measures) as MeasureValues, // one value for each measure
    shape: shape.some(Number.isNaN) ? [] : shape,
  }
}
