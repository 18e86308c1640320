import type { Emotion, EmotionReading } from '../src/domain/emotion.ts'
import type { AnswerSource, SessionStatus } from '../src/domain/session.ts'

export type { Emotion, EmotionReading, SessionStatus }

/** The answer to one window of the session. Shapes and units: docs/websocket.md. */
export type EmotionEvent = EmotionReading & {
  /** When the window closed, by the server's clock, ms since the epoch. */
  readonly timestamp: number
  readonly frameCount: number
  readonly sttSnippet: string
  readonly source: AnswerSource
  readonly model: string
  readonly window: number
  /** 2 when a model's answer came after the first one; absent on a server of the older protocol. */
  readonly revision?: number
}

/** The session's state; everything but `status` is there when the session channel told it. */
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

/** A counsellor's answer, piece by piece. */
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

/** A message of the server before its fields are believed. */
export type Message = { readonly type: string; readonly data: Readonly<Record<string, unknown>> }

/** A JSON object with a `type`, or undefined. */
export function parseMessage(text: unknown): Message | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const { type, data } = Object(JSON.parse(text)) as Readonly<Record<string, unknown>>
    if (typeof type !== 'string') return undefined
    return { type, data: Object(data ?? {}) as Message['data'] }
  } catch {
    return undefined // not JSON: the caller says so
  }
}

export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

const READING = ['confidence', 'valence', 'arousal', 'dominance', 'timestamp', 'frameCount'] as const

/** An answer that can be shown, or undefined. */
export function readEmotion(data: Message['data']): EmotionEvent | undefined {
  const { emotion, window, scores, revision } = data
  if (typeof emotion !== 'string' || !isCount(window) || window === 0) return undefined
  if (typeof scores !== 'object' || scores === null || !(revision === undefined || isCount(revision)))
    return undefined
  if (!READING.every((field) => Number.isFinite(data[field]))) return undefined
  return data as EmotionEvent // the fields that a page computes with have been looked at
}

const STATUSES: readonly unknown[] = ['active', 'paused', 'ended'] satisfies SessionStatus[]

export const readStatus = (data: Message['data']): StatusEvent | undefined =>
  STATUSES.includes(data['status']) ? (data as StatusEvent) : undefined // the rest is only shown

export function readAi(type: string, data: Message['data']): AiEvent | undefined {
  const text = (field: string) => textOf(data[field])
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
