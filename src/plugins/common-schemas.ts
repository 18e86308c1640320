import { type TSchema, Type } from 'typebox'
import { EMOTIONS } from '../domain/emotion.ts'

export const Nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])

const EmotionCount = Type.Object({
  emotion: Type.Enum([...EMOTIONS]),
  emotionKo: Type.String(),
  count: Type.Integer({ minimum: 0 }),
  percentage: Type.Number({ minimum: 0, maximum: 100 }),
})
const Ratio = Type.Number({ minimum: 0, maximum: 1 })

/** What `domain/summary.ts` computes. */
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
