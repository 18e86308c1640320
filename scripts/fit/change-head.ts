import { EMOTIONS } from '../../src/domain/emotion.ts'
import type { Baseline } from '../../src/domain/face/baseline.ts'
import { computeChanges, standardise } from '../../src/domain/face/heads.ts'
import { MEASURES, measureFaces } from '../../src/domain/face/measures.ts'
import type { FaceModel } from '../../src/domain/face/model.ts'
import type { Clip } from './landmark-files.ts'
import { fitLogistic } from './logistic.ts'
import { framesFrom, type Measured, middleOf, neutralFrames, type Sample } from './samples.ts'

const CLASSES = EMOTIONS.length
const PENALTY = 0.001
const ANXIOUS_PENALTY = 0.02

/** Minimum intensity at which a frame of a synthetic clip has its label: at full strength, and including the onset. */
const WINDOWS = [1, 0.5, 0]

/** Weight of a posed smile of a real person relative to a synthetic window. */
const PICTURE_WEIGHT = 0.15

/** A measured face and the neutral face of the same person. */
type Pair = {
  readonly face: Measured
  readonly own: Measured
  readonly label: number
  readonly weight: number
}

/** Fits the second head: logistic regression on the difference of each measure from the person's neutral face. */
export function fitChangeHead(clips: readonly Clip[], pictures: readonly Sample[]): FaceModel['change'] {
  const pairs = [...clipPairs(clips), ...picturePairs(pictures)]
  const ones = MEASURES.map(() => 1)
  const scale = ones.map((_, i) => {
    const squares = pairs.map(({ face, own }) => (differences(face, own)[i] ?? 0) ** 2)
    return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / pairs.length)
  })
  const rows = pairs.map(({ face, own }) => computeChanges(scale, face.measures, asBaseline(own)))
  const fitted = fitLogistic(
    {
      width: MEASURES.length,
      classes: CLASSES,
      rows: Float64Array.from(rows.flat()),
      targets: Float64Array.from(pairs.flatMap(({ label }) => EMOTIONS.map((_, k) => (k === label ? 1 : 0)))),
      weights: Float64Array.from(pairs, ({ weight }) => weight),
    },
    PENALTY,
    200,
  )
  const row = (i: number) => Array.from(fitted.subarray(i * CLASSES, (i + 1) * CLASSES))
  return { scale, linear: MEASURES.map((_, i) => row(i)), bias: row(MEASURES.length) }
}

/** Fits anxious against fearful; only synthetic data distinguishes them. */
export function fitAnxious(clips: readonly Clip[], model: Pick<FaceModel, 'measures'>): FaceModel['anxious'] {
  const samples = clips
    .filter(({ label }) => label === 'anxious' || label === 'fearful')
    .flatMap((clip) =>
      WINDOWS.map((least) => ({
        isAnxious: clip.label === 'anxious',
        face: measureFaces(framesFrom(clip, least)),
      })),
    )
    .filter(({ face }) => face !== undefined)
  if (samples.length === 0) return { bias: 0, linear: MEASURES.map(() => 0) }
  const rows = samples.map(({ face }) => (face === undefined ? [] : standardise(model, face.measures)))
  const fitted = fitLogistic(
    {
      width: MEASURES.length,
      classes: 2,
      rows: Float64Array.from(rows.flat()),
      targets: Float64Array.from(samples.flatMap(({ isAnxious }) => (isAnxious ? [1, 0] : [0, 1]))),
      weights: Float64Array.from(samples, () => 1),
    },
    ANXIOUS_PENALTY,
    200,
  )
  const margin = (i: number) => (fitted[2 * i] ?? 0) - (fitted[2 * i + 1] ?? 0)
  return { linear: MEASURES.map((_, i) => margin(i)), bias: margin(MEASURES.length) }
}

/** Every clip with the neutral start of itself, of the person's neutral clip, and of all the person's clips. */
function clipPairs(clips: readonly Clip[]): Pair[] {
  const starts = new Map(clips.map((clip) => [clip, measureFaces(neutralFrames(clip))]))
  return clips.flatMap((clip) => {
    const same = clips.filter(({ person }) => person === clip.person)
    const all = same.map((other) => starts.get(other)).filter((start) => start !== undefined)
    const neutral = same.find(({ label }) => label === 'neutral')
    const owns = [starts.get(clip), neutral && measureFaces(neutral.frames), middleOf(all)]
    const label = clip.label === undefined ? -1 : EMOTIONS.indexOf(clip.label)
    return WINDOWS.flatMap((least) => {
      const face = measureFaces(framesFrom(clip, least))
      if (face === undefined || label < 0) return []
      return owns.flatMap((own) => (own === undefined ? [] : [{ face, own, label, weight: 1 }]))
    })
  })
}

/** A real person's posed smile with the same person's neutral picture, and the neutral picture with itself. */
function picturePairs(samples: readonly Sample[]): Pair[] {
  const posed = samples.filter(({ tier }) => tier === 'clean')
  return posed.flatMap((face) => {
    const own = posed.find(({ person, label }) => person === face.person && label === 'neutral')
    const label = EMOTIONS.indexOf(face.label)
    return own === undefined ? [] : [{ face, own, label, weight: PICTURE_WEIGHT }]
  })
}

const differences = (face: Measured, own: Measured): number[] =>
  MEASURES.map(({ name }) => face.measures.median[name] - own.measures.median[name])

const asBaseline = ({ measures }: Measured): Baseline => ({ weight: 1, measures: measures.median, shape: [] })
