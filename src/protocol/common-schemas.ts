import { type TSchema, Type } from 'typebox'
import { DIFFICULTIES, DISTORTION_TYPES, SEVERITIES, URGENCIES } from '../domain/cbt/distortion.ts'
import { EMOTIONS } from '../domain/emotion.ts'
import { SESSION_STATUSES } from '../domain/session.ts'

export const Time = Type.Integer({ description: 'Milliseconds since the epoch.' })
export const Count = Type.Integer({ minimum: 0 })
export const Ratio = Type.Number({ minimum: 0, maximum: 1 })
/** Valence, arousal or dominance. */
export const Axis = Type.Number({ minimum: -1, maximum: 1 })
export const EmotionLabel = Type.Enum([...EMOTIONS])
export const Status = Type.Enum([...SESSION_STATUSES])

export const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

const EmotionCount = Type.Object({
  emotion: EmotionLabel,
  emotionKo: Type.String(),
  count: Count,
  percentage: Type.Number({ minimum: 0, maximum: 100 }),
})
/** Computed by `domain/summary.ts`. */
export const EmotionSummary = Type.Object({
  primaryEmotion: EmotionCount,
  emotionalState: Type.Enum(['positive', 'negative', 'mixed', 'calm']),
  trend: Type.Object({
    beginning: EmotionLabel,
    middle: EmotionLabel,
    end: EmotionLabel,
    trend: Type.Enum(['improving', 'declining', 'stable']),
  }),
  positiveRatio: Ratio,
  negativeRatio: Ratio,
  topEmotions: Type.Array(EmotionCount, { maxItems: 3 }),
  averageIntensity: Ratio,
})

/** An exercise as stored and returned. */
export const Intervention = Type.Object({
  distortionType: Type.Enum([...DISTORTION_TYPES]),
  distortionName: Type.String(),
  severity: Type.Enum([...SEVERITIES]),
  urgency: Type.Enum([...URGENCIES]),
  questions: Type.Array(Type.String()),
  tasks: Type.Array(
    Type.Object({
      title: Type.String(),
      description: Type.String(),
      difficulty: Type.Enum([...DIFFICULTIES]),
      duration: Type.String(),
    }),
  ),
})
