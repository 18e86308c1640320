import { performance } from 'node:perf_hooks'
import type { Intervention } from '../../domain/cbt/distortion.ts'
import type { EmotionReading } from '../../domain/emotion.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { MeasureName, WindowMeasures } from '../../domain/face/measures.ts'
import type { AnswerSource } from '../../domain/session.ts'
import type { WindowVoice } from '../../domain/voice/measures.ts'
import { within } from '../../lib/deadline.ts'
import type { Span } from '../../lib/tracing.ts'
import type { AnalysisInput, Asked, ModelAnalyser, ModelAnswer } from '../model/analyser.ts'

/** A closed window with its measures and its local answer. */
export type MeasuredWindow = {
  readonly number: number
  readonly closedAt: number
  /** The trace of the window, from its close to its delivery. */
  readonly span: Span
  readonly framesReceived: number
  readonly measures: WindowMeasures
  readonly local: EmotionReading
  /** Time the local analyser took, ms. */
  readonly localMs: number
  /** From the person's neutral face as it was known before this window; null when it was not. */
  readonly differences: Readonly<Record<MeasureName, number>> | null
  /** What the session knows of the person after this window, as it is stored. */
  readonly learnt: Uint8Array
}

/** The one outcome of a window. */
export type AnsweredWindow = MeasuredWindow & {
  readonly reading: EmotionReading
  readonly source: AnswerSource
  readonly model: string
  /** `answered`, why the model did not answer in time, or null when none was asked. */
  readonly modelOutcome: string | null
  readonly latencyMs: number
  /** Null when no model was asked, or is still being asked. */
  readonly asked: Asked | null
  readonly speech: string | null
  /** What is offered to the person together with the answer. */
  readonly intervention: Intervention | null
}

export type Answering = {
  /** Whether a model was asked: then the outcome may take until the deadline. */
  readonly asked: boolean
  readonly outcome: Promise<AnsweredWindow>
  /** What became of the model's call when it ended after the window had been answered without it; else undefined. */
  readonly late: Promise<ModelAnswer | undefined>
}

const NONE: Promise<undefined> = Promise.resolve(undefined)

type Without = {
  readonly modelOutcome: string | null
  readonly latencyMs?: number
  readonly asked?: Asked | null
  readonly speech?: string | null
}

export const byLocal = (
  window: MeasuredWindow,
  { modelOutcome, latencyMs = window.localMs, asked = null, speech = null }: Without,
): AnsweredWindow => ({
  ...window,
  reading: window.local,
  source: 'local',
  model: LOCAL_ANALYSER_VERSION,
  modelOutcome,
  latencyMs: Math.round(latencyMs),
  asked,
  speech,
  intervention: null,
})

type ByModel = Extract<ModelAnswer, { outcome: 'answered' }>

export const byModel = (
  window: MeasuredWindow & Pick<Partial<AnsweredWindow>, 'speech' | 'intervention'>,
  { reading, model, latencyMs, asked }: ByModel,
): AnsweredWindow => ({
  ...window,
  reading,
  source: 'gemini',
  model,
  modelOutcome: 'answered',
  latencyMs: Math.round(latencyMs),
  asked,
  speech: window.speech ?? null,
  intervention: window.intervention ?? null,
})

/** Answers at once with the local answer. */
export const answerLocally = (
  window: MeasuredWindow,
  modelOutcome: string | null,
  voice: Promise<WindowVoice>,
): Answering => ({
  asked: false,
  outcome: voice.then(({ speech }) => byLocal(window, { modelOutcome, speech })),
  late: NONE,
})

type Question = {
  readonly model: ModelAnalyser
  /** The window and its context. */
  readonly input: (voice: WindowVoice) => AnalysisInput
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/**
 * Asks the model and answers by `deadlineMs` at the latest, with the held local answer when the model failed or is not
 * done. `voice` never rejects and resolves soon. Neither returned promise rejects.
 */
export function answerWithModel(
  window: MeasuredWindow,
  voice: Promise<WindowVoice>,
  { model, input, deadlineMs, signal }: Question,
): Answering {
  const begun = performance.now()
  const call = voice
    .then((known) => model.analyse(input(known), signal, deadlineMs - (performance.now() - begun)))
    // An adapter that rejects must not lose a window.
    .catch(
      (error: unknown): ModelAnswer => ({
        outcome: 'failed',
        reason: 'rejected',
        model: model.models[0] ?? 'unknown',
        latencyMs: 0,
        detail: error instanceof Error ? error.name : 'unknown',
        asked: null,
      }),
    )
  let answeredWithout = false
  const outcome = within(call, deadlineMs).then(async (answer): Promise<AnsweredWindow> => {
    if (answer === 'late') answeredWithout = true
    const { speech } = await voice
    if (answer === 'late')
      return byLocal(window, { modelOutcome: 'timed_out', latencyMs: deadlineMs, speech })
    if (answer.outcome === 'answered') return byModel({ ...window, speech }, answer)
    return byLocal(window, { ...answer, modelOutcome: answer.reason, speech })
  })
  const late = call.then(async (answer) => {
    await outcome
    return answeredWithout ? answer : undefined
  })
  return { asked: true, outcome, late }
}
