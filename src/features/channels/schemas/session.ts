import { Type } from 'typebox'
import { ANSWER_SOURCES } from '../../../domain/session.ts'
import { ERROR_CODES } from '../../../errors.ts'
import { Count, EmotionLabel, Nullable, Status, Time } from '../../../plugins/common-schemas.ts'
import { EVERY_CHANNEL, greeted } from './every-channel.ts'
import { GREETING, SESSION_ID, STATUS_EXAMPLE } from './examples.ts'
import { frame, Milliseconds, Sentence } from './frame.ts'

export const SessionConnected = frame(
  'connected',
  'The first message on the session channel; a `status_update` follows.',
  Type.Object({
    channel: Type.Literal('session'),
    ...greeted,
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
/** What of a session the session channel shows. */
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
  'How the session is, on every change by whomever and when asked for.',
)
export const PauseSuccess = statusFrame('pause_success', 'The session is paused.')
export const ResumeSuccess = statusFrame('resume_success', 'The session goes on.')
export const EndSuccess = statusFrame('end_success', 'The session has ended.')

export const AiStreamBegin = frame(
  'ai_stream_begin',
  'An answer begins.',
  Type.Object({ timestamp: Time, emotion: Nullable(EmotionLabel) }),
  { timestamp: 1_795_422_445_581, emotion: 'anxious' },
)
export const AiStreamChunk = frame(
  'ai_stream_chunk',
  'The next piece of the answer.',
  Type.Object({ chunk: Type.String(), timestamp: Time }),
  { chunk: '마음이 편치 않고 걱정이 크시군요. ', timestamp: 1_795_422_445_642 },
)
export const AiStreamComplete = frame(
  'ai_stream_complete',
  'The whole answer.',
  Type.Object({
    fullResponse: Type.String(),
    timestamp: Time,
    conversationId: Nullable(
      Type.String({ description: 'Null while it could not be stored, and for what nobody asked.' }),
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
  'Takes the place of what is left of an answer.',
  Type.Object({ code: Type.Enum(ERROR_CODES), message: Sentence, error: Sentence }),
  {
    code: 'AI_BUSY',
    message: '아직 이전 질문에 답하고 있습니다.',
    error: '아직 이전 질문에 답하고 있습니다.',
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
