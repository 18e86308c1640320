import type { Language } from '../../domain/language.ts'
import type { WindowVoice } from '../../domain/voice/measures.ts'
import { NO_SPAN } from '../../lib/tracing.ts'
import type { AnalysisInput, ModelAnalyser } from '../model/analyser.ts'
import { questionOf, REMEMBERED_RESULTS } from '../model/question.ts'
import {
  type AnsweredWindow,
  type Answering,
  answerLocally,
  answerWithModel,
  type MeasuredWindow,
} from './answer.ts'

const MAX_CALLS = 4

type Options = {
  readonly sessionId: string
  readonly language: Language
  /** Null: only the local analyser answers. */
  readonly model: ModelAnalyser | null
  readonly voiceOf: (sessionId: string, window: number) => Promise<WindowVoice>
  /** Aborts the calls in progress. */
  readonly signal: AbortSignal
}

/** The same, with its span in the trace of the window. */
function traced(answering: Answering, { span }: MeasuredWindow): Answering {
  if (span === NO_SPAN) return answering
  const analysis = span.child('analysis')
  const outcome = answering.outcome.then((answer) => {
    const { source, model, modelOutcome } = answer
    analysis.end({
      'maeum.source': source,
      'maeum.model_outcome': modelOutcome ?? 'not_asked',
      ...(source === 'local' ? {} : { 'gen_ai.request.model': model }),
    })
    return answer
  })
  return { ...answering, outcome }
}

/** Answers the windows of one session: with the model while few of its calls are in progress, else locally. */
export class WindowAnswering {
  readonly #options: Options
  #calls = 0
  /** The last results, oldest first. */
  #previous: AnalysisInput['previous'] = []

  constructor(options: Options) {
    this.#options = options
  }

  /** Whether no call is in progress. */
  get idle(): boolean {
    return this.#calls === 0
  }

  /** `getDeadlineMs`: how long the model may take from now. */
  answer(window: MeasuredWindow, getDeadlineMs: () => number): Answering {
    const { sessionId, language, model, voiceOf, signal } = this.#options
    const voice = voiceOf(sessionId, window.number)
    if (model === null) return traced(answerLocally(window, null, voice), window)
    if (this.#calls >= MAX_CALLS) return traced(answerLocally(window, 'too_many_calls', voice), window)
    this.#calls++
    const answering = answerWithModel(window, voice, {
      model,
      input: (known) => questionOf(window, { language, previous: this.#previous, voice: known }),
      deadlineMs: getDeadlineMs(),
      signal,
    })
    void Promise.allSettled([answering.outcome, answering.late]).then(() => this.#calls--)
    return traced(answering, window)
  }

  /** The next question contains the result. */
  remember({ number, reading }: AnsweredWindow): void {
    const result = { window: number, emotion: reading.emotion, confidence: reading.confidence }
    this.#previous = [...this.#previous, result].slice(-REMEMBERED_RESULTS)
  }
}
