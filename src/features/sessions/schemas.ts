import { Type } from 'typebox'
import { EMOTIONS } from '../../domain/emotion.ts'
import { END_REASONS, SESSION_STATUSES } from '../../domain/session.ts'
import { Success } from '../../plugins/envelope.ts'

const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])
const Time = Type.Integer({ description: 'Milliseconds since the epoch.' })
const Duration = Type.Integer({
  minimum: 0,
  description: 'Milliseconds from start to end, or until now; pauses included.',
})
const Count = Type.Integer({ minimum: 0 })
const Ratio = Type.Number({ minimum: 0, maximum: 1 })

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
    status: Type.Enum([...SESSION_STATUSES]),
    pausedAt: Nullable(Time),
  }),
)
export const ResumeSessionResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    status: Type.Enum([...SESSION_STATUSES]),
    resumedAt: Time,
  }),
)

const EmotionCount = Type.Object({
  emotion: Type.Enum([...EMOTIONS]),
  emotionKo: Type.String(),
  count: Count,
  percentage: Type.Number({ minimum: 0, maximum: 100 }),
})

export const EmotionSummary = Type.Object({
  primaryEmotion: EmotionCount,
  emotionalState: Type.Enum(['positive', 'negative', 'mixed', 'calm']),
  trend: Type.Object({
    beginning: Type.Enum([...EMOTIONS]),
    middle: Type.Enum([...EMOTIONS]),
    end: Type.Enum([...EMOTIONS]),
    trend: Type.Enum(['improving', 'declining', 'stable']),
  }),
  positiveRatio: Ratio,
  negativeRatio: Ratio,
  topEmotions: Type.Array(EmotionCount, { maxItems: 3 }),
  averageIntensity: Ratio,
})

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
    status: Type.Enum([...SESSION_STATUSES]),
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
