import { type NumberSchema, type ResponseSchema, SchemaType } from '@google/generative-ai'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import {
  EMOTIONS,
  type Emotion,
  type EmotionReading,
  type EmotionScores,
  parseEmotion,
} from '../../domain/emotion.ts'
import { UnusableAnswer } from '../../models/failure.ts'
import type { Answer as ModelText } from '../../models/model.ts'
import { withoutFence } from '../../models/response.ts'

/** Below this confidence, or this far from the next label, a reading is marked uncertain. */
export const UNCERTAIN_BELOW = { confidence: 0.5, margin: 0.1 } as const

/** Models round: a sum of scores this far from 1 is scaled, anything further is no distribution. */
const SUM_TOLERANCE = 0.1

function eachEmotion<T>(value: (emotion: Emotion) => T): Record<Emotion, T> {
  const entries = EMOTIONS.map((emotion) => [emotion, value(emotion)] as const)
  return Object.fromEntries(entries) as Record<Emotion, T> // one entry for every label
}

/**
 * The shape that the model is asked for. It says nothing of ranges and of further keys: the API answers 400 to
 * `minimum`, `maximum` and `additionalProperties`.
 */
export const RESPONSE_SCHEMA: ResponseSchema = {
  type: SchemaType.OBJECT,
  properties: {
    emotion: { type: SchemaType.STRING, format: 'enum', enum: [...EMOTIONS] },
    confidence: { type: SchemaType.NUMBER },
    scores: {
      type: SchemaType.OBJECT,
      properties: eachEmotion<NumberSchema>(() => ({ type: SchemaType.NUMBER })),
      required: [...EMOTIONS],
    },
    valence: { type: SchemaType.NUMBER },
    arousal: { type: SchemaType.NUMBER },
    dominance: { type: SchemaType.NUMBER },
  },
  required: ['emotion', 'confidence', 'scores', 'valence', 'arousal', 'dominance'],
}

const Share = Type.Number({ minimum: 0, maximum: 1 })
const Signed = Type.Number({ minimum: -1, maximum: 1 })
const Answer = Type.Object({
  emotion: Type.String(),
  confidence: Share,
  scores: Type.Object(eachEmotion(() => Share)),
  valence: Signed,
  arousal: Signed,
  dominance: Signed,
})
type Answer = Static<typeof Answer>

const answerCheck = Compile(Answer)

type ParsedAnswer =
  | { readonly reading: EmotionReading }
  /** What is wrong with the answer, in words that hold nothing of it. */
  | { readonly fault: string }

/** The reading in a model's answer; throws UnusableAnswer when there is none. */
export function readAnswer({ text, isCut, hasThought }: ModelText): EmotionReading {
  if (isCut)
    throw new UnusableAnswer(
      'truncated',
      `stopped at the output limit${hasThought ? ', thinking took part of it' : ''}`,
    )
  const parsed = parseAnswer(withoutFence(text))
  if ('fault' in parsed) throw new UnusableAnswer('malformed', parsed.fault)
  return parsed.reading
}

/** The reading in a model's text, checked again as if no schema had been sent; numbers have 4 decimals. */
export function parseAnswer(text: string): ParsedAnswer {
  const answer = parseJson(text)
  if (answer === undefined) return { fault: text === '' ? 'empty text' : 'text is not JSON' }
  if (!answerCheck.Check(answer)) return { fault: 'JSON has another shape or a number out of range' }
  const emotion = parseEmotion(answer.emotion)
  if (emotion === undefined) return { fault: 'unknown label' }
  const scores = normalise(answer.scores)
  if (scores === undefined) return { fault: 'scores do not sum to 1' }
  return {
    reading: {
      emotion,
      confidence: round(answer.confidence),
      uncertain: isUncertain(emotion, answer.confidence, scores),
      scores,
      valence: round(answer.valence),
      arousal: round(answer.arousal),
      dominance: round(answer.dominance),
    },
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function normalise(scores: Answer['scores']): EmotionScores | undefined {
  const sum = EMOTIONS.reduce((total, emotion) => total + scores[emotion], 0)
  if (Math.abs(sum - 1) > SUM_TOLERANCE) return undefined
  return eachEmotion((emotion) => round(scores[emotion] / sum))
}

/** Also when the label is not the one with the highest score: such an answer contradicts itself. */
function isUncertain(emotion: Emotion, confidence: number, scores: EmotionScores): boolean {
  const next = Math.max(...EMOTIONS.filter((other) => other !== emotion).map((other) => scores[other]))
  return confidence < UNCERTAIN_BELOW.confidence || scores[emotion] - next < UNCERTAIN_BELOW.margin
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4 || 0 // no -0
}
