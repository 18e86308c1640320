import type { EmotionReading } from '../../domain/emotion.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { WindowMeasures } from '../../domain/face/measures.ts'
import type { AnswerSource } from '../../domain/session.ts'
import { within } from '../../lib/deadline.ts'
import type { AnalysisInput, ModelAnalyser, ModelAnswer } from './analyser.ts'

/** A window after its close: measured, with the local answer held. */
export type MeasuredWindow = {
  readonly number: number
  readonly closedAt: number
  readonly framesReceived: number
  readonly measures: WindowMeasures
  readonly local: EmotionReading
  /** Time the local analyser took, ms. */
  readonly localMs: number
}

/** The one outcome of a window. */
export type AnsweredWindow = MeasuredWindow & {
  readonly reading: EmotionReading
  readonly source: AnswerSource
  readonly model: string
  /** `answered`, why the model did not answer in time, or null when none was asked. */
  readonly modelOutcome: string | null
  readonly latencyMs: number
}

/** What became of the model's call after the window was answered without it. */
export type LateAnswer = Extract<ModelAnswer, { outcome: 'answered' }>

export type Answering = {
  /** Whether a model was asked: then the outcome may take until the deadline. */
  readonly asked: boolean
  readonly outcome: Promise<AnsweredWindow>
  /** The model's answer when it comes after the deadline; undefined when none comes. */
  readonly late: Promise<LateAnswer | undefined>
}

const NONE: Promise<undefined> = Promise.resolve(undefined)

export const byLocal = (
  window: MeasuredWindow,
  modelOutcome: string | null,
  latencyMs = window.localMs,
): AnsweredWindow => ({
  ...window,
  reading: window.local,
  source: 'local',
  model: LOCAL_ANALYSER_VERSION,
  modelOutcome,
  latencyMs: Math.round(latencyMs),
})

export const byModel = (window: MeasuredWindow, answer: LateAnswer): AnsweredWindow => ({
  ...window,
  reading: answer.reading,
  source: 'gemini',
  model: answer.model,
  modelOutcome: 'answered',
  latencyMs: Math.round(answer.latencyMs),
})

/** Answers at once with what is held. */
export const answerLocally = (window: MeasuredWindow, modelOutcome: string | null): Answering => ({
  asked: false,
  outcome: Promise.resolve(byLocal(window, modelOutcome)),
  late: NONE,
})

/**
 * Asks the model and answers by `deadlineMs` at the latest, with the held local answer when the model failed or is not
 * done. Neither promise ever rejects.
 */
export function answerWithModel(
  window: MeasuredWindow,
  model: ModelAnalyser,
  input: AnalysisInput,
  { deadlineMs, signal }: { deadlineMs: number; signal: AbortSignal },
): Answering {
  // An adapter that breaks its promise and rejects must not cost a window, nor the process.
  const call = model.analyse(input, signal).catch(
    (error: unknown): ModelAnswer => ({
      outcome: 'failed',
      reason: 'rejected',
      model: model.models[0] ?? 'unknown',
      latencyMs: 0,
      detail: error instanceof Error ? error.name : 'unknown',
    }),
  )
  let answeredWithout = false
  const outcome = within(call, deadlineMs).then((answer): AnsweredWindow => {
    if (answer === 'late') {
      answeredWithout = true
      return byLocal(window, 'timed_out', deadlineMs)
    }
    return answer.outcome === 'answered'
      ? byModel(window, answer)
      : byLocal(window, answer.reason, answer.latencyMs)
  })
  const late = call.then(async (answer) => {
    await outcome
    return answeredWithout && answer.outcome === 'answered' ? answer : undefined
  })
  return { asked: true, outcome, late }
}
