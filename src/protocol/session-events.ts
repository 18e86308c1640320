import type { Intervention } from '../domain/cbt/distortion.ts'
import type { EmotionReading } from '../domain/emotion.ts'
import type { AnswerSource, EndReason, SessionStatus } from '../domain/session.ts'

/** The delivered answer of a window. */
export type WindowAnswer = {
  readonly window: number
  /** Close of the window, milliseconds since the epoch. */
  readonly closedAt: number
  readonly frameCount: number
  readonly reading: EmotionReading
  readonly source: AnswerSource
  readonly model: string
  readonly sttSnippet: string | null
  /** An exercise delivered with the answer. */
  readonly intervention: Intervention | null
}

/** Why a window has no answer. */
export type SkipReason = 'paused' | 'no_valid_frame'

/** The session changed to this status; `at` in milliseconds since the epoch. */
export type StatusChanged = {
  readonly status: SessionStatus
  readonly at: number
  readonly reason: EndReason | null
}

/** Events about a session on the in-process hub. */
export type SessionEvent =
  | ({ readonly type: 'status_changed' } & StatusChanged)
  | {
      readonly type: 'window_closed'
      readonly window: number
      readonly frameCount: number
      readonly at: number
    }
  | { readonly type: 'window_answered'; readonly answer: WindowAnswer }
  /** The model's answer arrived after the delivered answer. */
  | { readonly type: 'window_refined'; readonly answer: WindowAnswer }
  /** The window ended without anything to analyse. */
  | { readonly type: 'window_skipped'; readonly window: number; readonly reason: SkipReason }
  /** The session has ended and no analysis is in progress. */
  | { readonly type: 'analysis_finished' }
  /** The session's rows were deleted, whatever its status: nothing of it may be kept, sent or written. */
  | { readonly type: 'session_deleted' }

export type SessionListener = (sessionId: string, event: SessionEvent) => void
