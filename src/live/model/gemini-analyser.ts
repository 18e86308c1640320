import type { EmotionReading } from '../../domain/emotion.ts'
import { pause } from '../../lib/deadline.ts'
import { type Abort, abortReason, createAbort } from '../../models/abort.ts'
import type { Bill } from '../../models/billing.ts'
import type { GeminiRequest } from '../../models/gemini-client.ts'
import type { Model, ModelCall, Reply } from '../../models/model.ts'
import type { AnalysisInput, Asked, ModelAnalyser, ModelAnswer, ModelFailure } from './analyser.ts'
import { createBulkhead } from './bulkhead.ts'
import { readAnswer, RESPONSE_SCHEMA } from './gemini-answer.ts'
import { buildPrompt, hashPrompt, type Prompt } from './prompt.ts'

/** The same model may do better a little later. */
const WORTH_RETRYING: ReadonlySet<ModelFailure> = new Set([
  'model_not_found',
  'overloaded',
  'rate_limited',
  'unreachable',
])
/** Another model may do better: what one refuses, the next may accept. Anything else is final. */
const WORTH_ANOTHER_MODEL: ReadonlySet<ModelFailure> = new Set([...WORTH_RETRYING, 'rejected'])
/** Of one analysis; a last round is not cut short. */
const MAX_REQUESTS = 4
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 2000
const MAX_OUTPUT_TOKENS = 512

export type GeminiAnalyserOptions = {
  /** Tried in this order. */
  readonly models: readonly Model[]
  /** Hard cap over all requests of one analysis; connections are closed then. */
  readonly timeoutMs: number
  /** Calls in flight at the same time, and calls that may wait. */
  readonly slots?: number
  readonly queue?: number
  /** Called for each answer with whether its label is the one of the held local answer. Must not throw. */
  readonly onCompared?: (model: string, agrees: boolean) => void
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Chance, in [0, 1). */
  readonly random?: () => number
}

/** One analysis in progress. */
type Analysis = {
  readonly request: GeminiRequest
  readonly abort: Abort
  /** By `now`. */
  readonly deadline: number
  /** The request in flight. */
  call: ModelCall | undefined
  /** Of each request that has ended; null for one that cost nothing. */
  readonly bills: (Bill | null)[]
}

type Attempt = {
  readonly model: string
  readonly reply:
    | { readonly outcome: 'answered'; readonly value: EmotionReading }
    | { readonly outcome: 'failed'; readonly reason: ModelFailure; readonly detail: string }
}

/**
 * The analyser of windows over Gemini's API: asks the first model that may be asked, goes on to the next, retries until
 * the deadline, and says by name why there is no answer. Throws when `models` is empty.
 */
export function createGeminiAnalyser(options: GeminiAnalyserOptions): ModelAnalyser {
  const { models, timeoutMs, slots = 256, queue = 1024, onCompared } = options
  const { now = () => performance.now(), random = Math.random } = options
  const [firstModel] = models
  if (firstModel === undefined) throw new RangeError('a Gemini analyser needs at least one model')
  const bulkhead = createBulkhead({ slots, queue })

  const analyse: ModelAnalyser['analyse'] = async (input, signal, deadlineMs) => {
    const startedAt = now()
    const prompt = buildPrompt(input)
    const analysis: Analysis = {
      request: requestOf(prompt),
      abort: createAbort(signal, timeoutMs),
      deadline: startedAt + deadlineMs,
      call: undefined,
      bills: [],
    }
    try {
      const attempt = await answer(analysis)
      const asked = askedOf(hashPrompt(prompt), analysis.bills)
      return toAnswer(attempt, input, { latencyMs: now() - startedAt, asked })
    } finally {
      analysis.abort.release()
    }
  }

  async function answer(analysis: Analysis): Promise<Attempt> {
    const { abort, deadline } = analysis
    const slot = await bulkhead.acquire(deadline - now(), abort.signal)
    if (slot === undefined) return refusal(abortReason(abort.signal) ?? 'busy', 'while it waited for a slot')
    const late = setTimeout(() => {
      analysis.call?.expire()
      slot.allowEviction(() => abort.abort('timed_out'))
    }, deadline - now())
    try {
      return await tryModels(analysis)
    } finally {
      clearTimeout(late)
      slot.release()
    }
  }

  /** Goes through the models, and after a pause again, while one may still answer before the deadline. */
  async function tryModels(analysis: Analysis): Promise<Attempt> {
    const { request, abort, deadline } = analysis
    let last: Attempt | undefined
    let asked = 0
    for (let round = 0; ; round++) {
      let mayRecover = false
      for (const model of models) {
        const aborted = abortReason(abort.signal)
        if (aborted !== undefined) return refusal(aborted, 'before the model was asked', last?.model)
        if (now() >= deadline) return last ?? refusal('timed_out', 'before the model was asked')
        const call = await model.admit(request, { kind: 'window' })
        if (typeof call === 'string') {
          last ??= refusal(call, 'the model cannot be asked now', model.name)
          if (call === 'budget_spent') return last
          mayRecover = true
          continue
        }
        asked++
        const reply = await send(call, analysis)
        last = { model: model.name, reply }
        if (reply.outcome === 'answered' || !WORTH_ANOTHER_MODEL.has(reply.reason)) return last
        mayRecover ||= WORTH_RETRYING.has(reply.reason)
        if (reply.reason === 'unreachable') break // all models have the same address
      }
      const wait = mayRecover && asked < MAX_REQUESTS ? pauseMs(round) : undefined
      if (wait === undefined || now() + wait >= deadline) return last ?? refusal('circuit_open', '')
      await pause(wait, abort.signal)
    }
  }

  /** Full jitter, and not before the back-off of a model ends; undefined when there is no model to wait for. */
  function pauseMs(round: number): number | undefined {
    const left = models.filter((model) => ['closed', 'backing_off'].includes(model.state().state))
    if (left.length === 0) return undefined
    const jitter = random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round)
    return Math.min(...left.map((model) => model.backoffMs())) + jitter
  }

  async function send(call: ModelCall, analysis: Analysis): Promise<Reply<EmotionReading>> {
    analysis.call = call
    const reply = await call.generate(analysis.abort.signal, readAnswer)
    analysis.call = undefined
    analysis.bills.push(reply.bill)
    return reply
  }

  const toAnswer = (
    { model, reply }: Attempt,
    { local }: AnalysisInput,
    about: Pick<ModelAnswer, 'latencyMs' | 'asked'>,
  ): ModelAnswer => {
    if (reply.outcome === 'failed')
      return { outcome: 'failed', reason: reply.reason, model, detail: reply.detail, ...about }
    onCompared?.(model, reply.value.emotion === local.emotion)
    return { outcome: 'answered', model, reading: reply.value, ...about }
  }

  const refusal = (reason: ModelFailure, detail: string, model = firstModel.name): Attempt => ({
    model,
    reply: { outcome: 'failed', reason, detail },
  })

  return { models: models.map(({ name }) => name), analyse }
}

const requestOf = ({ system, user }: Prompt): GeminiRequest => ({
  system,
  contents: [{ role: 'user', parts: [{ text: user }] }],
  schema: RESPONSE_SCHEMA,
  maxOutputTokens: MAX_OUTPUT_TOKENS,
})

/** What all requests of an analysis cost together; null when none was made. */
function askedOf(promptHash: string, bills: readonly (Bill | null)[]): Asked | null {
  if (bills.length === 0) return null
  const paid = bills.filter((bill) => bill !== null)
  const costs = paid.map(({ costMicroUsd }) => costMicroUsd).filter((cost) => cost !== null)
  const sum = (values: readonly number[]) =>
    values.length === 0 ? null : values.reduce((total, value) => total + value, 0)
  return {
    promptHash,
    promptTokens: sum(paid.map(({ prompt }) => prompt)),
    answerTokens: sum(paid.map(({ answer }) => answer)),
    costMicroUsd: sum(costs),
  }
}
