import type { Emotion, EmotionReading } from '../../domain/emotion.ts'
import type { Language } from '../../domain/language.ts'
import type { WindowMeasures } from '../../domain/face/measures.ts'

/** What a model is given of one closed window: measures of the face, never points, nothing that names the person. */
export type AnalysisInput = {
  readonly window: number
  readonly language: Language
  readonly frameCount: number
  readonly measures: WindowMeasures
  /** The local answer that is held while the model thinks. */
  readonly local: EmotionReading
  /** The last delivered results of this session, oldest first, at most five. */
  readonly previous: readonly {
    readonly window: number
    readonly emotion: Emotion
    readonly confidence: number
  }[]
  /** What was said in the window, already trimmed, or null. */
  readonly speech: string | null
}

/** Why a model gave no usable answer. Stored with the window and counted as a metric label. */
export const MODEL_FAILURES = [
  'timed_out',
  'aborted',
  'rate_limited',
  'overloaded',
  'model_not_found',
  'key_refused',
  'rejected',
  'blocked',
  'truncated',
  'malformed',
  'unreachable',
] as const

export type ModelFailure = (typeof MODEL_FAILURES)[number]

export type ModelAnswer =
  | {
      readonly outcome: 'answered'
      readonly model: string
      readonly reading: EmotionReading
      readonly latencyMs: number
      readonly promptTokens: number | null
      readonly outputTokens: number | null
    }
  | {
      readonly outcome: 'failed'
      readonly reason: ModelFailure
      /** The last model tried. */
      readonly model: string
      readonly latencyMs: number
      /** One short line for the log: never a key, a prompt or an answer. */
      readonly detail: string
    }

/**
 * The port to a remote model. Never rejects and never outlives `signal` by more than a tick: when the signal aborts,
 * the connection is closed and the answer is `failed` with reason `aborted` (or `timed_out` when the adapter's own cap struck first).
 */
export type ModelAnalyser = {
  readonly models: readonly string[]
  analyse(input: AnalysisInput, signal: AbortSignal): Promise<ModelAnswer>
}
