import type { EmotionReading } from '../../domain/emotion.ts'
import {
  type Baseline,
  toCarriedBaseline,
  decodeBaseline,
  encodeBaseline,
  learnBaseline,
} from '../../domain/face/baseline.ts'
import { computeTrust } from '../../domain/face/heads.ts'
import { encodeLearnt, type Learnt, NOTHING_LEARNT } from '../../domain/face/learnt.ts'
import { readExpression } from '../../domain/face/local-analyser.ts'
import {
  EMPTY_MEASURES,
  MEASURES,
  type MeasureName,
  type WindowMeasures,
} from '../../domain/face/measures.ts'

export { decodeLearnt, encodeLearnt, type Learnt, NOTHING_LEARNT } from '../../domain/face/learnt.ts'

/** Further ones in one session work; only the replay of its first windows is lost. */
const MOST_GIVEN = 8

/** Uses this neutral face from window `from` on. */
export function given(learnt: Learnt, from: number, baseline: Baseline): Learnt {
  const exact = asStored(baseline) ?? baseline
  return {
    ...learnt,
    baseline: exact,
    given: [...learnt.given, { from, baseline: exact }].slice(-MOST_GIVEN),
  }
}

/**
 * Reads a window by what is known of the person, and learns from it. The same measures and the same knowledge give the
 * same, in a live session, after a change of owner and in a replay: knowledge is held as it is stored, to float32.
 */
export function readAndLearn(
  { aspect, baseline, given }: Learnt,
  measures: WindowMeasures,
): { readonly reading: EmotionReading; readonly learnt: Learnt } {
  const reading = readExpression(measures, baseline)
  const moved = learnBaseline(baseline, measures, reading)
  const next = moved === baseline ? baseline : (asStored(moved) ?? baseline)
  return { reading, learnt: { aspect, baseline: next, given } }
}

const asStored = (baseline: Baseline): Baseline | undefined => decodeBaseline(encodeBaseline(baseline))

/** A neutral face with less belief is not reported. */
const BELIEVED = 0.5

/** How far each measure's median is from the person's own neutral face; null until that is known. */
export function differences(
  baseline: Baseline | undefined,
  { median }: Pick<WindowMeasures, 'median'>,
): Readonly<Record<MeasureName, number>> | null {
  if (baseline === undefined || computeTrust(baseline) < BELIEVED) return null
  const changes: Record<MeasureName, number> = { ...EMPTY_MEASURES }
  for (const { name } of MEASURES) changes[name] = median[name] - baseline.measures[name]
  return changes
}

/** What the person's next session begins with: the neutral face alone, for the camera may be another. */
export function carriedFrom({ baseline }: Learnt): Uint8Array | undefined {
  const carried = toCarriedBaseline(baseline)
  return carried === undefined ? undefined : encodeLearnt(given(NOTHING_LEARNT, 1, carried))
}
