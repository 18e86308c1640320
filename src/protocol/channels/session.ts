import { Type } from 'typebox'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import { ERROR_CODES } from '../errors.ts'
import { Count, EmotionLabel, Nullable, Status, Time } from '../common-schemas.ts'
import { EVERY_CHANNEL, connectedFields } from './every-channel.ts'
import { GREETING, SESSION_ID, STATUS_EXAMPLE } from './examples.ts'
import { frame, Milliseconds, Sentence } from './frame.ts'

export const SessionConnected = frame(
  'connected',
  'The first message on the session channel; a `status_update` follows.',
  Type.Object({
    channel: Type.Literal('session'),
    ...connectedFields,
    status: Status,
    commands: Type.Array(Type.String()),
  }),
  {
    channel: 'session',
    sessionId: SESSION_ID,
    message: GREETING,
    status: 'active',
    commands: ['pause', 'resume', 'end', 'get_status'],
  },
)
/** The session fields of the session channel. */
const StatusData = Type.Object({
  sessionId: Type.String(),
  status: Status,
  startedAt: Time,
  pausedAt: Nullable(Time),
  resumedAt: Nullable(Time),
  endedAt: Nullable(Time),
  duration: Milliseconds,
  emotionCount: Count,
  landmarkCount: Count,
})
const statusFrame = <Name extends string>(type: Name, description: string) =>
  frame(type, description, StatusData, STATUS_EXAMPLE)

export const StatusUpdate = statusFrame(
  'status_update',
  'The state of the session: on every change, and in answer to `get_status`.',
)
export const PauseSuccess = statusFrame('pause_success', 'The session was paused.')
export const ResumeSuccess = statusFrame('resume_success', 'The session was resumed.')
export const EndSuccess = statusFrame('end_success', 'The session has ended.')

export const AiStreamBegin = frame(
  'ai_stream_begin',
  'The start of an answer.',
  Type.Object({ timestamp: Time, emotion: Nullable(EmotionLabel) }),
  { timestamp: 1_795_422_445_581, emotion: 'anxious' },
)
export const AiStreamChunk = frame(
  'ai_stream_chunk',
  'The next chunk of the answer.',
  Type.Object({ chunk: Type.String(), timestamp: Time }),
  { chunk: '마음이 편치 않고 걱정이 크시군요. ', timestamp: 1_795_422_445_642 },
)
export const AiStreamComplete = frame(
  'ai_stream_complete',
  'The complete answer.',
  Type.Object({
    fullResponse: Type.String(),
    timestamp: Time,
    conversationId: Nullable(
      Type.String({
        description: 'Null when the conversation was not stored, and for messages sent without a request.',
      }),
    ),
    source: Type.Enum([...ANSWER_SOURCES]),
  }),
  {
    fullResponse: '마음이 편치 않고 걱정이 크시군요. 그런 마음이 들기 바로 전에 어떤 생각이 스쳐 지나갔나요?',
    timestamp: 1_795_422_445_687,
    conversationId: 'conv_aa0-pS6tXq1wKd83hfLz5v',
    source: 'local',
  },
)
export const AiStreamError = frame(
  'ai_stream_error',
  'The answer was aborted; no further chunks follow.',
  Type.Object({ code: Type.Enum(ERROR_CODES), message: Sentence, error: Sentence }),
  {
    code: 'AI_BUSY',
    message: '이전 질문에 대한 답변이 아직 진행 중입니다.',
    error: '이전 질문에 대한 답변이 아직 진행 중입니다.',
  },
)

export const SESSION_FRAMES = [
  SessionConnected,
  StatusUpdate,
  PauseSuccess,
  ResumeSuccess,
  EndSuccess,
  AiStreamBegin,
  AiStreamChunk,
  AiStreamComplete,
  AiStreamError,
  ...EVERY_CHANNEL,
] as const
