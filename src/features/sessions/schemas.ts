import { Type } from 'typebox'
import { END_REASONS } from '../../domain/session.ts'
import { Count, EmotionSummary, Nullable, Status, Time } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

const Duration = Type.Integer({
  minimum: 0,
  description: 'Milliseconds from start to end, or until now; pauses included.',
})

const Label = Type.Union([Type.String({ maxLength: 64 }), Type.Number()], {
  description: 'Kept as a label and echoed as sent; the owner is the user of the token.',
})
const Labels = { userId: Type.Optional(Label), counselorId: Type.Optional(Label) }

/** What is no id of ours is not found, like an id that never was. */
export const SessionParams = Type.Object({ id: Type.String() })
export const StartSessionBody = Type.Object(Labels)

export const StartSessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    wsUrls: Type.Object({ landmarks: Type.String(), voice: Type.String(), session: Type.String() }),
    startedAt: Time,
    status: Type.Literal('active'),
    ...Labels,
  }),
)

export const PauseSessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    status: Status,
    pausedAt: Nullable(Time),
  }),
)
export const ResumeSessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    status: Status,
    resumedAt: Time,
  }),
)

export const DeleteSessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    deleted: Type.Literal(true),
  }),
)

export const EndSessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    status: Type.Literal('ended'),
    endedAt: Time,
    duration: Duration,
    emotionCount: Count,
    emotionSummary: Nullable(EmotionSummary),
    inferenceStats: Type.Object({
      total: Count,
      gemini: Count,
      local: Count,
      timedOut: Count,
      averageLatencyMs: Nullable(Type.Integer()),
    }),
  }),
)

export const SessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    ...Labels,
    status: Status,
    startedAt: Time,
    pausedAt: Nullable(Time),
    resumedAt: Nullable(Time),
    endedAt: Nullable(Time),
    endReason: Nullable(Type.Enum([...END_REASONS])),
    duration: Duration,
    emotionCount: Count,
    landmarkCount: Count,
  }),
)
