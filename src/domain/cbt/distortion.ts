import type { Language } from '../language.ts'

/** The ten kinds of thought that the cues know; stored in findings and sent on the wire. */
export const DISTORTION_TYPES = [
  'catastrophising',
  'all_or_nothing',
  'overgeneralisation',
  'mental_filter',
  'disqualifying_positive',
  'jumping_to_conclusions',
  'magnification',
  'emotional_reasoning',
  'should_statements',
  'labelling',
] as const
export type DistortionType = (typeof DISTORTION_TYPES)[number]

export const SEVERITIES = ['low', 'medium', 'high'] as const
export type Severity = (typeof SEVERITIES)[number]

export const DIFFICULTIES = ['easy', 'medium', 'hard'] as const
export type Difficulty = (typeof DIFFICULTIES)[number]

export const URGENCIES = ['immediate', 'soon', 'routine'] as const
export type Urgency = (typeof URGENCIES)[number]

/** A small exercise; `duration` is in words for a reader, such as `10분` or `10 minutes`. */
export type Task = {
  readonly title: string
  readonly description: string
  readonly difficulty: Difficulty
  readonly duration: string
}

/** How strongly a cue speaks for its distortion, in (0, 1], beside the pattern of `text/pattern.ts`. */
export type Cue = readonly [pattern: string, weight: number]

export type Distortion = {
  readonly id: DistortionType
  readonly name_ko: string
  readonly name_en: string
  readonly description: Readonly<Record<Language, string>>
  /** Its cues speak of other people's minds, so that a subject in front of them does not make them hearsay. */
  readonly speaksOfOthers?: boolean
  readonly cues: Readonly<Record<Language, readonly Cue[]>>
  readonly questions: Readonly<Record<Language, readonly string[]>>
  readonly tasks: Readonly<Record<Language, readonly Task[]>>
}

/** One distortion that the words of a person suggest; about the wording, never about the person. */
export type Detection = {
  readonly type: DistortionType
  readonly name_ko: string
  readonly name_en: string
  readonly severity: Severity
  /** In [0, 1]. */
  readonly confidence: number
  /** The cue words as they were written, at most three, each at most 40 characters. */
  readonly examples: readonly string[]
}

export type Intervention = {
  readonly distortionType: DistortionType
  readonly distortionName: string
  readonly severity: Severity
  readonly urgency: Urgency
  readonly questions: readonly string[]
  readonly tasks: readonly Task[]
}
