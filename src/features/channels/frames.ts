import type { EmotionReading } from '../../domain/emotion.ts'
import type { AnswerSource, Channel, SessionStatus } from '../../domain/session.ts'
import type { ErrorCode } from '../../errors.ts'
import type { SkipReason, WindowAnswer } from '../../plugins/hub.ts'

/** What of a session the session channel shows. */
type StatusData = {
  readonly sessionId: string
  readonly status: SessionStatus
  readonly startedAt: number
  readonly pausedAt: number | null
  readonly resumedAt: number | null
  readonly endedAt: number | null
  readonly duration: number
  readonly emotionCount: number
  readonly landmarkCount: number
}

type Message<Type extends string, Data> = { readonly type: Type; readonly data: Data }

/** What a client had best do about an error. */
export type ErrorAction = 'reconnect' | 'new_session' | 'stop'

export type ErrorFrame = Message<
  'error',
  {
    readonly code: ErrorCode
    readonly message: string
    readonly timestamp: number
    readonly action?: ErrorAction
    /** Newer protocol only. */
    readonly retryable?: boolean
    readonly retryAfterMs?: number
  }
>

export type EmotionUpdateFrame = Message<
  'emotion_update',
  EmotionReading & {
    readonly timestamp: number
    readonly frameCount: number
    readonly sttSnippet: string
    readonly source: AnswerSource
    readonly model: string
    readonly window: number
    /** Newer protocol only: 1 for the one answer, 2 for a model's answer that came after it. */
    readonly revision?: number
  }
>

/** Everything that goes from the server to a client. Payloads sit in `data`; `pong` is the one exception. */
export type ServerFrame =
  | Message<'ping', { readonly ts: number }>
  | { readonly type: 'pong'; readonly timestamp: number }
  | ErrorFrame
  | Message<
      'connected',
      { readonly channel: Channel; readonly sessionId: string; readonly message: string } & (
        | { readonly analysisInterval: number; readonly maxFrames: number }
        | { readonly status: SessionStatus; readonly commands: readonly string[] }
        | object
      )
    >
  | Message<
      'analysis_started',
      { readonly window: number; readonly frameCount: number; readonly timestamp: number }
    >
  | EmotionUpdateFrame
  | Message<'analysis_skipped', { readonly window: number; readonly reason: SkipReason }>
  | Message<'rate', { readonly fps: number }>
  | Message<'resumed', { readonly recovered: boolean; readonly window: number; readonly frame: number }>
  | Message<'session_paused' | 'session_resumed', { readonly timestamp: number }>
  | Message<'session_ended', { readonly timestamp: number; readonly duration: number }>
  | Message<'status_update' | 'pause_success' | 'resume_success' | 'end_success', StatusData>
  | Message<'ai_stream_error', { readonly code: ErrorCode; readonly message: string; readonly error: string }>

export type StatusFrameType = 'status_update' | 'pause_success' | 'resume_success' | 'end_success'

export const toStatusFrame = (type: StatusFrameType, view: StatusData): ServerFrame => ({
  type,
  data: {
    sessionId: view.sessionId,
    status: view.status,
    startedAt: view.startedAt,
    pausedAt: view.pausedAt,
    resumedAt: view.resumedAt,
    endedAt: view.endedAt,
    duration: view.duration,
    emotionCount: view.emotionCount,
    landmarkCount: view.landmarkCount,
  },
})

/** The answer as this socket's protocol shows it; `revision` 2 is a model's answer that came late. */
export const toEmotionUpdate = (answer: WindowAnswer, isV2: boolean, revision = 1): EmotionUpdateFrame => ({
  type: 'emotion_update',
  data: {
    emotion: answer.reading.emotion,
    timestamp: answer.closedAt,
    frameCount: answer.frameCount,
    sttSnippet: answer.sttSnippet ?? '',
    confidence: answer.reading.confidence,
    uncertain: answer.reading.uncertain,
    scores: answer.reading.scores,
    valence: answer.reading.valence,
    arousal: answer.reading.arousal,
    dominance: answer.reading.dominance,
    source: answer.source,
    model: answer.model,
    window: answer.window,
    ...(isV2 ? { revision } : {}),
  },
})
