import type { Emotion } from '../domain/emotion.ts'
import type { AnswerSource } from '../domain/session.ts'
import type { ErrorCode } from './errors.ts'

/** A message to the AI counsellor. */
export type AiRequest = { readonly message: string; readonly emotion: Emotion | null }

/** Events of one answer, in this order: begin, chunks, complete; an error replaces the rest. */
export type AiEvent =
  | { readonly type: 'begin'; readonly timestamp: number; readonly emotion: Emotion | null }
  | { readonly type: 'chunk'; readonly timestamp: number; readonly chunk: string }
  | {
      readonly type: 'complete'
      readonly timestamp: number
      readonly fullResponse: string
      readonly conversationId: string | null
      readonly source: AnswerSource
    }
  | { readonly type: 'error'; readonly code: ErrorCode }
