import { inferAspect, sentAspect } from './camera.ts'
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
  /** Frames whose head was turned too far or whose points were no face. */
  readonly framesLeftOut: number
  /** Width / height of the camera image. */
  readonly aspect: number
  readonly aspectSource: AspectSource
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
    const posed = poseFace(frame.points, sentAspect(frame) ?? camera.aspect)
    if (posed !== undefined) found.push({ at: frame.at, ...posed })
  }
  const facing = found.filter((face) => !isTurnedAway(face))
  // A head that was turned away all the time is still a face: it is measured, and its reading marked uncertain.
  const faces = facing.length > 0 ? facing : found
  if (faces.length === 0) return undefined
  const measures = {
    frameCount: faces.length,
    framesLeftOut: frames.length - faces.length,
    ...camera,
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

type TimedFace = PosedFace & { readonly at: number }

function cameraOf(
  frames: readonly KeptFrame[],
  known: number | undefined,
): { aspect: number; aspectSource: AspectSource } {
  const sent = frames.map(sentAspect).filter((aspect) => aspect !== undefined)
  if (sent.length > 0) return { aspect: median(sent), aspectSource: 'sent' }
  const inferred = inferAspect(frames, known)
  if (inferred !== undefined) return { aspect: inferred, aspectSource: 'inferred' }
  return { aspect: ASSUMED_ASPECT, aspectSource: 'assumed' }
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
