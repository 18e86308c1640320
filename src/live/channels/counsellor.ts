import { Compile } from 'typebox/compile'
import { parseEmotion } from '../../domain/emotion.ts'
import type { AiEvent, AiRequest } from '../../protocol/ai-events.ts'
import { errorMessage, type Language } from '../../protocol/errors.ts'
import type { Connection } from './connection.ts'
import { fieldsOf } from './fields.ts'
import type { ServerFrame } from '../../protocol/channels/frames.ts'
import type { Message } from './messages.ts'
import { AiRequest as AiRequestFields } from '../../protocol/channels/client.ts'

/** The counsellor as the session channel uses it. */
export type Conversation = {
  join(
    sessionId: string,
    listener: { readonly language: Language; readonly send: (event: AiEvent) => boolean },
  ): { readonly ask: (request: AiRequest) => void; readonly leave: () => void }
}

const aiRequest = Compile(AiRequestFields)

/** Connects a session socket to the AI counsellor. */
export function openCounsellor(connection: Connection, conversation: Conversation) {
  const { language, sessionId } = connection
  const talk = conversation.join(sessionId, {
    language,
    send: (event) => connection.send(toFrame(event, language)),
  })
  return {
    /** Forwards a `request_ai_response`; its answer is not queued with the commands. */
    receive: (message: Message, bytes: number): void => {
      const request = readRequest(fieldsOf(message))
      if (request === undefined) connection.rejectMessage(bytes, 'INVALID_MESSAGE')
      else talk.ask(request)
    },
    close: talk.leave,
  }
}

/** An unknown emotion label is ignored, the request is still answered. */
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
