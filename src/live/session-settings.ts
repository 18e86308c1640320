import type { Intervention } from '../domain/cbt/distortion.ts'
import type { Clock } from '../lib/clock.ts'
import type { WindowVoice } from '../domain/voice/measures.ts'
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
}
