import type { Distortion, DistortionType } from '../distortion.ts'
import { allOrNothing } from './all-or-nothing.ts'
import { catastrophising } from './catastrophising.ts'
import { disqualifyingPositive } from './disqualifying-positive.ts'
import { emotionalReasoning } from './emotional-reasoning.ts'
import { jumpingToConclusions } from './jumping-to-conclusions.ts'
import { labelling } from './labelling.ts'
import { magnification } from './magnification.ts'
import { mentalFilter } from './mental-filter.ts'
import { overgeneralisation } from './overgeneralisation.ts'
import { shouldStatements } from './should-statements.ts'

const BY_TYPE: Readonly<Record<DistortionType, Distortion>> = {
  catastrophising,
  all_or_nothing: allOrNothing,
  overgeneralisation,
  mental_filter: mentalFilter,
  disqualifying_positive: disqualifyingPositive,
  jumping_to_conclusions: jumpingToConclusions,
  magnification,
  emotional_reasoning: emotionalReasoning,
  should_statements: shouldStatements,
  labelling,
}

/**
 * The classic distortions of thought, with words of our own in Korean and English.
 * The kinds follow Beck, A. T. (1976), Cognitive Therapy and the Emotional Disorders, and Burns, D. D. (1980),
 * Feeling Good: The New Mood Therapy. Burns lists catastrophising under magnification; here it stands by itself, and
 * his tenth, personalisation, is not read, because guilt and its reasons cannot be told apart from single sentences.
 * A cue is a hint in somebody's wording and never a finding about the person.
 */
export const DISTORTIONS: readonly Distortion[] = Object.values(BY_TYPE)

export const distortionOf = (type: DistortionType): Distortion => BY_TYPE[type]
