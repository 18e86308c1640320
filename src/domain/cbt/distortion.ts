import type { Language } from '../language.ts'

/** The ten types of distortion; stored in findings and sent on the wire. */
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
type Difficulty = (typeof DIFFICULTIES)[number]

export const URGENCIES = ['immediate', 'soon', 'routine'] as const
export type Urgency = (typeof URGENCIES)[number]

/** A small exercise; `duration` is text such as `10분` or `10 minutes`. */
type Task = {
  readonly title: string
  readonly description: string
  readonly difficulty: Difficulty
  readonly duration: string
}

/** A pattern in the notation of `text/pattern.ts`, and its weight in (0, 1]. */
type Cue = readonly [pattern: string, weight: number]

export type Distortion = {
  readonly id: DistortionType
  readonly name_ko: string
  readonly name_en: string
  readonly description: Readonly<Record<Language, string>>
  /** The cues are about the thoughts of other people: a third-person subject does not turn them into reported speech. */
  readonly isAboutOthers?: boolean
  readonly cues: Readonly<Record<Language, readonly Cue[]>>
  readonly questions: Readonly<Record<Language, readonly string[]>>
  readonly tasks: Readonly<Record<Language, readonly Task[]>>
}

/** One distortion that the wording suggests; a statement about the wording, not about the person. */
export type Detection = {
  readonly type: DistortionType
  readonly name_ko: string
  readonly name_en: string
  readonly severity: Severity
  /** In [0, 1]. */
  readonly confidence: number
  /** The matched words as written, at most three, each at most 40 characters. */
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
