import type { Emotion, EmotionReading } from '../../domain/emotion.ts'
import type { MeasureName, WindowMeasures } from '../../domain/face/measures.ts'
import type { Language } from '../../domain/language.ts'
import type { CallFailure } from '../../models/failure.ts'

/** What a model is given of one closed window: measures of the face, never points, nothing that names the person. */
export type AnalysisInput = {
  readonly window: number
  readonly language: Language
  readonly frameCount: number
  readonly measures: WindowMeasures
  /** How far each measure's median is from this person's own neutral face; absent or null until that is known. */
  readonly baseline?: Readonly<Partial<Record<MeasureName, number>>> | null
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
  /** Measures of the voice in the window, by name, where there was one. */
  readonly voice?: Readonly<Record<string, number>> | null
}

/** Why a model gave no usable answer. Stored with the window and a label of the metrics. */
export type ModelFailure =
  | CallFailure
  /** As many calls as may be were in flight, and more were waiting than can be served in time. */
  | 'busy'

/** What was asked about a window and what it cost, over all its requests. */
export type Asked = {
  /** SHA-256 of the prompt, hexadecimal. */
  readonly promptHash: string
  /** Null when no request was paid for. Those that were cut off are estimated. */
  readonly promptTokens: number | null
  readonly answerTokens: number | null
  /** Estimated, millionths of a US dollar; null also for a model without a price. */
  readonly costMicroUsd: number | null
}

export type ModelAnswer =
  | {
      readonly outcome: 'answered'
      readonly model: string
      readonly reading: EmotionReading
      readonly latencyMs: number
      readonly asked: Asked | null
    }
  | {
      readonly outcome: 'failed'
      readonly reason: ModelFailure
      /** The last model tried. */
      readonly model: string
      readonly latencyMs: number
      /** One short line for the log: never a key, a prompt or an answer. */
      readonly detail: string
      /** Null when no model was asked. */
      readonly asked: Asked | null
    }

/**
 * The port to a remote model. Never rejects and never outlives `signal` by more than a tick: when the signal aborts,
 * the connection is closed and the answer is `failed` with reason `aborted` (or `timed_out` when the adapter's own cap struck first).
 * Nothing new is tried later than `deadlineMs` from now. Calls with the same signal are one caller's: where calls have
 * to wait, callers take turns.
 */
export type ModelAnalyser = {
  readonly models: readonly string[]
  analyse(input: AnalysisInput, signal: AbortSignal, deadlineMs: number): Promise<ModelAnswer>
}
