import { eyeOpening, type Face, mouthOpening } from './measure-table.ts'
import { median, quantileOfSorted, seriesOf, sorted } from './statistics.ts'

/** Faces of one window in order of time, `at` in ms. */
export type TimedFace = { readonly face: Face; readonly at: number }

/** What the order of the frames tells. */
export type Motion = {
  /** Mean absolute change of the mouth opening, eye distances a second; over about 0.2 somebody is talking. */
  readonly mouthMotion: number
  /** From 0 to 1: how much the mouth opens and closes again and again, as in talking. One smile or gasp is 0. */
  readonly speech: number
  /** The quickest change of lip corners, brows or jaw over a quarter of a second, eye distances a second. */
  readonly onset: number
  /** A lower bound: at a few frames a second short blinks fall between frames. */
  readonly blinksPerMinute: number
}

/** Mouth motion, eye distances a second: below the first nobody talks, above the second somebody may well. */
const SPEECH_MOTION = [0.12, 0.3] as const

/** How often the mouth travels its whole range of opening: once there and back is 2, a syllable adds about as much. */
const SPEECH_TRAVELS = [2, 3.5] as const

/** An eye open less than this share of its usual opening is closed. */
const CLOSED = 0.6

const ONSET_MS = 250

export function motionOf(faces: readonly TimedFace[], gestures: readonly ((face: Face) => number)[]): Motion {
  const seconds = ((faces.at(-1)?.at ?? 0) - (faces[0]?.at ?? 0)) / 1000
  const openings = seriesOf(faces, ({ face }) => mouthOpening(face))
  const path = pathOf(openings)
  const mouthMotion = seconds > 0 ? path / seconds : 0
  return {
    mouthMotion,
    speech: ramp(mouthMotion, SPEECH_MOTION) * ramp(path / Math.max(rangeOf(openings), 0.01), SPEECH_TRAVELS),
    onset: Math.max(0, ...gestures.map((of) => quickest(faces, of))),
    blinksPerMinute: seconds > 0 ? (blinks(faces) * 60) / seconds : 0,
  }
}

function pathOf(values: Float64Array): number {
  let path = 0
  for (let i = 1; i < values.length; i++) path += Math.abs((values[i] ?? 0) - (values[i - 1] ?? 0))
  return path
}

/** 90th minus 10th percentile. */
function rangeOf(values: Float64Array): number {
  const rising = sorted(values)
  return quantileOfSorted(rising, 0.9) - quantileOfSorted(rising, 0.1)
}

/** Change over at least `ONSET_MS`, so that the jitter of single frames stays small in it. */
function quickest(faces: readonly TimedFace[], of: (face: Face) => number): number {
  const values = seriesOf(faces, ({ face }) => of(face))
  let [best, from] = [0, 0]
  for (let to = 1; to < faces.length; to++) {
    const end = faces[to]?.at ?? 0
    while (end - (faces[from + 1]?.at ?? end) >= ONSET_MS) from++
    const ms = end - (faces[from]?.at ?? end)
    if (ms >= ONSET_MS) best = Math.max(best, (Math.abs((values[to] ?? 0) - (values[from] ?? 0)) * 1000) / ms)
  }
  return best
}

function blinks(faces: readonly TimedFace[]): number {
  const openings = faces.map(({ face }) => eyeOpening(face))
  const closed = CLOSED * median(openings)
  let count = 0
  for (let i = 1; i < openings.length; i++) {
    if ((openings[i] ?? 0) < closed && (openings[i - 1] ?? 0) >= closed) count++
  }
  return count
}

/** 0 up to the first mark, 1 from the second, even between. */
function ramp(value: number, [from, to]: readonly [number, number]): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)))
}
