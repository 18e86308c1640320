import type { Emotion, EmotionReading } from '../src/domain/emotion.ts'
import type { AnswerSource, SessionStatus } from '../src/domain/session.ts'

export type { Emotion, EmotionReading, SessionStatus }

/** The answer for one window. Shapes and units: docs/websocket.md. */
export type EmotionEvent = EmotionReading & {
  /** When the window closed, server time, ms since the epoch. */
  readonly timestamp: number
  readonly frameCount: number
  readonly sttSnippet: string
  readonly source: AnswerSource
  readonly model: string
  readonly window: number
  /** 2 for a model's answer that arrived after the first answer; absent without `maeum.v2`. */
  readonly revision?: number
}

/** The session's state; without the session channel only `status` is set. */
export type StatusEvent = {
  readonly status: SessionStatus
  readonly startedAt?: number
  readonly pausedAt?: number | null
  readonly resumedAt?: number | null
  readonly endedAt?: number | null
  /** Milliseconds since the start, pauses included. */
  readonly duration?: number
  readonly emotionCount?: number
  readonly landmarkCount?: number
}

/** A counsellor's answer as a stream of chunks. */
export type AiEvent =
  | { readonly type: 'begin' }
  | { readonly type: 'chunk'; readonly chunk: string }
  | { readonly type: 'complete'; readonly fullResponse: string }
  | { readonly type: 'error'; readonly code: string; readonly message: string }

export type ErrorEvent = {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
}

/** A message of the server before its fields are validated. */
export type Message = { readonly type: string; readonly data: Readonly<Record<string, unknown>> }

/** Parses a JSON object with a `type`; undefined for anything else. */
export function parseMessage(text: unknown): Message | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const { type, data } = Object(JSON.parse(text)) as Readonly<Record<string, unknown>>
    if (typeof type !== 'string') return undefined
    return { type, data: Object(data ?? {}) as Message['data'] }
  } catch {
    return undefined
  }
}

export const toText = (value: unknown): string => (typeof value === 'string' ? value : '')

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const NUMERIC_FIELDS = ['confidence', 'valence', 'arousal', 'dominance', 'timestamp', 'frameCount'] as const

/** Returns a valid answer, or undefined. */
export function readEmotion(data: Message['data']): EmotionEvent | undefined {
  const { emotion, window, scores, revision } = data
  if (typeof emotion !== 'string' || !isCount(window) || window === 0) return undefined
  if (typeof scores !== 'object' || scores === null || !(revision === undefined || isCount(revision)))
    return undefined
  if (!NUMERIC_FIELDS.every((field) => Number.isFinite(data[field]))) return undefined
  return data as EmotionEvent // the fields that a page computes with are validated
}

const STATUSES: readonly unknown[] = ['active', 'paused', 'ended'] satisfies SessionStatus[]

export const readStatus = (data: Message['data']): StatusEvent | undefined =>
  STATUSES.includes(data['status']) ? (data as StatusEvent) : undefined // the other fields are only displayed

export function readAi(type: string, data: Message['data']): AiEvent | undefined {
  const text = (field: string) => toText(data[field])
  switch (type) {
    case 'ai_stream_begin':
      return { type: 'begin' }
    case 'ai_stream_chunk':
      return { type: 'chunk', chunk: text('chunk') }
    case 'ai_stream_complete':
      return { type: 'complete', fullResponse: text('fullResponse') }
    case 'ai_stream_error':
      return { type: 'error', code: text('code'), message: text('error') }
    default:
      return undefined
  }
}
