import { EMOTIONS, type Emotion } from '../emotion.ts'
import type { Language } from '../language.ts'
import { detectLanguage } from './detect-language.ts'
import { EMOJI, EMOTION_WORDS, IRONY, STRONGER, WEAKER } from './lexicon.ts'
import { type Clause, type Message, readMessage } from './message.ts'
import { createMatcher, type Found, keepOutermost } from './pattern.ts'
import { readStance } from './stance.ts'

type TextReading = {
  readonly emotion: Emotion
  /** In [0, 1]: the share of the evidence for the label, reduced by a constant for missing evidence. */
  readonly confidence: number
  /** True when the evidence for the label is too weak or contradictory. */
  readonly uncertain: boolean
  readonly language: Language
  readonly source: 'local'
}

type Word = { readonly emotion: Emotion; readonly weight: number; readonly aboutThing: boolean }

const splitList = (words: string) => words.split(', ').filter((word) => word !== '')

const WORDS: readonly (readonly [string, Word])[] = EMOTIONS.flatMap((emotion) => [
  ...Object.values(EMOTION_WORDS[emotion]).flatMap(({ felt, caused, slight }) => [
    ...splitList(felt).map((word) => [word, { emotion, weight: 1, aboutThing: false }] as const),
    ...splitList(caused).map((word) => [word, { emotion, weight: 1, aboutThing: true }] as const),
    ...splitList(slight).map((word) => [word, { emotion, weight: 0.4, aboutThing: true }] as const),
  ]),
  ...(EMOJI[emotion]?.split(' ') ?? []).map(
    (picture) => [picture, { emotion, weight: 0.8, aboutThing: true }] as const,
  ),
])

/** Emotion words, intensifiers and signs of irony, found in one pass. */
type Sign = Word | { readonly times: number } | 'ironic'
const findSigns = createMatcher<Sign>([
  ...WORDS,
  ...splitList(STRONGER).map((word) => [word, { times: 1.4 }] as const),
  ...splitList(WEAKER).map((word) => [word, { times: 0.75 }] as const),
  ...splitList(IRONY).map((word) => [word, 'ironic'] as const),
])
const isWord = (found: Found<Sign>): found is Found<Word> =>
  found.value !== 'ironic' && 'emotion' in found.value

/** The combined intensity factor of each clause. */
function computeStrengths(message: Message, signs: readonly Found<Sign>[]): ReadonlyMap<Clause, number> {
  const strengths = new Map<Clause, number>()
  for (const { value, start } of signs) {
    if (value === 'ironic' || !('times' in value)) continue
    const clause = message.clauseAt(start)
    strengths.set(clause, Math.min(MAX_STRENGTH, (strengths.get(clause) ?? 1) * value.times))
  }
  return strengths
}

const MAX_STRENGTH = 2
/** Weight of missing evidence: with it, one plain emotion word has a confidence of 2/3. */
const MISSING_EVIDENCE = 0.5
const MIN_CONFIDENCE = 0.5
const REPORTED_FACTOR = 0.15
const BEFORE_CONTRAST_FACTOR = 0.35
const MAX_REPEATS = 6
const TEARS = new Set(['ㅠ', 'ㅜ'])

type Evidence = Record<Emotion, number>
const createEvidence = (): Evidence => ({
  happy: 0,
  sad: 0,
  angry: 0,
  anxious: 0,
  neutral: 0,
  surprised: 0,
  disgusted: 0,
  fearful: 0,
})

/** The evidence of one word given its stance: negated happiness counts as weak sadness, other negated feelings as calm. */
function weigh(message: Message, found: Found<Word>, strength: number, lastTurn: number) {
  const { emotion, weight, aboutThing } = found.value
  const stance = readStance(message, found, aboutThing)
  const reported = stance.reported ? REPORTED_FACTOR : 1
  const earlier = BEFORE_CONTRAST_FACTOR ** (lastTurn - message.clauseAt(found.start).turn)
  const amount = weight * strength * reported * earlier
  const lacking = stance.negated || (stance.wished && emotion === 'happy')
  if (stance.doubled) return { emotion, amount: amount * 0.4 }
  if (!lacking) return { emotion, amount }
  return emotion === 'happy' || (emotion === 'neutral' && stance.negated)
    ? { emotion: 'sad' as const, amount: amount * 0.7 }
    : { emotion: 'neutral' as const, amount: amount * 0.3 }
}

/**
 * Estimates the feeling expressed by a text of at most a few thousand characters, by a lexicon and rules for negation,
 * quotation, reported feelings, contrast, intensity and irony in Korean and English. It classifies wording, not people;
 * `uncertain` is true when the wording gives no clear evidence.
 */
export function readText(text: string): TextReading {
  const message = readMessage(text)
  const signs = findSigns(message)
  const words = keepOutermost(signs.filter(isWord))
  const strengths = computeStrengths(message, signs)
  const ironic = signs.some(({ value }) => value === 'ironic')
  const lastTurn = words.reduce((turn, word) => Math.max(turn, message.clauseAt(word.start).turn), 0)

  const evidence = createEvidence()
  const counts = new Map<string, number>()
  for (const found of words) {
    // Repetitions of a word count as emphasis.
    const word = message.text.slice(found.start, found.end)
    const times = counts.get(word) ?? 0
    counts.set(word, times + 1)
    if (times >= MAX_REPEATS) continue
    const strength = strengths.get(message.clauseAt(found.start)) ?? 1
    const { emotion, amount } = weigh(message, found, strength, lastTurn)
    evidence[emotion] += times === 0 ? amount : amount / 4
  }
  // Tears count as sadness, together with happiness as tears of joy.
  if ([...counts.keys()].some((word) => TEARS.has(word))) evidence.sad += evidence.happy > 0.5 ? -0.4 : 0.5
  evidence.sad = Math.max(0, evidence.sad)

  return { ...classify(evidence, ironic), language: detectLanguage(text), source: 'local' }
}

function classify(evidence: Evidence, ironic: boolean) {
  const ranked = EMOTIONS.toSorted((a, b) => evidence[b] - evidence[a])
  const total = EMOTIONS.reduce((sum, emotion) => sum + evidence[emotion], 0)
  const emotion = total > 0 ? (ranked[0] ?? 'neutral') : 'neutral'
  const share = total > 0 ? evidence[emotion] / (total + MISSING_EVIDENCE) : 0.3
  const confidence = Math.round((ironic ? Math.min(share, 0.4) : share) * 100) / 100
  return { emotion, confidence, uncertain: ironic || confidence < MIN_CONFIDENCE }
}
