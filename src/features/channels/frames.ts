import type { Emotion, EmotionScores } from '../../domain/emotion.ts'
import type { AnswerSource, Channel, SessionStatus } from '../../domain/session.ts'
import type { ErrorCode } from '../../errors.ts'

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

export type ErrorFrame = Message<
  'error',
  {
    readonly code: ErrorCode
    readonly message: string
    readonly timestamp: number
    readonly action?: 'new_session' | 'reconnect'
  }
>

export type EmotionUpdateFrame = Message<
  'emotion_update',
  {
    readonly emotion: Emotion
    readonly timestamp: number
    readonly frameCount: number
    readonly sttSnippet: string
    readonly confidence: number
    readonly uncertain: boolean
    readonly scores: EmotionScores
    readonly valence: number
    readonly arousal: number
    readonly dominance: number
    readonly source: AnswerSource
    readonly model: string
    readonly window: number
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
