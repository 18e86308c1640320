import { inferAspect, sentAspect } from './camera.ts'
import type { KeptFrame } from './frame.ts'
import { eyeOpening, MEASURES, type MeasureName, mouthOpening } from './measure-table.ts'
import { type PosedFace, poseFace } from './pose.ts'
import { median, quantileOfSorted } from './statistics.ts'

export { MEASURES, type MeasureName } from './measure-table.ts'

/** One number for each measure, in the unit of that measure. */
export type MeasureValues = Readonly<Record<MeasureName, number>>

/** How the width to height of the camera image was known. */
export type AspectSource = 'sent' | 'inferred' | 'assumed'

/** What one window of frames says about the face: the whole input of every analyser. Angles in degrees. */
export type WindowMeasures = {
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
  /** Mean absolute change of the mouth opening, eye distances a second; over about 0.2 somebody is talking. */
  readonly mouthMotion: number
  /** A lower bound: at a few frames a second short blinks fall between frames. */
  readonly blinksPerMinute: number
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

/** An eye open less than this share of its usual opening is closed. */
const CLOSED = 0.6

/**
 * Measures one window. `frames` in order of time; `aspect` is the camera's width / height found in an earlier window
 * of the same session, kept for frames that do not say it themselves while nothing speaks against it. Undefined when
 * no frame is usable.
 */
export function measureWindow(
  frames: readonly KeptFrame[],
  options: { readonly aspect?: number } = {},
): WindowMeasures | undefined {
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
  return {
    frameCount: faces.length,
    framesLeftOut: frames.length - faces.length,
    ...camera,
    ...summaries(faces),
    mouthMotion: mouthMotion(faces),
    blinksPerMinute: blinksPerMinute(faces),
    pose: {
      yaw: median(faces.map(({ yaw }) => yaw)),
      pitch: median(faces.map(({ pitch }) => pitch)),
      roll: median(faces.map(({ roll }) => roll)),
    },
  }
}

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
  const series = MEASURES.map(({ of }) => Float64Array.from(faces, ({ face }) => of(face)))
  const sorted = series.map((values) => values.slice().sort())
  const half = Math.ceil(faces.length / 2)
  return {
    median: byName(sorted.map((values) => quantileOfSorted(values, 0.5))),
    peak: byName(sorted.map((values) => quantileOfSorted(values, 0.9))),
    spread: byName(sorted.map((values) => quantileOfSorted(values, 0.9) - quantileOfSorted(values, 0.1))),
    trend: byName(series.map((values) => median(values.subarray(-half)) - median(values.subarray(0, half)))),
  }
}

function byName(values: readonly number[]): MeasureValues {
  const entries = MEASURES.map(({ name }, i) => [name, values[i]])
  return Object.fromEntries(entries) as MeasureValues // one value for each measure, in their order
}

function mouthMotion(faces: readonly TimedFace[]): number {
  const openings = faces.map(({ face }) => mouthOpening(face))
  let change = 0
  for (let i = 1; i < openings.length; i++) change += Math.abs((openings[i] ?? 0) - (openings[i - 1] ?? 0))
  const seconds = secondsOf(faces)
  return seconds > 0 ? change / seconds : 0
}

function blinksPerMinute(faces: readonly TimedFace[]): number {
  const openings = faces.map(({ face }) => eyeOpening(face))
  const closed = CLOSED * median(openings)
  let blinks = 0
  for (let i = 1; i < openings.length; i++) {
    if ((openings[i] ?? 0) < closed && (openings[i - 1] ?? 0) >= closed) blinks++
  }
  const seconds = secondsOf(faces)
  return seconds > 0 ? (blinks * 60) / seconds : 0
}

function secondsOf(faces: readonly TimedFace[]): number {
  return ((faces.at(-1)?.at ?? 0) - (faces[0]?.at ?? 0)) / 1000
}
