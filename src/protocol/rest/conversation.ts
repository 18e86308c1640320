import { Type } from 'typebox'
import type { CrisisLine } from '../../domain/crisis/lines.ts'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import { EmotionLabel, Ratio } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

export const TextEmotionBody = Type.Object(
  { text: Type.String({ minLength: 1, maxLength: 2000, description: 'Korean or English.' }) },
  { examples: [{ text: '내일 발표가 있어서 잠이 안 와요.' }] },
)

const MAX_LINES = 100

/** Shown at once when a text mentions self-harm. */
const Crisis = Type.Optional(
  Type.Object(
    {
      level: Type.Enum(['gentle', 'urgent'], {
        description: '`gentle`: negated, past, quoted or about another person.',
      }),
      message: Type.String({ description: 'A message with the crisis lines, to be displayed unchanged.' }),
      lines: Type.Unsafe<readonly CrisisLine[]>(
        Type.Array(Type.Object({ name: Type.String(), number: Type.String() }), { maxItems: MAX_LINES }),
      ),
    },
    { description: 'Present when the text mentions self-harm; such text is not sent to any model.' },
  ),
)

export const TextEmotionResponse = Success(
  Type.Object(
    {
      emotion: EmotionLabel,
      confidence: Ratio,
      uncertain: Type.Boolean({ description: 'The text is not sufficient for a reliable label.' }),
      source: Type.Enum([...ANSWER_SOURCES]),
      crisis: Crisis,
    },
    { examples: [{ emotion: 'anxious', confidence: 0.62, uncertain: false, source: 'local' }] },
  ),
)

/** For the documents: the form is parsed and validated by the route. */
export const TranscriptionForm = Type.Object(
  {
    audio: Type.String({
      format: 'binary',
      description:
        'One recording of at most 10 MiB, of any `audio/*` type; also `video/*` and `application/octet-stream` with the signature of WebM, MP4, Ogg, WAV, FLAC or MP3.',
    }),
  },
  { examples: [{ audio: '@recording.webm' }] },
)

const SPOKEN = 'I feel a little better today.'

export const TranscriptionResponse = Type.Object(
  {
    success: Type.Literal(true),
    data: Type.Object({ text: Type.String(), crisis: Crisis }),
    text: Type.String({ description: 'Same as `data.text`, for older clients.' }),
  },
  { examples: [{ success: true, data: { text: SPOKEN }, text: SPOKEN }] },
)
