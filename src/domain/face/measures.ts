import { correctedAspect, inferAspect, sentAspect } from './camera.ts'
import { type Doubt, type FacePlace, hasSeveralFaces, isCut, placeOf } from './doubts.ts'
import type { KeptFrame } from './frame.ts'
import { MEASURES, type MeasureName } from './measure-table.ts'
import { LOCAL_MODEL } from './model.ts'
import { type Motion, motionOf } from './motion.ts'
import { type PosedFace, poseFace } from './pose.ts'
import { medianShape, shapeAxes } from './shape.ts'
import { median, quantileOfSorted, seriesOf, sorted } from './statistics.ts'

export { MEASURES, type MeasureName } from './measure-table.ts'

/** One number for each measure, in the unit of that measure. */
export type MeasureValues = Readonly<Record<MeasureName, number>>

/** How the width to height of the camera image was known. */
export type AspectSource = 'sent' | 'inferred' | 'assumed'

/** What one window of frames says about the face: the whole input of every analyser. Angles in degrees. */
export type WindowMeasures = Motion & {
  /** Frames analysed. */
  readonly frameCount: number
  /** Frames whose head was turned too far or cut off by the picture's edge, or whose points were no face. */
  readonly framesLeftOut: number
  /** Width / height of the camera image. */
  readonly aspect: number
  readonly aspectSource: AspectSource
  /** Why nothing here is to be relied on; null when there is no reason. */
  readonly doubt: Doubt | null
  readonly median: MeasureValues
  /** 90th percentile. */
  readonly peak: MeasureValues
  /** 90th minus 10th percentile. */
  readonly spread: MeasureValues
  /** Median of the window's second half minus that of its first half. */
  readonly trend: MeasureValues
  /** The whole median shape along each axis of the model; empty in windows that were stored before there were any. */
  readonly shape: readonly number[]
  /** Medians. Yaw is positive when the nose points to the image's right, pitch when it points down, roll clockwise. */
  readonly pose: { readonly yaw: number; readonly pitch: number; readonly roll: number }
}

/** Until the frames say otherwise a webcam picture is taken to be 4:3. */
const ASSUMED_ASPECT = 4 / 3

/** Beyond this the far half of the face is guessed by the mesh, not seen. Degrees, yaw or pitch. */
const LARGEST_TURN = 35

/** Whether a head is turned so far that its expression cannot be relied on. */
export const isTurnedAway = ({ yaw, pitch }: { readonly yaw: number; readonly pitch: number }): boolean =>
  Math.abs(yaw) > LARGEST_TURN || Math.abs(pitch) > LARGEST_TURN

/**
 * Measures one window. `frames` in order of time; `aspect` is the camera's width / height found in an earlier window
 * of the same session, kept for frames that do not say it themselves while nothing speaks against it. Undefined when
 * no frame is usable.
 */
export function measureWindow(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): WindowMeasures | undefined {
  const measured = measureFaces(frames, options)
  if (measured === undefined) return undefined
  return { ...measured.measures, shape: shapeAxes(measured.shape, LOCAL_MODEL) }
}

/** The same with the whole median shape itself, for fitting the model: `medianShape`. */
export function measureFaces(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): { readonly measures: Omit<WindowMeasures, 'shape'>; readonly shape: Float64Array } | undefined {
  const camera = cameraOf(frames, options.aspect)
  const found: TimedFace[] = []
  for (const frame of frames) {
    const aspect = camera.of(frame)
    const posed = poseFace(frame.points, aspect)
    if (posed === undefined) continue
    const place = placeOf(frame.points, aspect, frame.at)
    found.push({ at: frame.at, isCut: isCut(frame.points), place, ...posed })
  }
  const facing = found.filter((face) => !isTurnedAway(face) && !face.isCut)
  // A head that was turned away or cut off all the time is still a face: it is measured, and its reading is uncertain.
  const faces = facing.length > 0 ? facing : found
  if (faces.length === 0) return undefined
  const measures = {
    frameCount: faces.length,
    framesLeftOut: frames.length - faces.length,
    aspect: camera.aspect,
    aspectSource: camera.aspectSource,
    doubt: doubtOf(faces),
    ...summaries(faces),
    ...motionOf(faces, GESTURES),
    pose: {
      yaw: median(faces.map(({ yaw }) => yaw)),
      pitch: median(faces.map(({ pitch }) => pitch)),
      roll: median(faces.map(({ roll }) => roll)),
    },
  }
  return { measures, shape: medianShape(faces.map(({ face }) => face)) }
}

/** Whose quickest change is the onset of an expression. */
const ONSET_MEASURES: readonly MeasureName[] = ['lipCornerPull', 'midBrowRaise', 'jawDrop']
const GESTURES = MEASURES.filter(({ name }) => ONSET_MEASURES.includes(name)).map(({ of }) => of)

type TimedFace = PosedFace & { readonly at: number; readonly isCut: boolean; readonly place: FacePlace }

function doubtOf(faces: readonly TimedFace[]): Doubt | null {
  if (hasSeveralFaces(faces.map(({ place }) => place))) return 'several_faces'
  return faces.every((face) => face.isCut) ? 'out_of_picture' : null
}

type Camera = {
  readonly aspect: number
  readonly aspectSource: AspectSource
  /** Of the picture of one frame: a phone may be turned within a window. */
  readonly of: (frame: KeptFrame) => number
}

function cameraOf(frames: readonly KeptFrame[], known: number | undefined): Camera {
  const bySent = new Map<number, KeptFrame[]>()
  for (const frame of frames) {
    const sent = sentAspect(frame)
    if (sent === undefined) continue
    const those = bySent.get(sent)
    if (those === undefined) bySent.set(sent, [frame])
    else those.push(frame)
  }
  if (bySent.size === 0) {
    const inferred = inferAspect(frames, known)
    const aspect = inferred ?? ASSUMED_ASPECT
    return { aspect, aspectSource: inferred === undefined ? 'assumed' : 'inferred', of: () => aspect }
  }
  const corrected = new Map([...bySent].map(([sent, those]) => [sent, correctedAspect(those, sent)]))
  const aspectOf = (frame: KeptFrame) => corrected.get(sentAspect(frame) ?? Number.NaN)
  const aspect = median(frames.map(aspectOf).filter((one) => one !== undefined))
  const isAsSent = [...corrected].every(([sent, right]) => sent === right)
  return { aspect, aspectSource: isAsSent ? 'sent' : 'inferred', of: (frame) => aspectOf(frame) ?? aspect }
}

function summaries(
  faces: readonly TimedFace[],
): Pick<WindowMeasures, 'median' | 'peak' | 'spread' | 'trend'> {
  const series = MEASURES.map(({ of }) => seriesOf(faces, ({ face }) => of(face)))
  const rising = series.map(sorted)
  const half = Math.ceil(faces.length / 2)
  return {
    median: byName(rising.map((values) => quantileOfSorted(values, 0.5))),
    peak: byName(rising.map((values) => quantileOfSorted(values, 0.9))),
    spread: byName(rising.map((values) => quantileOfSorted(values, 0.9) - quantileOfSorted(values, 0.1))),
    trend: byName(series.map((values) => median(values.subarray(-half)) - median(values.subarray(0, half)))),
  }
}

function byName(values: readonly number[]): MeasureValues {
  const entries = MEASURES.map(({ name }, i) => [name, values[i]])
  return Object.fromEntries(entries) as MeasureValues // one value for each measure, in their order
}
