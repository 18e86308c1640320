import { Type } from 'typebox'
import { END_REASONS } from '../../domain/session.ts'
import { Count, EmotionLabel, EmotionSummary, Nullable, Status, Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

const Duration = Type.Integer({
  minimum: 0,
  description: 'Milliseconds from start to end, or until now; pauses included.',
})

const Label = Type.Union([Type.String({ maxLength: 64 }), Type.Number()], {
  description: 'Stored as a label and returned unchanged; the owner is the user of the token.',
})
const Labels = { userId: Type.Optional(Label), counselorId: Type.Optional(Label) }

/** A malformed id is not found, like an unknown one. */
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

/** Default number of sessions per page. */
export const PAGE_LENGTH = 20
const MAX_LISTED = 100
/** Sessions that come with the statistics. */
export const RECENT = 5

const ListedSession = Type.Object({
  id: Type.String(),
  startedAt: Type.String({ format: 'date-time' }),
  durationMs: Type.Integer({ minimum: 0, description: 'From start to end, or until now.' }),
  status: Status,
  dominantEmotion: Nullable(EmotionLabel),
})

export const SessionsQuery = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 64, description: '`nextCursor` of the previous page.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LISTED, default: PAGE_LENGTH })),
})

export const SessionsResponse = Success(
  Type.Object({
    sessions: Type.Array(ListedSession, { maxItems: MAX_LISTED, description: 'Newest first.' }),
    nextCursor: Nullable(Type.String({ description: 'Null on the last page.' })),
  }),
)

export const StatisticsResponse = Success(
  Type.Object({
    total: Count,
    active: Count,
    paused: Count,
    ended: Count,
    avgDuration: Type.Integer({
      minimum: 0,
      description: 'Mean duration of ended sessions in ms; 0 without any.',
    }),
    recentSessions: Type.Array(ListedSession, {
      maxItems: RECENT,
      description: 'Newest first; the emotion is that of the report, null until the report exists.',
    }),
  }),
)
