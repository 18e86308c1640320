import { EMOTIONS, type Emotion } from '../emotion.ts'
import type { Language } from '../language.ts'
import { detectLanguage } from './detect-language.ts'
import { EMOJI, EMOTION_WORDS, IRONY, STRONGER, WEAKER } from './lexicon.ts'
import { type Clause, type Message, readMessage } from './message.ts'
import { createMatcher, type Found, outermost } from './pattern.ts'
import { readStance } from './stance.ts'

export type TextReading = {
  readonly emotion: Emotion
  /** In [0, 1]: how much of the evidence, and of what is missing, speaks for the label. */
  readonly confidence: number
  /** True when the words say too little, or too many things, to stand behind the label. */
  readonly uncertain: boolean
  readonly language: Language
  readonly source: 'local'
}

type Word = { readonly emotion: Emotion; readonly weight: number; readonly aboutThing: boolean }

const list = (words: string) => words.split(', ').filter((word) => word !== '')

const WORDS: readonly (readonly [string, Word])[] = EMOTIONS.flatMap((emotion) => [
  ...Object.values(EMOTION_WORDS[emotion]).flatMap(({ felt, caused, slight }) => [
    ...list(felt).map((word) => [word, { emotion, weight: 1, aboutThing: false }] as const),
    ...list(caused).map((word) => [word, { emotion, weight: 1, aboutThing: true }] as const),
    ...list(slight).map((word) => [word, { emotion, weight: 0.4, aboutThing: true }] as const),
  ]),
  ...(EMOJI[emotion]?.split(' ') ?? []).map(
    (picture) => [picture, { emotion, weight: 0.8, aboutThing: true }] as const,
  ),
])

/** One walk finds words of feeling, of strength and of irony. */
type Sign = Word | { readonly times: number } | 'ironic'
const findSigns = createMatcher<Sign>([
  ...WORDS,
  ...list(STRONGER).map((word) => [word, { times: 1.4 }] as const),
  ...list(WEAKER).map((word) => [word, { times: 0.75 }] as const),
  ...list(IRONY).map((word) => [word, 'ironic'] as const),
])
const isWord = (found: Found<Sign>): found is Found<Word> =>
  found.value !== 'ironic' && 'emotion' in found.value

/** How much stronger or weaker the words of each clause are meant. */
function strengthOf(message: Message, signs: readonly Found<Sign>[]): ReadonlyMap<Clause, number> {
  const strengths = new Map<Clause, number>()
  for (const { value, start } of signs) {
    if (value === 'ironic' || !('times' in value)) continue
    const clause = message.clauseAt(start)
    strengths.set(clause, Math.min(STRONGEST, (strengths.get(clause) ?? 1) * value.times))
  }
  return strengths
}

const STRONGEST = 2
/** Evidence that is missing; one plain word of feeling against it gives a confidence of 2/3. */
const UNSAID = 0.5
const STANDS_FROM = 0.5
const HEARD_FROM_OTHERS = 0.15
const BEFORE_THE_BUT = 0.35
const MOST_REPEATS = 6
const TEARS = new Set(['ㅠ', 'ㅜ'])

type Evidence = Record<Emotion, number>
const nothing = (): Evidence => ({
  happy: 0,
  sad: 0,
  angry: 0,
  anxious: 0,
  neutral: 0,
  surprised: 0,
  disgusted: 0,
  fearful: 0,
})

/** What one word says once its stance is known: happiness denied is a little sadness, other feelings denied are calm. */
function weigh(message: Message, found: Found<Word>, strength: number, lastTurn: number) {
  const { emotion, weight, aboutThing } = found.value
  const stance = readStance(message, found, aboutThing)
  const heard = stance.reported ? HEARD_FROM_OTHERS : 1
  const earlier = BEFORE_THE_BUT ** (lastTurn - message.clauseAt(found.start).turn)
  const amount = weight * strength * heard * earlier
  const lacking = stance.negated || (stance.wished && emotion === 'happy')
  if (stance.doubled) return { emotion, amount: amount * 0.4 }
  if (!lacking) return { emotion, amount }
  return emotion === 'happy' || (emotion === 'neutral' && stance.negated)
    ? { emotion: 'sad' as const, amount: amount * 0.7 }
    : { emotion: 'neutral' as const, amount: amount * 0.3 }
}

/**
 * The feeling that a text of at most some thousand characters puts into words, by a lexicon and rules of negation,
 * quotation, reported feelings, contrast, strength and irony in Korean and English. It reads wording, not people:
 * `uncertain` is true, and the label weak, whenever the words do not carry one.
 */
export function readText(text: string): TextReading {
  const message = readMessage(text)
  const signs = findSigns(message)
  const words = outermost(signs.filter(isWord))
  const strengths = strengthOf(message, signs)
  const ironic = signs.some(({ value }) => value === 'ironic')
  const lastTurn = words.reduce((turn, word) => Math.max(turn, message.clauseAt(word.start).turn), 0)

  const evidence = nothing()
  const heard = new Map<string, number>()
  for (const found of words) {
    // The same word again and again is one word said with force.
    const word = message.text.slice(found.start, found.end)
    const times = heard.get(word) ?? 0
    heard.set(word, times + 1)
    if (times >= MOST_REPEATS) continue
    const strength = strengths.get(message.clauseAt(found.start)) ?? 1
    const said = weigh(message, found, strength, lastTurn)
    evidence[said.emotion] += times === 0 ? said.amount : said.amount / 4
  }
  // Tears alone are sad; beside joy they are tears of joy.
  if ([...heard.keys()].some((word) => TEARS.has(word))) evidence.sad += evidence.happy > 0.5 ? -0.4 : 0.5
  evidence.sad = Math.max(0, evidence.sad)

  return { ...judge(evidence, ironic), language: detectLanguage(text), source: 'local' }
}

function judge(evidence: Evidence, ironic: boolean) {
  const ranked = EMOTIONS.toSorted((a, b) => evidence[b] - evidence[a])
  const total = EMOTIONS.reduce((sum, emotion) => sum + evidence[emotion], 0)
  const emotion = total > 0 ? (ranked[0] ?? 'neutral') : 'neutral'
  const share = total > 0 ? evidence[emotion] / (total + UNSAID) : 0.3
  const confidence = Math.round((ironic ? Math.min(share, 0.4) : share) * 100) / 100
  return { emotion, confidence, uncertain: ironic || confidence < STANDS_FROM }
}
