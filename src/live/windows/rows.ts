import { SEALED } from '../../db/sealed-columns.ts'
import type { Intervention } from '../../domain/cbt/distortion.ts'
import type { EmotionReading } from '../../domain/emotion.ts'
import { encodeMeasures } from '../../domain/face/encoding.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { WindowAnswer } from '../../protocol/session-events.ts'
import type { Asked, ModelAnswer } from '../model/analyser.ts'
import type { AnsweredWindow, MeasuredWindow } from './answer.ts'
import { PROMPT_VERSION } from '../model/prompt.ts'
import type { AnswerRow, Fence, NewWindowRow, Refinement, WindowRow } from './repository.ts'

const { measures: MEASURES, sttSnippet: SNIPPET, intervention: INTERVENTION } = SEALED.emotionWindows

/** The lease under which a window is stored, and the key that seals it: of the person whose session it is. */
export type Lease = Fence & { readonly sessionId: string; readonly safe: Safe }

/** A window as it is stored at its close: answered already, or with the held local answer in the answer's place. */
export const toWindowRow = (
  { sessionId, epoch, safe }: Lease,
  held: MeasuredWindow,
  answer: AnsweredWindow,
  isFinal: boolean,
): NewWindowRow => ({
  sessionId,
  epoch,
  window: held.number,
  closedAt: new Date(held.closedAt),
  framesReceived: held.framesReceived,
  framesAnalysed: held.measures.frameCount,
  measures: safe.seal(encodeMeasures(held.measures), MEASURES.at({ sessionId, window: held.number })),
  analyserVersion: LOCAL_ANALYSER_VERSION,
  promptVersion: isFinal ? null : PROMPT_VERSION,
  answeredAt: isFinal ? new Date() : null,
  ...toAnswer(answer),
  ...toWords(sessionId, safe, answer),
})

/** What an answer adds to the row of a window: what the model was asked, and what the local analyser held against it. */
type Evidence = Pick<
  NewWindowRow,
  | 'promptHash'
  | 'promptTokens'
  | 'answerTokens'
  | 'costMicroUsd'
  | 'localEmotion'
  | 'localConfidence'
  | 'localScores'
>

export const toAnswerRow = ({ sessionId, safe }: Lease, answer: AnsweredWindow): AnswerRow & Evidence => ({
  sessionId,
  window: answer.number,
  ...toAnswer(answer),
  ...toWords(sessionId, safe, answer),
})

const toCost = (asked: Asked | null) => ({
  promptHash: asked?.promptHash ?? null,
  promptTokens: asked?.promptTokens ?? null,
  answerTokens: asked?.answerTokens ?? null,
  costMicroUsd: asked?.costMicroUsd ?? null,
})

const toHeld = ({ source, local }: AnsweredWindow) => ({
  localEmotion: source === 'gemini' ? local.emotion : null,
  localConfidence: source === 'gemini' ? local.confidence : null,
  localScores: source === 'gemini' ? local.scores : null,
})

const toAnswer = (answer: AnsweredWindow) => ({
  ...toReading(answer),
  ...toCost(answer.asked),
  ...toHeld(answer),
})

/** What was said, and what was offered for it. */
const toWords = (sessionId: string, safe: Safe, { speech, intervention, number }: AnsweredWindow) => {
  const row = { sessionId, window: number }
  return {
    sttSnippet: speech === null ? null : safe.seal(speech, SNIPPET.at(row)),
    intervention: intervention && safe.sealJson(intervention, INTERVENTION.at(row)),
  }
}

const toReading = ({ reading, source, model, modelOutcome, latencyMs }: AnsweredWindow) => ({
  emotion: reading.emotion,
  confidence: reading.confidence,
  uncertain: reading.uncertain,
  scores: reading.scores,
  valence: reading.valence,
  arousal: reading.arousal,
  dominance: reading.dominance,
  source,
  model,
  modelOutcome,
  latencyMs,
})

/** What the model said too late, if anything, and what it cost: at the window's answer that was not known yet. */
export const toRefinement = (
  { sessionId, owner, epoch }: Pick<Refinement, 'sessionId' | 'owner' | 'epoch'>,
  window: number,
  late: ModelAnswer,
): Refinement & Partial<Evidence> => {
  const reading = late.outcome === 'answered' ? late.reading : undefined
  return {
    sessionId,
    window,
    owner,
    epoch,
    refinedEmotion: reading?.emotion ?? null,
    refinedConfidence: reading?.confidence ?? null,
    refinedScores: reading?.scores ?? null,
    refinedValence: reading?.valence ?? null,
    refinedArousal: reading?.arousal ?? null,
    refinedDominance: reading?.dominance ?? null,
    refinedModel: reading === undefined ? null : late.model,
    refinedLatencyMs: reading === undefined ? null : Math.round(late.latencyMs),
    ...toCost(late.asked),
  }
}

export const toWindowAnswer = (answer: AnsweredWindow): WindowAnswer => ({
  window: answer.number,
  closedAt: answer.closedAt,
  frameCount: answer.measures.frameCount,
  reading: answer.reading,
  source: answer.source,
  model: answer.model,
  sttSnippet: answer.speech,
  intervention: answer.intervention,
})

/** The answer of a stored window, for the socket that comes after a loss. */
export const fromWindowRow = (row: WindowRow, safe: Safe): WindowAnswer => {
  const offered = row.intervention && safe.openJson(row.intervention, INTERVENTION.at(row))
  return {
    window: row.window,
    closedAt: row.closedAt.getTime(),
    frameCount: row.framesAnalysed,
    reading: readingOf(row),
    source: row.source,
    model: row.model,
    sttSnippet: row.sttSnippet === null ? null : safe.open(row.sttSnippet, SNIPPET.at(row)),
    intervention: offered as Intervention | null, // written here, from one
  }
}

const readingOf = (row: WindowRow): EmotionReading => ({
  emotion: row.emotion,
  confidence: row.confidence,
  uncertain: row.uncertain,
  scores: row.scores,
  valence: row.valence,
  arousal: row.arousal,
  dominance: row.dominance,
})
