import { LANGUAGES } from '../language.ts'
import { readMessage } from '../text/message.ts'
import { createMatcher } from '../text/pattern.ts'
import { OCCASION_CUES, OCCASIONS, type Occasion } from './sentences.ts'

const findOccasions = createMatcher<Occasion>(
  OCCASIONS.flatMap((occasion) =>
    LANGUAGES.flatMap((language) =>
      OCCASION_CUES[occasion][language].map((pattern) => [pattern, occasion] as const),
    ),
  ),
)

/** These count only when the message contains little else; the other occasions always count. */
export const COURTESIES: ReadonlySet<Occasion> = new Set(['greeting', 'thanks', 'farewell'])
const MAX_OTHER_CHARACTERS = 12

/** Detects a message that is answered by its kind, such as a greeting; undefined for any other message. */
export function readOccasion(text: string): Occasion | undefined {
  const message = readMessage(text)
  const found = findOccasions(message)
  const question = found.find(({ value }) => !COURTESIES.has(value))
  if (question !== undefined) return question.value
  const longest = found.toSorted((a, b) => b.end - b.start - (a.end - a.start))[0]
  if (longest === undefined) return undefined
  const rest = message.text.length - (longest.end - longest.start)
  return rest <= MAX_OTHER_CHARACTERS ? longest.value : undefined
}
