import { Compile } from 'typebox/compile'
import { type Emotion, parseEmotion } from '../../domain/emotion.ts'
import type { AnswerSource } from '../../domain/session.ts'
import { type ErrorCode, errorMessage, type Language } from '../../errors.ts'
import type { Connection } from './connection.ts'
import { fieldsOf } from './fields.ts'
import type { ServerFrame } from './frames.ts'
import type { Message } from './messages.ts'
import { AiRequest as AiRequestFields } from './schemas/client.ts'

type AiRequest = { readonly message: string; readonly emotion: Emotion | null }

type AiEvent =
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

/** Who answers. */
export type Conversation = {
  join(
    sessionId: string,
    listener: { readonly language: Language; readonly tell: (event: AiEvent) => boolean },
  ): { readonly ask: (request: AiRequest) => void; readonly leave: () => void }
}

const aiRequest = Compile(AiRequestFields)

/** What a session socket says to the AI counsellor, and hears of it. */
export function openCounsellor(connection: Connection, conversation: Conversation) {
  const { language, sessionId } = connection
  const talk = conversation.join(sessionId, {
    language,
    tell: (event) => connection.send(toFrame(event, language)),
  })
  return {
    /** Hands a `request_ai_response` on; it is answered in its own time, beside the commands. */
    receive: (message: Message, bytes: number): void => {
      const request = readRequest(fieldsOf(message))
      if (request === undefined) connection.refuse(bytes, 'INVALID_MESSAGE')
      else talk.ask(request)
    },
    close: talk.leave,
  }
}

/** A label that is none of ours says nothing about the emotion, and is no reason not to answer. */
function readRequest(fields: Readonly<Record<string, unknown>>): AiRequest | undefined {
  if (!aiRequest.Check(fields)) return undefined
  const { message, emotion } = fields
  return { message, emotion: typeof emotion === 'string' ? (parseEmotion(emotion) ?? null) : null }
}

function toFrame(event: AiEvent, language: Language): ServerFrame {
  switch (event.type) {
    case 'begin':
      return { type: 'ai_stream_begin', data: { timestamp: event.timestamp, emotion: event.emotion } }
    case 'chunk':
      return { type: 'ai_stream_chunk', data: { chunk: event.chunk, timestamp: event.timestamp } }
    case 'complete': {
      const { fullResponse, timestamp, conversationId, source } = event
      return { type: 'ai_stream_complete', data: { fullResponse, timestamp, conversationId, source } }
    }
    case 'error': {
      const text = errorMessage(event.code, language)
      return { type: 'ai_stream_error', data: { code: event.code, message: text, error: text } }
    }
  }
}
