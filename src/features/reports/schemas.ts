import { Type } from 'typebox'
import { EMOTIONS } from '../../domain/emotion.ts'
import { ANSWER_SOURCES, SESSION_STATUSES } from '../../domain/session.ts'
import { EmotionSummary, Nullable } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

const Time = Type.Integer({ description: 'Milliseconds since the epoch.' })
const Count = Type.Integer({ minimum: 0 })
const Unit = Type.Number({ minimum: -1, maximum: 1 })
const Ratio = Type.Number({ minimum: 0, maximum: 1 })
const Emotion = Type.Enum([...EMOTIONS])
const Vad = Type.Object({ valence: Unit, arousal: Unit, dominance: Unit })
const Range = Type.Object({ average: Unit, minimum: Unit, maximum: Unit })
const Label = Type.Union([Type.String(), Type.Number()])
const Status = Type.Enum([...SESSION_STATUSES])
const CbtSummary = Type.Object({ totalDistortions: Count, mostCommon: Type.Null() })

export const ReportParams = Type.Object({ id: Type.String({ maxLength: 64 }) })

export const SummaryResponse = Success(
  Type.Object({
    sessionId: Type.String(),
    status: Status,
    startedAt: Time,
    endedAt: Nullable(Time),
    duration: Count,
    vadVector: Vad,
    keyObservations: Type.Array(Type.String()),
    dominantEmotion: Nullable(Type.Object({ emotion: Emotion, count: Count, percentage: Type.Number() })),
    averageVoiceMetrics: Type.Null(),
    cbt: CbtSummary,
    recommendations: Type.Array(Type.String(), { maxItems: 3 }),
  }),
)

export const ReportResponse = Success(
  Type.Object({
    reportId: Nullable(Type.String()),
    generatedAt: Time,
    version: Count,
    metadata: Type.Object({
      sessionId: Type.String(),
      userId: Type.Optional(Label),
      counselorId: Type.Optional(Label),
      status: Status,
      startedAt: Time,
      endedAt: Time,
      duration: Count,
      durationFormatted: Type.String(),
    }),
    analysis: Type.Object({
      emotionSummary: Nullable(EmotionSummary),
      vadSummary: Nullable(Type.Object({ valence: Range, arousal: Range, dominance: Range })),
      cbtSummary: CbtSummary,
      vadVector: Vad,
      overallAssessment: Type.Object({
        keyObservations: Type.Array(Type.String()),
        emotionalState: Nullable(Type.String()),
        disclaimer: Type.String(),
      }),
      recommendations: Type.Array(
        Type.Object({
          priority: Type.String(),
          category: Type.String(),
          title: Type.String(),
          description: Type.String(),
        }),
      ),
    }),
    emotionTimeline: Type.Array(
      Type.Object({
        window: Count,
        timestamp: Time,
        relativeTime: Type.Integer(),
        emotion: Emotion,
        confidence: Ratio,
        uncertain: Type.Boolean(),
        source: Type.Enum([...ANSWER_SOURCES]),
        frameCount: Count,
      }),
    ),
    vadTimeline: Type.Array(Type.Object({ timestamp: Time, valence: Unit, arousal: Unit, dominance: Unit })),
    cbtFindings: Type.Array(Type.Unknown(), { maxItems: 0 }),
    statistics: Type.Object({
      windows: Count,
      uncertainWindows: Count,
      averageConfidence: Ratio,
      framesAnalysed: Count,
    }),
    provenance: Type.Object({
      analyzerVersion: Type.String(),
      models: Type.Array(Type.String()),
      windows: Type.Object({ total: Count, gemini: Count, local: Count }),
    }),
  }),
)
