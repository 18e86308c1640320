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

/** A greeting or a thank-you is one only when little else is said; a question about us or about an illness always. */
export const COURTESIES: ReadonlySet<Occasion> = new Set(['greeting', 'thanks', 'farewell'])
const LITTLE_ELSE = 12

/** What kind of moment this message is, or undefined when it simply tells something. */
export function readOccasion(text: string): Occasion | undefined {
  const message = readMessage(text)
  const found = findOccasions(message)
  const question = found.find(({ value }) => !COURTESIES.has(value))
  if (question !== undefined) return question.value
  const longest = found.toSorted((a, b) => b.end - b.start - (a.end - a.start))[0]
  if (longest === undefined) return undefined
  const rest = message.text.length - (longest.end - longest.start)
  return rest <= LITTLE_ELSE ? longest.value : undefined
}
