import { correctAspect, inferAspect, getSentAspect } from './camera.ts'
import { type Doubt, type FacePlace, hasSeveralFaces, isCut, locateFace } from './doubts.ts'
import type { KeptFrame } from './frame.ts'
import { EMPTY_MEASURES, type Face, MEASURES, type MeasureName } from './measure-table.ts'
import { LOCAL_MODEL } from './model.ts'
import { measureMotion, type Motion } from './motion.ts'
import { type PosedFace, poseFace } from './pose.ts'
import { POINTS_IN_USE } from './points.ts'
import { createScratch } from './scratch.ts'
import { computeMedianShape, computeShapeAxes } from './shape.ts'
import { median, quantileOfSorted, sortInPlace } from './statistics.ts'

export { EMPTY_MEASURES, MEASURES, type MeasureName } from './measure-table.ts'

/** One number for each measure, in the unit of that measure. */
export type MeasureValues = Readonly<Record<MeasureName, number>>

/** Source of the aspect ratio of the camera image. */
export type AspectSource = 'sent' | 'inferred' | 'assumed'

/** The measures of one window, the complete input of every analyser. Angles in degrees. */
export type WindowMeasures = Motion & {
  /** Frames analysed. */
  readonly frameCount: number
  /** Frames with a head that was turned too far or cut off by the image border, or with invalid points. */
  readonly framesLeftOut: number
  /** Width / height of the camera image. */
  readonly aspect: number
  readonly aspectSource: AspectSource
  /** Why the measures are unreliable; null otherwise. */
  readonly doubt: Doubt | null
  readonly median: MeasureValues
  /** 90th percentile. */
  readonly peak: MeasureValues
  /** 90th minus 10th percentile. */
  readonly spread: MeasureValues
  /** Median of the window's second half minus that of its first half. */
  readonly trend: MeasureValues
  /** The median shape along each axis of the model; empty in windows stored by earlier versions. */
  readonly shape: readonly number[]
  /** Medians. Yaw is positive when the nose points to the image's right, pitch when it points down, roll clockwise. */
  readonly pose: { readonly yaw: number; readonly pitch: number; readonly roll: number }
}

/** Default aspect ratio of a webcam. */
const ASSUMED_ASPECT = 4 / 3

/** Beyond this angle (yaw or pitch, degrees) the far half of the face is only guessed by the mesh. */
const MAX_TURN_DEGREES = 35

/** Whether the head is turned too far for a reliable expression. */
export const isTurnedAway = ({ yaw, pitch }: { readonly yaw: number; readonly pitch: number }): boolean =>
  Math.abs(yaw) > MAX_TURN_DEGREES || Math.abs(pitch) > MAX_TURN_DEGREES

/**
 * Measures one window. `frames` in order of time; `aspect` is the width / height inferred in an earlier window of the
 * session, used for frames without a sent size unless the faces contradict it. Undefined when no frame is usable.
 */
export function measureWindow(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): WindowMeasures | undefined {
  const measured = measureFaces(frames, options)
  if (measured === undefined) return undefined
  return { ...measured.measures, shape: computeShapeAxes(measured.shape, LOCAL_MODEL) }
}

/** The same with the median shape itself, for fitting the model. */
export function measureFaces(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): { readonly measures: Omit<WindowMeasures, 'shape'>; readonly shape: Float64Array } | undefined {
  return withPoints(frames.length * FACE_FLOATS, (points) =>
    measurePosed(frames, detectCamera(frames, options.aspect), points),
  )
}

const FACE_FLOATS = POINTS_IN_USE.length * 3
const withPoints = createScratch()
const withOneMeasure = createScratch()

/** Writes the points of the faces to `points`. */
function measurePosed(
  frames: readonly KeptFrame[],
  camera: Camera,
  points: Float64Array,
): ReturnType<typeof measureFaces> {
  const found: TimedFace[] = []
  for (const [i, frame] of frames.entries()) {
    const aspect = camera.getAspect(frame)
    const posed = poseFace(frame.points, aspect, points.subarray(i * FACE_FLOATS, (i + 1) * FACE_FLOATS))
    if (posed === undefined) continue
    const place = locateFace(frame.points, aspect, frame.at)
    found.push({ at: frame.at, isCut: isCut(frame.points), place, ...posed })
  }
  const facing = found.filter((face) => !isTurnedAway(face) && !face.isCut)
  // A head that was turned away or cut off in all frames is measured as well; its result is uncertain.
  const faces = facing.length > 0 ? facing : found
  if (faces.length === 0) return undefined
  const measures = {
    frameCount: faces.length,
    framesLeftOut: frames.length - faces.length,
    aspect: camera.aspect,
    aspectSource: camera.aspectSource,
    doubt: findDoubt(faces),
    ...summariseFaces(faces),
    ...measureMotion(faces, GESTURES),
    pose: {
      yaw: median(faces.map(({ yaw }) => yaw)),
      pitch: median(faces.map(({ pitch }) => pitch)),
      roll: median(faces.map(({ roll }) => roll)),
    },
  }
  return { measures, shape: computeMedianShape(faces.map(({ face }) => face)) }
}

/** Measures whose fastest change is the onset of an expression. */
const ONSET_MEASURES: readonly MeasureName[] = ['lipCornerPull', 'midBrowRaise', 'jawDrop']
const GESTURES = MEASURES.filter(({ name }) => ONSET_MEASURES.includes(name)).map(({ compute }) => compute)

type TimedFace = PosedFace & { readonly at: number; readonly isCut: boolean; readonly place: FacePlace }

function findDoubt(faces: readonly TimedFace[]): Doubt | null {
  if (hasSeveralFaces(faces.map(({ place }) => place))) return 'several_faces'
  return faces.every((face) => face.isCut) ? 'out_of_picture' : null
}

type Camera = {
  readonly aspect: number
  readonly aspectSource: AspectSource
  /** The aspect ratio of one frame: a phone may be rotated within a window. */
  readonly getAspect: (frame: KeptFrame) => number
}

function detectCamera(frames: readonly KeptFrame[], known: number | undefined): Camera {
  const bySent = new Map<number, KeptFrame[]>()
  for (const frame of frames) {
    const sent = getSentAspect(frame)
    if (sent === undefined) continue
    const group = bySent.get(sent)
    if (group === undefined) bySent.set(sent, [frame])
    else group.push(frame)
  }
  if (bySent.size === 0) {
    const inferred = inferAspect(frames, known)
    const aspect = inferred ?? ASSUMED_ASPECT
    return { aspect, aspectSource: inferred === undefined ? 'assumed' : 'inferred', getAspect: () => aspect }
  }
  const corrected = new Map([...bySent].map(([sent, group]) => [sent, correctAspect(group, sent)]))
  const getCorrected = (frame: KeptFrame) => corrected.get(getSentAspect(frame) ?? Number.NaN)
  const aspect = median(frames.map(getCorrected).filter((one) => one !== undefined))
  const isAsSent = [...corrected].every(([sent, right]) => sent === right)
  return {
    aspect,
    aspectSource: isAsSent ? 'sent' : 'inferred',
    getAspect: (frame) => getCorrected(frame) ?? aspect,
  }
}

/** The statistics of each measure. */
const summariseFaces = (faces: readonly TimedFace[]) =>
  withOneMeasure(faces.length, (values) => summariseIn(values, faces))

/** `all` holds the values of one measure after the other, of one number for each face. */
function summariseIn(
  all: Float64Array,
  faces: readonly TimedFace[],
): Pick<WindowMeasures, 'median' | 'peak' | 'spread' | 'trend'> {
  const count = faces.length
  const half = Math.ceil(count / 2)
  const [first, second] = [all.subarray(0, half), all.subarray(-half)]
  const fill = (compute: (face: Face) => number) => {
    for (let i = 0; i < count; i++) all[i] = compute((faces[i] as TimedFace).face) // below the length
  }
  const [medians, peaks, spreads, trends] = [newValues(), newValues(), newValues(), newValues()]
  for (const { name, compute } of MEASURES) {
    fill(compute)
    const later = quantileOfSorted(sortInPlace(second), 0.5)
    if (count % 2 === 1) fill(compute) // the halves share the frame in the middle
    trends[name] = later - quantileOfSorted(sortInPlace(first), 0.5)
    sortInPlace(all)
    medians[name] = quantileOfSorted(all, 0.5)
    peaks[name] = quantileOfSorted(all, 0.9)
    spreads[name] = peaks[name] - quantileOfSorted(all, 0.1)
  }
  return { median: medians, peak: peaks, spread: spreads, trend: trends }
}

const newValues = (): Record<MeasureName, number> => ({ ...EMPTY_MEASURES })
