import type { EmotionReading } from '../../domain/emotion.ts'
import { encodeMeasures } from '../../domain/face/encoding.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import type { AnsweredWindow, LateAnswer, MeasuredWindow } from './answer.ts'
import { PROMPT_VERSION } from './prompt.ts'
import type { AnswerRow, NewWindowRow, Refinement, WindowRow } from './repository.ts'

type Lease = { readonly sessionId: string; readonly epoch: number }

/** A window as it is stored at its close: answered already, or with the held local answer in the answer's place. */
export const toWindowRow = (
  { sessionId, epoch }: Lease,
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
  measures: encodeMeasures(held.measures),
  analyserVersion: LOCAL_ANALYSER_VERSION,
  promptVersion: isFinal ? null : PROMPT_VERSION,
  answeredAt: isFinal ? new Date() : null,
  ...toAnswer(answer),
})

export const toAnswerRow = ({ sessionId }: Lease, answer: AnsweredWindow): AnswerRow => ({
  sessionId,
  window: answer.number,
  ...toAnswer(answer),
})

const toAnswer = ({ reading, source, model, modelOutcome, latencyMs }: AnsweredWindow) => ({
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

export const toRefinement = (sessionId: string, window: number, late: LateAnswer): Refinement => ({
  sessionId,
  window,
  refinedEmotion: late.reading.emotion,
  refinedConfidence: late.reading.confidence,
  refinedScores: late.reading.scores,
  refinedValence: late.reading.valence,
  refinedArousal: late.reading.arousal,
  refinedDominance: late.reading.dominance,
  refinedModel: late.model,
  refinedLatencyMs: Math.round(late.latencyMs),
})

export const toWindowAnswer = (answer: AnsweredWindow): WindowAnswer => ({
  window: answer.number,
  closedAt: answer.closedAt,
  frameCount: answer.measures.frameCount,
  reading: answer.reading,
  source: answer.source,
  model: answer.model,
  sttSnippet: null,
})

/** The answer of a stored window, for the socket that comes after a loss. */
export const fromWindowRow = (row: WindowRow): WindowAnswer => ({
  window: row.window,
  closedAt: row.closedAt.getTime(),
  frameCount: row.framesAnalysed,
  reading: readingOf(row),
  source: row.source,
  model: row.model,
  sttSnippet: row.sttSnippet,
})

const readingOf = (row: WindowRow): EmotionReading => ({
  emotion: row.emotion,
  confidence: row.confidence,
  uncertain: row.uncertain,
  scores: row.scores,
  valence: row.valence,
  arousal: row.arousal,
  dominance: row.dominance,
})
