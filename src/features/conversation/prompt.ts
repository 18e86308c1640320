import { Buffer } from 'node:buffer'
import type { Content } from '@google/generative-ai'
import type { Detection, Intervention } from '../../domain/cbt/distortion.ts'
import { type CrisisLine, crisisLines } from '../../domain/crisis/lines.ts'
import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import { EMOTION_NAMES, type Emotion } from '../../domain/emotion.ts'
import type { Language } from '../../domain/language.ts'
import type { GeminiRequest } from '../../models/gemini-client.ts'

export type Exchange = { readonly message: string; readonly response: string }
export type RecentEmotion = {
  readonly window: number
  readonly emotion: Emotion
  readonly confidence: number
}

export type Question = {
  readonly message: string
  readonly language: Language
  /** The user's current emotion, as the client reports it. */
  readonly emotion: Emotion | null
  /** Of the last windows, oldest first. */
  readonly recent: readonly RecentEmotion[]
  /** The conversation so far, oldest first. */
  readonly history: readonly Exchange[]
  readonly detections: readonly Detection[]
  readonly intervention: Intervention | undefined
  /** False once self-harm language was detected in the session. */
  readonly mayOffer: boolean
  readonly lines: readonly CrisisLine[]
}

/** Limit for the earlier exchanges; the newest are kept. */
const HISTORY_TOKENS = 3000
const ANSWER_TOKENS = 1024

const SYSTEM = {
  ko: `당신은 인지행동치료의 원리를 아는 따뜻한 대화 상대입니다. 치료사가 아니라 인공지능이며, 물으면 그렇게 답합니다.
존댓말로 두 문장에서 다섯 문장, 말하듯이 씁니다. 목록과 마크다운은 쓰지 않습니다.
먼저 들은 마음을 되비추고, 스스로 생각해 볼 열린 질문 하나로 맺습니다. 서둘러 조언하거나 진단하지 않고, 약과 치료를 권하지 않습니다.
표정 추정은 기계가 한 것이라 틀릴 수 있습니다. 단정하지 말고 말투를 맞추는 데만 씁니다.
죽고 싶거나 자신을 해치려는 뜻이 보이면 과제를 주지 말고 곁에 있겠다고 말한 뒤 상담 전화를 알립니다: `,
  en: `You are a warm companion in conversation who knows the principles of cognitive behavioural therapy. You are an artificial intelligence, not a therapist, and say so when asked.
Write two to five sentences, as one speaks, without lists or markdown.
First reflect what you have heard, then end with one open question to think about. Do not hurry to advise, never diagnose, never recommend medicine or treatment.
The emotions below were estimated from a face by a machine and may be wrong: never state them as facts, only find the right tone by them.
If there is any sign of wanting to die or of self-harm, give no exercises: say that you are there, and name the crisis lines: `,
} as const

const WORDS = {
  ko: {
    recent: '최근 표정 추정(오래된 것부터)',
    now: '지금의 표정 추정',
    traces: '말에서 비치는 생각의 습관',
    try: '어울리면 건넬 질문',
    noExercises: '이 대화에서는 과제나 연습을 권하지 마십시오.',
  },
  en: {
    recent: 'estimated lately, oldest first',
    now: 'estimated now',
    traces: 'habits of thought in the words',
    try: 'a question that may fit',
    noExercises: 'Suggest no exercises in this conversation.',
  },
} as const

/**
 * The request to the model: the instruction with the current emotion, then the conversation, starting with a user's
 * turn.
 */
export function buildQuestion(question: Question): GeminiRequest {
  const { language, emotion, recent, detections, intervention } = question
  const words = WORDS[language]
  const name = (label: Emotion) => EMOTION_NAMES[label][language]
  const lines = crisisLines(language, question.lines).map((line) => `${line.name} ${line.number}`)
  const system = [SYSTEM[language] + lines.join(', ')]
  if (recent.length > 0)
    system.push(
      `${words.recent}: ${recent.map((one) => `${name(one.emotion)} ${one.confidence.toFixed(2)}`).join(', ')}`,
    )
  if (emotion !== null) system.push(`${words.now}: ${name(emotion)}`)
  if (detections.length > 0)
    system.push(
      `${words.traces}: ${detections.map((one) => (language === 'ko' ? one.name_ko : one.name_en)).join(', ')}`,
    )
  const [suggestion] = intervention?.questions ?? []
  if (suggestion !== undefined) system.push(`${words.try}: ${suggestion}`)
  if (!question.mayOffer) system.push(words.noExercises)
  const history = selectNewest(question.history, HISTORY_TOKENS).flatMap(({ message, response }) => [
    createTurn('user', message),
    createTurn('model', response),
  ])
  return {
    system: system.join('\n'),
    contents: [...history, createTurn('user', question.message)],
    maxOutputTokens: ANSWER_TOKENS,
  }
}

const createTurn = (role: 'user' | 'model', text: string): Content => ({ role, parts: [{ text }] })

/** Estimates one token per three UTF-8 bytes: accurate for Korean, too high for English. */
const countTokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / 3)

/** Keeps whole exchanges, because a model requires a user's turn first and alternating turns. */
function selectNewest(history: readonly Exchange[], budget: number): Exchange[] {
  const kept: Exchange[] = []
  let left = budget
  for (const exchange of history.toReversed()) {
    if (readCrisis(exchange.message).isCrisis) continue // self-harm language is never sent to a model
    left -= countTokens(exchange.message) + countTokens(exchange.response)
    if (left < 0) break
    kept.unshift(exchange)
  }
  return kept
}
