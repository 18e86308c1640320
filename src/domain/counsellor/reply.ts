import { detectDistortions } from '../cbt/detect.ts'
import type { Detection, Intervention } from '../cbt/distortion.ts'
import { getDistortion } from '../cbt/distortions/index.ts'
import { chooseIntervention, type InterventionPace } from '../cbt/intervention.ts'
import { type CrisisLine, crisisLines, formatCrisisMessage } from '../crisis/lines.ts'
import { readCrisis } from '../crisis/read-crisis.ts'
import { EMOTIONS, type Emotion } from '../emotion.ts'
import type { Language } from '../language.ts'
import { readText } from '../text/reader.ts'
import { COURTESIES, readOccasion } from './read-occasion.ts'
import { type FeltEmotion, SENTENCES } from './sentences.ts'

export type Turn = { readonly role: 'user' | 'assistant'; readonly text: string }

type ConversationSoFar = {
  readonly message: string
  /** The current expression as sent by the client; null when unknown. */
  readonly emotion: Emotion | null
  /** Labels of the last windows, oldest first. */
  readonly recentEmotions: readonly Emotion[]
  /** Turns before this message, oldest first. */
  readonly history: readonly Turn[]
  readonly language: Language
  /** Earlier offers in the session; absent = none yet, null = offers are not allowed. */
  readonly pace?: InterventionPace | null
  /** The operator's own crisis lines; absent or empty = the built-in ones. */
  readonly configuredLines?: readonly CrisisLine[]
}

type LocalReply = {
  readonly text: string
  readonly isCrisis: boolean
  readonly detections: readonly Detection[]
  readonly intervention?: Intervention
}

const RECENT_WINDOWS = 3
const CRISIS_TURNS = 8
const NO_OFFERS: InterventionPace = { now: 0, recentTypes: [] }

const excludeNeutral = (emotion: Emotion): FeltEmotion | undefined =>
  emotion === 'neutral' ? undefined : emotion

/** The current expression: as sent by the client, else the majority of the last windows. */
function findExpression({ emotion, recentEmotions }: ConversationSoFar): FeltEmotion | undefined {
  if (emotion !== null) return excludeNeutral(emotion)
  const last = recentEmotions.slice(-RECENT_WINDOWS)
  const majority = EMOTIONS.find((label) => last.filter((seen) => seen === label).length > last.length / 2)
  return majority === undefined ? undefined : excludeNeutral(majority)
}

/** True for some turns after a mention of self-harm: no exercises are offered then. */
const isNearCrisis = ({ history }: ConversationSoFar): boolean =>
  history.slice(-CRISIS_TURNS).some(({ role, text }) => role === 'user' && readCrisis(text).isCrisis)

/** Creates a function that picks a sentence by the number of the turn and does not repeat the last answer. */
function createPicker({ history }: ConversationSoFar) {
  const turn = history.filter(({ role }) => role === 'user').length
  const lastAnswer = history.findLast(({ role }) => role === 'assistant')?.text ?? ''
  return (sentences: readonly string[]): string => {
    const rotated = sentences.map((_, index) => sentences[(turn + index) % sentences.length] ?? '')
    return rotated.find((sentence) => !lastAnswer.includes(sentence)) ?? rotated[0] ?? ''
  }
}

/**
 * Answers without a model: reflects the message and asks a follow-up question, in polite form. Deterministic. A mention of
 * self-harm is answered with the crisis lines only. Gives no advice and no diagnosis; an exercise is only offered as
 * `intervention`, limited by `pace`.
 */
export function replyLocally(conversation: ConversationSoFar): LocalReply {
  const { message, language, pace = NO_OFFERS, configuredLines } = conversation
  const crisis = readCrisis(message)
  if (crisis.isCrisis) {
    const text = formatCrisisMessage(crisis.level, language, crisisLines(language, configuredLines))
    return { text, isCrisis: true, detections: [] }
  }
  const detections = detectDistortions(message)
  const intervention =
    pace === null || isNearCrisis(conversation) ? undefined : chooseIntervention(detections, language, pace)
  const text = composeAnswer(conversation, detections[0])
  const offer = intervention === undefined ? [] : [SENTENCES[language].exercise]
  return {
    text: [text, ...offer].join(' '),
    isCrisis: false,
    detections,
    ...(intervention === undefined ? {} : { intervention }),
  }
}

function composeAnswer(conversation: ConversationSoFar, thought: Detection | undefined): string {
  const { message, language } = conversation
  const sentences = SENTENCES[language]
  const pick = createPicker(conversation)
  if (thought !== undefined) {
    const words = thought.examples[0] ?? ''
    const reflection = pick(sentences.thoughts).replace('{words}', () => words)
    return `${reflection} ${pick(getDistortion(thought.type).questions[language])}`
  }
  const reading = readText(message)
  const stated = reading.uncertain ? undefined : excludeNeutral(reading.emotion)
  const occasion = readOccasion(message)
  const isNegative = stated !== undefined && stated !== 'happy'
  if (occasion !== undefined && !(COURTESIES.has(occasion) && isNegative))
    return pick(sentences.occasions[occasion])
  if (stated !== undefined)
    return `${pick(sentences.reflections[stated])} ${pick(stated === 'happy' ? sentences.gladQuestions : sentences.feelingQuestions)}`
  const expression = findExpression(conversation)
  return expression === undefined || (reading.emotion === 'neutral' && !reading.uncertain)
    ? pick(sentences.open)
    : pick([sentences.seen[expression], ...sentences.open.slice(1)])
}
