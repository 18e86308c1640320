import { Type } from 'typebox'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import { EmotionLabel, Ratio } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

export const TextEmotionBody = Type.Object(
  { text: Type.String({ minLength: 1, maxLength: 2000, description: 'Korean or English.' }) },
  { examples: [{ text: '내일 발표가 있어서 잠이 안 와요.' }] },
)

export const TextEmotionResponse = Success(
  Type.Object({
    emotion: EmotionLabel,
    confidence: Ratio,
    uncertain: Type.Boolean({ description: 'The text says too little to stand behind the label.' }),
    source: Type.Enum([...ANSWER_SOURCES]),
  }),
)

export const TranscriptionResponse = Type.Object({
  success: Type.Literal(true),
  data: Type.Object({ text: Type.String() }),
  text: Type.String({ description: 'The same again, where older clients look for it.' }),
})
