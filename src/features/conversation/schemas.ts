import { Type } from 'typebox'
import type { CrisisLine } from '../../domain/crisis/lines.ts'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import { EmotionLabel, Ratio } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

export const TextEmotionBody = Type.Object(
  { text: Type.String({ minLength: 1, maxLength: 2000, description: 'Korean or English.' }) },
  { examples: [{ text: '내일 발표가 있어서 잠이 안 와요.' }] },
)

/** More than anybody would configure. */
const MOST_LINES = 100

/** What somebody is shown at once whose words speak of self-harm. */
const Crisis = Type.Optional(
  Type.Object(
    {
      level: Type.Enum(['gentle', 'urgent'], {
        description: '`gentle`: denied, past, quoted or about somebody else.',
      }),
      message: Type.String({ description: 'Concern and the lines, to be shown as it is.' }),
      lines: Type.Unsafe<readonly CrisisLine[]>(
        Type.Array(Type.Object({ name: Type.String(), number: Type.String() }), { maxItems: MOST_LINES }),
      ),
    },
    { description: 'There when the words speak of self-harm; such words are sent to no model.' },
  ),
)

export const TextEmotionResponse = Success(
  Type.Object(
    {
      emotion: EmotionLabel,
      confidence: Ratio,
      uncertain: Type.Boolean({ description: 'The text says too little to stand behind the label.' }),
      source: Type.Enum([...ANSWER_SOURCES]),
      crisis: Crisis,
    },
    { examples: [{ emotion: 'anxious', confidence: 0.62, uncertain: false, source: 'local' }] },
  ),
)

/** For the documents: the form is read, and refused in words, where it arrives. */
export const TranscriptionForm = Type.Object(
  {
    audio: Type.String({
      format: 'binary',
      description:
        'One recording of at most 10 MiB, of any `audio/*` type; `video/*` and `application/octet-stream` when it begins like WebM, MP4, Ogg, WAV, FLAC or MP3.',
    }),
  },
  { examples: [{ audio: '@recording.webm' }] },
)

const SPOKEN = 'I feel a little better today.'

export const TranscriptionResponse = Type.Object(
  {
    success: Type.Literal(true),
    data: Type.Object({ text: Type.String(), crisis: Crisis }),
    text: Type.String({ description: 'The same again, where older clients look for it.' }),
  },
  { examples: [{ success: true, data: { text: SPOKEN }, text: SPOKEN }] },
)
