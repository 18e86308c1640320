import { Type } from 'typebox'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import {
  Axis,
  Count,
  EmotionLabel,
  EmotionSummary,
  Nullable,
  Ratio,
  Status,
  Time,
} from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

const Vad = Type.Object({ valence: Axis, arousal: Axis, dominance: Axis })
const Range = Type.Object({ average: Axis, minimum: Axis, maximum: Axis })
const Label = Type.Union([Type.String(), Type.Number()])
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
    dominantEmotion: Nullable(
      Type.Object({ emotion: EmotionLabel, count: Count, percentage: Type.Number() }),
    ),
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
        emotion: EmotionLabel,
        confidence: Ratio,
        uncertain: Type.Boolean(),
        source: Type.Enum([...ANSWER_SOURCES]),
        frameCount: Count,
      }),
    ),
    vadTimeline: Type.Array(Type.Object({ timestamp: Time, valence: Axis, arousal: Axis, dominance: Axis })),
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
