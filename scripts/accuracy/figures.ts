import type { EmotionReading } from '../../src/domain/emotion.ts'
import { quantile } from '../../src/domain/face/statistics.ts'
import { createRandom } from '../fit/random.ts'

/** One evaluated face: the true class, and the result, by class name. */
export type Judgement = {
  readonly truth: string
  readonly read: string
  /** The person, because results of one person are not independent. */
  readonly person: string
  readonly confidence: number
  readonly uncertain: boolean
}

export type Figures = {
  readonly count: number
  readonly accuracy: number
  /** Standard error of the accuracy, clustered by person (sandwich estimate). */
  readonly standardError: number
  /** Mean over the classes that occur of the harmonic mean of precision and recall. */
  readonly macroF1: number
  /** Expected calibration error with ten equal bins (Naeini et al., 2015). */
  readonly ece: number
  /**
   * The calibration error of a perfectly calibrated analyser with these confidences on as many faces: 5 %, mean, 95 %.
   */
  readonly eceByChance: readonly [low: number, mean: number, high: number]
  /** Share of uncertain results, and accuracy of the others. */
  readonly uncertain: number
  readonly accuracyWhenCertain: number
  readonly recall: Readonly<Record<string, number>>
  /** Counts by true class, then by result. */
  readonly confusion: Readonly<Record<string, Readonly<Record<string, number>>>>
}

const BINS = 10

export function figuresOf(judged: readonly Judgement[]): Figures {
  const classes = [...new Set(judged.map(({ truth }) => truth))].sort()
  const share = (part: number, of: number) => (of === 0 ? 0 : part / of)
  const isRight = ({ truth, read }: Judgement) => truth === read
  const certain = judged.filter(({ uncertain }) => !uncertain)
  const of = (name: string) => judged.filter(({ truth }) => truth === name)
  const f1 = classes.map((name) => {
    const right = of(name).filter(isRight).length
    return share(2 * right, of(name).length + judged.filter(({ read }) => read === name).length)
  })
  return {
    count: judged.length,
    accuracy: share(judged.filter(isRight).length, judged.length),
    standardError: standardError(judged),
    macroF1: share(
      f1.reduce((sum, value) => sum + value, 0),
      classes.length,
    ),
    ece: calibrationError(judged),
    eceByChance: calibrationErrorByChance(judged),
    uncertain: 1 - share(certain.length, judged.length),
    accuracyWhenCertain: share(certain.filter(isRight).length, certain.length),
    recall: Object.fromEntries(
      classes.map((name) => [name, share(of(name).filter(isRight).length, of(name).length)]),
    ),
    confusion: Object.fromEntries(classes.map((name) => [name, counted(of(name).map(({ read }) => read))])),
  }
}

/** The share of `judged` that satisfies the predicate. */
export const shareOf = (judged: readonly Judgement[], claim: (one: Judgement) => boolean): number =>
  judged.length === 0 ? 0 : judged.filter(claim).length / judged.length

/** A result in terms of the classes of `nameOf`; scores of labels with the same class are added. */
export function judge(
  truth: string,
  reading: EmotionReading,
  nameOf: (label: string) => string,
  person: string,
): Judgement {
  const read = nameOf(reading.emotion)
  let confidence = 0
  for (const [label, score] of Object.entries(reading.scores)) if (nameOf(label) === read) confidence += score
  return { truth: nameOf(truth), read, person, confidence, uncertain: reading.uncertain }
}

function standardError(judged: readonly Judgement[]): number {
  const accuracy = judged.filter(({ truth, read }) => truth === read).length / judged.length
  const offsets = new Map<string, number>()
  for (const { person, truth, read } of judged)
    offsets.set(person, (offsets.get(person) ?? 0) + Number(truth === read) - accuracy)
  const squares = [...offsets.values()].reduce((sum, offset) => sum + offset * offset, 0)
  return judged.length === 0 ? 0 : Math.sqrt(squares) / judged.length
}

function calibrationError(
  judged: readonly Judgement[],
  isRight = ({ truth, read }: Judgement) => truth === read,
): number {
  const gaps = new Float64Array(BINS)
  for (const one of judged) {
    const bin = Math.min(BINS - 1, Math.floor(one.confidence * BINS))
    gaps[bin] = (gaps[bin] ?? 0) + Number(isRight(one)) - one.confidence
  }
  const error = gaps.reduce((sum, gap) => sum + Math.abs(gap), 0)
  return judged.length === 0 ? 0 : error / judged.length
}

const DRAWS = 1000

/** Simulates faces that are correct with the probability of their confidence, with a fixed seed. */
function calibrationErrorByChance(judged: readonly Judgement[]): [number, number, number] {
  const random = createRandom(1)
  const drawn = Float64Array.from({ length: DRAWS }, () =>
    calibrationError(judged, ({ confidence }) => random() < confidence),
  )
  const mean = drawn.reduce((sum, error) => sum + error, 0) / DRAWS
  return [quantile(drawn, 0.05), mean, quantile(drawn, 0.95)]
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
