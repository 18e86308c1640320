import type { Intervention } from '../domain/cbt/distortion.ts'
import type { Clock } from '../lib/clock.ts'
import type { WindowVoice } from '../domain/voice/measures.ts'
import type { Span } from '../lib/tracing.ts'
import type { SparePool } from './frames/spare-pool.ts'
import type { ModelAnalyser } from './model/analyser.ts'

/** What all live sessions of a process share. */
export type LiveSettings = {
  readonly maxFrames: number
  readonly deadlineMs: number
  readonly model: ModelAnalyser | null
  readonly inferenceEnabled: boolean
  readonly spares: SparePool
  /** The voice in a window that has just closed. Never rejects, and resolves soon. */
  readonly voiceOf: (sessionId: string, window: number) => Promise<WindowVoice>
  /** The exercise to offer with the next answer, if any. */
  readonly takeOffer: (sessionId: string) => Intervention | null
  readonly clock: Clock
  /** Starts the trace of a window that has closed; `handshake`: of the socket that has fed it last. */
  readonly traceWindow: (window: number, handshake: Span) => Span
}

/** Reserved of the deadline, a tenth of it at most, to write the answer before it is sent. */
const TO_WRITE_MS = 100

/** From a window's close to its answer at the latest, and to the end of the model's call, ms. */
export function deadlinesOf({ deadlineMs }: Pick<LiveSettings, 'deadlineMs'>, intervalMs: number) {
  const answerMs = Math.min(deadlineMs, 0.9 * intervalMs)
  return { answerMs, modelMs: answerMs - Math.min(TO_WRITE_MS, answerMs / 10) }
}
