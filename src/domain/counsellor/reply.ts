import { detectDistortions } from '../cbt/detect.ts'
import type { Detection, Intervention } from '../cbt/distortion.ts'
import { distortionOf } from '../cbt/distortions/index.ts'
import { chooseIntervention, type InterventionPace } from '../cbt/intervention.ts'
import { type CrisisLine, crisisLines, crisisMessage } from '../crisis/lines.ts'
import { readCrisis } from '../crisis/read-crisis.ts'
import { EMOTIONS, type Emotion } from '../emotion.ts'
import type { Language } from '../language.ts'
import { readText } from '../text/reader.ts'
import { COURTESIES, readOccasion } from './read-occasion.ts'
import { type FeltEmotion, SENTENCES } from './sentences.ts'

export type Turn = { readonly role: 'user' | 'assistant'; readonly text: string }

export type ConversationSoFar = {
  readonly message: string
  /** What the caller says the person shows now; null when unknown. */
  readonly emotion: Emotion | null
  /** Labels of the last windows, oldest first. */
  readonly recentEmotions: readonly Emotion[]
  /** Turns before this message, oldest first. */
  readonly history: readonly Turn[]
  readonly language: Language
  /** What was offered before in this session; absent = nothing yet, null = nothing may be offered. */
  readonly pace?: InterventionPace | null
  /** The operator's own crisis lines; absent or empty = the built-in ones. */
  readonly configuredLines?: readonly CrisisLine[]
}

export type LocalReply = {
  readonly text: string
  readonly isCrisis: boolean
  readonly detections: readonly Detection[]
  readonly intervention?: Intervention
}

const WINDOWS_SEEN = 3
const TURNS_NEAR = 8
const NOTHING_OFFERED: InterventionPace = { now: 0, recentTypes: [] }

const felt = (emotion: Emotion): FeltEmotion | undefined => (emotion === 'neutral' ? undefined : emotion)

/** What the face seems to show: what the caller says, else what most of the last windows say. */
function seenEmotion({ emotion, recentEmotions }: ConversationSoFar): FeltEmotion | undefined {
  if (emotion !== null) return felt(emotion)
  const last = recentEmotions.slice(-WINDOWS_SEEN)
  const most = EMOTIONS.find((label) => last.filter((seen) => seen === label).length > last.length / 2)
  return most === undefined ? undefined : felt(most)
}

/** True for some turns after words of self-harm: nobody is given exercises then. */
const isNearCrisis = ({ history }: ConversationSoFar): boolean =>
  history.slice(-TURNS_NEAR).some(({ role, text }) => role === 'user' && readCrisis(text).isCrisis)

/** Takes the lists in turn, by the number of the turn, and skips what was said in the last answer. */
function speaker({ history }: ConversationSoFar) {
  const turn = history.filter(({ role }) => role === 'user').length
  const lastAnswer = history.findLast(({ role }) => role === 'assistant')?.text ?? ''
  return (sentences: readonly string[]): string => {
    const inTurn = sentences.map((_, index) => sentences[(turn + index) % sentences.length] ?? '')
    return inTurn.find((sentence) => !lastAnswer.includes(sentence)) ?? inTurn[0] ?? ''
  }
}

/**
 * The answer of a modest counsellor without a model: it gives back what was said and asks on, in the polite form.
 * The same conversation always gets the same answer. Words of self-harm get the crisis lines and nothing else. No
 * advice, no diagnosis; an exercise is only offered as `intervention`, at the pace of `pace`.
 */
export function replyLocally(conversation: ConversationSoFar): LocalReply {
  const { message, language, pace = NOTHING_OFFERED, configuredLines } = conversation
  const crisis = readCrisis(message)
  if (crisis.isCrisis) {
    const text = crisisMessage(crisis.level, language, crisisLines(language, configuredLines))
    return { text, isCrisis: true, detections: [] }
  }
  const detections = detectDistortions(message)
  const intervention =
    pace === null || isNearCrisis(conversation) ? undefined : chooseIntervention(detections, language, pace)
  const text = answer(conversation, detections[0])
  const offer = intervention === undefined ? [] : [SENTENCES[language].exercise]
  return {
    text: [text, ...offer].join(' '),
    isCrisis: false,
    detections,
    ...(intervention === undefined ? {} : { intervention }),
  }
}

function answer(conversation: ConversationSoFar, thought: Detection | undefined): string {
  const { message, language } = conversation
  const words = SENTENCES[language]
  const say = speaker(conversation)
  if (thought !== undefined) {
    const own = thought.examples[0] ?? ''
    const reflection = say(words.thoughts).replace('{words}', () => own)
    return `${reflection} ${say(distortionOf(thought.type).questions[language])}`
  }
  const reading = readText(message)
  const said = reading.uncertain ? undefined : felt(reading.emotion)
  const occasion = readOccasion(message)
  const isHeavy = said !== undefined && said !== 'happy'
  if (occasion !== undefined && !(COURTESIES.has(occasion) && isHeavy)) return say(words.occasions[occasion])
  if (said !== undefined)
    return `${say(words.reflections[said])} ${say(said === 'happy' ? words.gladQuestions : words.feelingQuestions)}`
  const seen = seenEmotion(conversation)
  return seen === undefined || (reading.emotion === 'neutral' && !reading.uncertain)
    ? say(words.open)
    : say([words.seen[seen], ...words.open.slice(1)])
}
