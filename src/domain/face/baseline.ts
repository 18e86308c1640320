import type { EmotionReading } from '../emotion.ts'
import type { KeptFrame } from './frame.ts'
import {
  EMPTY_MEASURES,
  isTurnedAway,
  MEASURES,
  type MeasureName,
  type MeasureValues,
  measureWindow,
  type WindowMeasures,
} from './measures.ts'
import { FACE_LABELS, LOCAL_MODEL } from './model.ts'

/** The neutral face of one person, as measures without points. */
export type Baseline = {
  /** Amount of evidence, in windows of a calm, neutral face; at most `MAX_WEIGHT`. */
  readonly weight: number
  /** Each measure of the neutral face; NaN if never measured. */
  readonly measures: MeasureValues
  /** `WindowMeasures.shape` of the neutral face; empty while unknown. */
  readonly shape: readonly number[]
}

/** Keeps the estimate adaptive to slow changes (light, glasses, age). */
const MAX_WEIGHT = 40

/** Weight of an explicit calibration, for which the user was asked for a neutral face. */
const CALIBRATION_WEIGHT = 20

/** Minimum number of frames for a calibration or an update. */
const MIN_FRAMES = 8

/**
 * Maximum weight of a baseline from an earlier session, which may have used another face model, whose points differ: with
 * full weight, a neutral face would be misread for minutes.
 */
const MAX_CARRIED_WEIGHT = 2

/** Maximum spread of the mouth corners and brows within a calm window, in eye distances. */
const MAX_CALM_SPREAD = 0.035

/** Maximum mouth motion of a silent face, in eye distances per second. */
const MAX_SILENT_MOTION = 0.12

/** Minimum trust in a non-neutral reading: a resting face may look sad or angry. */
const MIN_TRUST = 0.1

/** Limits of the difference of one window: in deviations of the measure among people, and in logits of an axis. */
const MAX_DEVIATIONS = 1.5
const MAX_LOGITS = 2

/**
 * Updates the neutral face with one window: a running mean, weighted by how calm, silent, turned to the camera and
 * neutral the window is, with limited differences. Windows without evidence leave it unchanged.
 */
export function learnBaseline(
  baseline: Baseline | undefined,
  m: WindowMeasures,
  reading: EmotionReading,
): Baseline {
  const previous = baseline ?? UNKNOWN
  const trust = computeTrust(m, reading)
  if (trust === 0) return previous
  const weight = Math.min(MAX_WEIGHT, previous.weight + trust)
  const share = trust / weight
  return {
    weight,
    measures: moveMeasures(previous.measures, m.median, share),
    shape: moveShape(previous.shape, m.shape, share),
  }
}

/** Computes the neutral face from about three seconds; undefined when too few frames are measurable. */
export function calibrateBaseline(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): Baseline | undefined {
  const m = measureWindow(frames, options)
  if (m === undefined || m.frameCount < MIN_FRAMES || isTurnedAway(m.pose) || m.doubt !== null)
    return undefined
  return { weight: CALIBRATION_WEIGHT, measures: m.median, shape: m.shape }
}

/** The neutral face that the user's next session starts with; undefined without evidence. */
export const toCarriedBaseline = (baseline: Baseline | undefined): Baseline | undefined =>
  baseline === undefined || baseline.weight === 0
    ? undefined
    : { ...baseline, weight: Math.min(MAX_CARRIED_WEIGHT, baseline.weight) }

const UNKNOWN: Baseline = { weight: 0, measures: EMPTY_MEASURES, shape: [] }

function computeTrust(m: WindowMeasures, { scores }: EmotionReading): number {
  if (
    m.frameCount < MIN_FRAMES ||
    isTurnedAway(m.pose) ||
    m.mouthMotion > MAX_SILENT_MOTION ||
    m.doubt !== null
  )
    return 0
  if (
    m.spread.lipCornerPull > MAX_CALM_SPREAD ||
    m.spread.midBrowRaise > MAX_CALM_SPREAD ||
    m.spread.jawDrop > 2 * MAX_CALM_SPREAD
  )
    return 0
  return Math.max(scores.neutral, MIN_TRUST * (1 - scores.happy))
}

function moveMeasures(from: MeasureValues, to: MeasureValues, share: number): MeasureValues {
  const moved: Record<MeasureName, number> = { ...EMPTY_MEASURES }
  for (const [i, { name }] of MEASURES.entries()) {
    const limit = MAX_DEVIATIONS * (LOCAL_MODEL.measures[i]?.deviation ?? 0)
    moved[name] = step(from[name], to[name], share, limit)
  }
  return moved
}

function moveShape(from: readonly number[], to: readonly number[], share: number): readonly number[] {
  if (to.length === 0) return from
  return to.map((axis, k) => step(from[k] ?? Number.NaN, axis, share, MAX_LOGITS))
}

function step(from: number, to: number, share: number, limit: number): number {
  if (Number.isNaN(from)) return to
  if (Number.isNaN(to)) return from
  return from + share * Math.min(limit, Math.max(-limit, to - from))
}

/* Little-endian: version (1 byte), then float32 numbers: weight, every measure in its order, the axes of the shape. */
const VERSION = 1
const SHAPE_AT = 1 + MEASURES.length
const LENGTH = 1 + 4 * (SHAPE_AT + FACE_LABELS.length)

/** Larger values are invalid. */
const MAX_VALUE = 100

/** Encodes a baseline for storage, numbers as float32. */
export function encodeBaseline({ weight, measures, shape }: Baseline): Uint8Array {
  const bytes = new Uint8Array(LENGTH)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VERSION)
  const put = (i: number, number: number) => view.setFloat32(1 + 4 * i, number, true)
  put(0, weight)
  for (const [i, { name }] of MEASURES.entries()) put(1 + i, measures[name])
  for (let k = 0; k < FACE_LABELS.length; k++) put(SHAPE_AT + k, shape[k] ?? Number.NaN)
  return bytes
}

/** Decodes the bytes of `encodeBaseline`; undefined for another version or invalid bytes. */
export function decodeBaseline(bytes: Uint8Array): Baseline | undefined {
  if (bytes.length !== LENGTH || bytes[0] !== VERSION) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const number = (i: number): number => view.getFloat32(1 + 4 * i, true)
  const weight = number(0)
  const measures: Record<MeasureName, number> = { ...EMPTY_MEASURES }
  for (const [i, { name }] of MEASURES.entries()) measures[name] = number(1 + i)
  const shape = FACE_LABELS.map((_, k) => number(SHAPE_AT + k))
  if (!(weight >= 0 && weight <= MAX_WEIGHT)) return undefined
  for (let i = 1; i < SHAPE_AT + FACE_LABELS.length; i++)
    if (Math.abs(number(i)) > MAX_VALUE) return undefined
  return {
    weight,
    measures,
    shape: shape.some(Number.isNaN) ? [] : shape,
  }
}
