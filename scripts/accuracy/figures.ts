import type { EmotionReading } from '../../src/domain/emotion.ts'

/** One judged face: what was right, and what was read, under the names of the classes that are told apart. */
export type Judgement = {
  readonly truth: string
  readonly read: string
  readonly confidence: number
  readonly uncertain: boolean
}

export type Figures = {
  readonly count: number
  readonly accuracy: number
  /** Mean over the classes that occur of the harmonic mean of precision and recall. */
  readonly macroF1: number
  /** Expected calibration error over ten even bins of confidence (Naeini et al., 2015). */
  readonly ece: number
  /** Share that was called uncertain, and accuracy among the rest. */
  readonly uncertain: number
  readonly accuracyWhenCertain: number
  readonly recall: Readonly<Record<string, number>>
  /** Counts by truth, then by what was read. */
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
    macroF1: share(
      f1.reduce((sum, value) => sum + value, 0),
      classes.length,
    ),
    ece: calibrationError(judged),
    uncertain: 1 - share(certain.length, judged.length),
    accuracyWhenCertain: share(certain.filter(isRight).length, certain.length),
    recall: Object.fromEntries(
      classes.map((name) => [name, share(of(name).filter(isRight).length, of(name).length)]),
    ),
    confusion: Object.fromEntries(classes.map((name) => [name, counted(of(name).map(({ read }) => read))])),
  }
}

/** The share of `judged` for which the claim holds. */
export const shareOf = (judged: readonly Judgement[], claim: (one: Judgement) => boolean): number =>
  judged.length === 0 ? 0 : judged.filter(claim).length / judged.length

/** A reading as one of the classes of `nameOf`; the scores of labels under one name are added up. */
export function judge(truth: string, reading: EmotionReading, nameOf: (label: string) => string): Judgement {
  const read = nameOf(reading.emotion)
  let confidence = 0
  for (const [label, score] of Object.entries(reading.scores)) if (nameOf(label) === read) confidence += score
  return { truth: nameOf(truth), read, confidence, uncertain: reading.uncertain }
}

function calibrationError(judged: readonly Judgement[]): number {
  let error = 0
  for (let bin = 0; bin < BINS; bin++) {
    const inside = judged.filter(
      ({ confidence }) => Math.min(BINS - 1, Math.floor(confidence * BINS)) === bin,
    )
    const right = inside.filter(({ truth, read }) => truth === read).length
    const claimed = inside.reduce((sum, { confidence }) => sum + confidence, 0)
    error += Math.abs(right - claimed)
  }
  return judged.length === 0 ? 0 : error / judged.length
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
