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
 * The classic cognitive distortions, with texts written for this project in Korean and English.
 * The types follow Beck, A. T. (1976), Cognitive Therapy and the Emotional Disorders, and Burns, D. D. (1980),
 * Feeling Good: The New Mood Therapy. Burns lists catastrophising under magnification; here it is a type of its own. His
 * tenth, personalisation, is not detected, because justified and unjustified guilt cannot be distinguished in single
 * sentences. A cue is a hint in the wording, not a finding about the person.
 */
export const DISTORTIONS: readonly Distortion[] = Object.values(BY_TYPE)

export const getDistortion = (type: DistortionType): Distortion => BY_TYPE[type]
