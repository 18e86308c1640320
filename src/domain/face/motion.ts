import { eyeOpening, type Face, mouthOpening } from './measure-table.ts'
import { median, quantileOfSorted, mapToSeries, sortedCopy } from './statistics.ts'

/** Faces of one window in order of time, `at` in ms. */
type TimedFace = { readonly face: Face; readonly at: number }

/** Measures that depend on the order of the frames. */
export type Motion = {
  /** Mean absolute change of the mouth opening, in eye distances per second; above about 0.2 the person is talking. */
  readonly mouthMotion: number
  /** Degree of repeated opening and closing of the mouth, as in talking, from 0 to 1. A single smile or gasp is 0. */
  readonly speech: number
  /** The fastest change of lip corners, brows or jaw over 250 ms, in eye distances per second. */
  readonly onset: number
  /** A lower bound: at a few frames per second short blinks fall between frames. */
  readonly blinksPerMinute: number
}

/** Mouth motion in eye distances per second: below the first value no speech, above the second probably speech. */
const SPEECH_MOTION = [0.12, 0.3] as const

/** Total movement of the mouth in multiples of its range: opening and closing once is 2, a syllable about as much. */
const SPEECH_TRAVELS = [2, 3.5] as const

/** Share of the median opening below which an eye counts as closed. */
const CLOSED_SHARE = 0.6

const ONSET_MS = 250

export function measureMotion(
  faces: readonly TimedFace[],
  gestures: readonly ((face: Face) => number)[],
): Motion {
  const seconds = ((faces.at(-1)?.at ?? 0) - (faces[0]?.at ?? 0)) / 1000
  const openings = mapToSeries(faces, ({ face }) => mouthOpening(face))
  const path = computePath(openings)
  const mouthMotion = seconds > 0 ? path / seconds : 0
  return {
    mouthMotion,
    speech:
      ramp(mouthMotion, SPEECH_MOTION) * ramp(path / Math.max(computeRange(openings), 0.01), SPEECH_TRAVELS),
    onset: Math.max(0, ...gestures.map((compute) => findFastestChange(faces, compute))),
    blinksPerMinute: seconds > 0 ? (countBlinks(faces) * 60) / seconds : 0,
  }
}

function computePath(values: Float64Array): number {
  let path = 0
  for (let i = 1; i < values.length; i++) path += Math.abs((values[i] ?? 0) - (values[i - 1] ?? 0))
  return path
}

/** 90th minus 10th percentile. */
function computeRange(values: Float64Array): number {
  const rising = sortedCopy(values)
  return quantileOfSorted(rising, 0.9) - quantileOfSorted(rising, 0.1)
}

/** The fastest change over at least `ONSET_MS`, which limits the effect of jitter. */
function findFastestChange(faces: readonly TimedFace[], compute: (face: Face) => number): number {
  const values = mapToSeries(faces, ({ face }) => compute(face))
  let [best, from] = [0, 0]
  for (let to = 1; to < faces.length; to++) {
    const end = faces[to]?.at ?? 0
    while (end - (faces[from + 1]?.at ?? end) >= ONSET_MS) from++
    const ms = end - (faces[from]?.at ?? end)
    if (ms >= ONSET_MS) best = Math.max(best, (Math.abs((values[to] ?? 0) - (values[from] ?? 0)) * 1000) / ms)
  }
  return best
}

function countBlinks(faces: readonly TimedFace[]): number {
  const openings = faces.map(({ face }) => eyeOpening(face))
  const closed = CLOSED_SHARE * median(openings)
  let count = 0
  for (let i = 1; i < openings.length; i++) {
    if ((openings[i] ?? 0) < closed && (openings[i - 1] ?? 0) >= closed) count++
  }
  return count
}

/** 0 up to the first value, 1 from the second, linear between. */
function ramp(value: number, [from, to]: readonly [number, number]): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)))
}
