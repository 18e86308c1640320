import { pause, within } from '../../../lib/deadline.ts'
import type { ThinkingSettings } from '../../../models/profile.ts'
import type { AnalysisInput, Asked, ModelAnalyser, ModelAnswer, ModelFailure } from '../analyser.ts'
import { buildPrompt, hashPrompt, type Prompt } from '../prompt.ts'
import type { Allowance } from './allowance.ts'
import type { Permit } from './breaker.ts'
import { createBulkhead, type Seat } from './bulkhead.ts'
import { type Cap, openCap } from './cap.ts'
import { createGemini, type Reply, tokensToSend } from './gemini.ts'
import { type AdmitGuest, createGuests } from './guests.ts'
import { createModel, judge, type Model, type ModelState } from './model-state.ts'
import type { Price } from './prices.ts'
import { openTally, type Tally } from './tally.ts'
import type { Shares } from './shares.ts'
import type { Spending } from './usage.ts'

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
const MOST_REQUESTS = 4
const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 2000

export type GeminiOptions = {
  readonly apiKey: string
  /** Tried in this order. */
  readonly models: readonly string[]
  /** Origin of the API; Google's when null. */
  readonly baseUrl: string | null
  /** Hard cap over all requests of one analysis; connections are closed then. */
  readonly timeoutMs: number
  /** The operator's settings of how much models think. */
  readonly thinking?: ThinkingSettings
  /** Calls under way at the same time, and calls that may wait. */
  readonly seats?: number
  readonly queue?: number
  /** The part of a model in the minute's requests and tokens; unset: unbounded. */
  readonly allowanceOf?: (model: string) => Allowance
  readonly priceOf?: (model: string) => Price | undefined
  /** Whether the day's money is spent. */
  readonly isSpent?: () => boolean
  /** What one user may take; undefined: as much as there is. */
  readonly shares?: Shares
  /** Told of each request's cost. Must not throw, as all that follow. */
  readonly onSpent?: (model: string, spent: Spending) => void
  /** Told of each request's end. */
  readonly onRequest?: (model: string, outcome: 'answered' | ModelFailure, isHedge: boolean) => void
  /** Told of the end of each request that another room made. */
  readonly onGuest?: (model: string, outcome: 'answered' | ModelFailure) => void
  /** Told once of a model that refuses our requests, until it answers one; `detail` says why. */
  readonly onRefused?: (model: string, detail: string) => void
  /** Told of each answer whether its label is the one of the held local answer. */
  readonly onCompared?: (model: string, agrees: boolean) => void
  /** Monotonic milliseconds. */
  readonly now?: () => number
  /** Chance, in [0, 1). */
  readonly random?: () => number
}

export type GeminiAnalyser = ModelAnalyser & {
  readonly states: () => readonly ModelState[]
  /** For other rooms that ask the same models. */
  readonly admitGuest: AdmitGuest
}

/** One analysis under way. */
type Call = {
  readonly prompt: Prompt
  /** Upper bound of its prompt's tokens. */
  readonly tokens: number
  readonly cap: Cap
  readonly tally: Tally
  /** By `now`. */
  readonly deadline: number
  /** What to do at the deadline with requests that are still under way. */
  readonly onLate: Set<() => void>
}

type Try = { readonly model: string; readonly reply: Reply }

const silent = () => undefined

/**
 * The model behind the windows, over Gemini's API: asks the first model that is well, goes on to the next, retries and
 * hedges while the deadline lets it, and says by name why there is no answer. Throws when `models` is empty.
 */
export function createGeminiAnalyser(options: GeminiOptions): GeminiAnalyser {
  const { apiKey, baseUrl, timeoutMs, seats = 256, queue = 1024, priceOf = silent } = options
  const { isSpent = () => false, onSpent = silent, onRequest = silent, onCompared = silent } = options
  const { now = () => performance.now(), random = Math.random } = options
  const ask = createGemini({ apiKey, baseUrl, ...(options.thinking && { thinking: options.thinking }) })
  const bulkhead = createBulkhead({ seats, queue })
  const models = options.models.map((name) =>
    createModel(name, {
      ...{ now, random, onRefused: options.onRefused },
      allowance: options.allowanceOf?.(name) ?? null,
    }),
  )
  const [firstModel] = models
  if (firstModel === undefined) throw new RangeError('a Gemini analyser needs at least one model')

  const analyse: ModelAnalyser['analyse'] = async (input, signal, deadlineMs) => {
    const startedAt = now()
    const prompt = buildPrompt(input)
    const tally = openTally(hashPrompt(prompt), onSpent)
    const cap = openCap(signal, timeoutMs)
    const deadline = startedAt + deadlineMs
    const call: Call = { prompt, tokens: tokensToSend(prompt), cap, tally, deadline, onLate: new Set() }
    try {
      const last = await answer(call, signal)
      return toAnswer(last, input, now() - startedAt, tally.asked())
    } finally {
      cap.release()
    }
  }

  async function answer(call: Call, caller: AbortSignal): Promise<Try> {
    const { cap, deadline } = call
    if (isSpent()) return refusal('budget_spent', 'the money of the day is spent')
    const seat = await bulkhead.take(caller, deadline - now(), cap.signal)
    if (seat === undefined) return refusal(cap.struck() ?? 'busy', 'while it waited for its turn')
    const late = setTimeout(() => {
      for (const judge of call.onLate) judge()
      seat.yieldTo(() => cap.strike('timed_out'))
    }, deadline - now())
    try {
      return await rounds(call)
    } finally {
      clearTimeout(late)
      seat.leave()
    }
  }

  /** Goes through the models, and after a pause again, while there is hope before the deadline. */
  async function rounds(call: Call): Promise<Try> {
    let last: Try | undefined
    let asked = 0
    for (let round = 0; ; round++) {
      let mayRecover = false
      for (const model of models) {
        const struck = call.cap.struck()
        if (struck !== undefined) return refusal(struck, 'before the model was asked', last?.model)
        if (now() >= call.deadline) return last ?? refusal('timed_out', 'before the model was asked')
        const permit = await model.admit(call.tokens)
        if (typeof permit === 'string') {
          last ??= refusal(permit, 'the model cannot be asked now', model.name)
          mayRecover = true
          continue
        }
        asked++
        last = { model: model.name, reply: await hedged(model, permit, call) }
        if (last.reply.outcome === 'answered' || !WORTH_ANOTHER_MODEL.has(last.reply.reason)) return last
        mayRecover ||= WORTH_RETRYING.has(last.reply.reason)
        if (last.reply.reason === 'unreachable') break // all models have the same address
      }
      const wait = mayRecover && asked < MOST_REQUESTS ? pauseMs(round) : undefined
      if (wait === undefined || now() + wait >= call.deadline) return last ?? refusal('circuit_open', '')
      await pause(wait, call.cap.signal)
    }
  }

  /** Full jitter, and not before a limited model wants to be asked again; undefined when there is no model to wait for. */
  function pauseMs(round: number): number | undefined {
    const left = models.filter((model) => ['closed', 'resting'].includes(model.state().state))
    if (left.length === 0) return undefined
    const jitter = random() * Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** round)
    return Math.min(...left.map((model) => model.restMs())) + jitter
  }

  /** One request, and a second one when the first is slower than usual; the first good answer counts. */
  async function hedged(model: Model, permit: Permit, call: Call): Promise<Reply> {
    const after = model.hedging.first()
    const first = send(model, permit, call, false)
    if (after === undefined) return first.reply
    const early = await within(first.reply, after)
    if (early !== 'late') return early
    const second = await secondOf(model, call)
    if (second === undefined) return first.reply
    const winner = await firstGood(first.reply, second.sent.reply)
    for (const request of [first, second.sent]) request.callOff()
    await Promise.all([first.reply, second.sent.reply]) // at once; so that the bill is whole
    second.seat.leave()
    return winner
  }

  async function secondOf(model: Model, call: Call): Promise<{ sent: Request; seat: Seat } | undefined> {
    if (call.cap.struck() !== undefined || now() >= call.deadline) return undefined
    const seat = bulkhead.tryTake()
    if (seat === undefined) return undefined
    const permit = model.hedging.spend() ? await model.admit(call.tokens) : 'no budget'
    if (typeof permit !== 'string') return { sent: send(model, permit, call, true), seat }
    seat.leave()
    return undefined
  }

  /** Sends one request; it is judged when it ends, or at the deadline when it is still under way. */
  function send(model: Model, permit: Permit, call: Call, isHedge: boolean): Request {
    const controller = new AbortController()
    const callOff = () => controller.abort()
    call.cap.signal.addEventListener('abort', callOff, { once: true })
    const sentAt = now()
    call.onLate.add(permit.failed)
    const finish = (reply: Reply): Reply => {
      call.cap.signal.removeEventListener('abort', callOff)
      call.onLate.delete(permit.failed)
      call.tally.add(model.name, priceOf(model.name), reply, call.tokens)
      const struck = call.cap.struck()
      const ours = reply.outcome === 'failed' && reply.reason === 'aborted' && struck !== undefined
      const told = ours ? failedReply(struck, 'while the model was asked') : reply
      const outcome = told.outcome === 'answered' ? 'answered' : told.reason
      onRequest(model.name, outcome, isHedge)
      if (told.outcome === 'answered') {
        model.hedging.answered(now() - sentAt)
        model.answered()
      } else model.failed(told)
      judge(permit, outcome)
      return told
    }
    return { callOff, reply: ask(model.name, call.prompt, controller.signal).then(finish) }
  }

  const toAnswer = (
    { model, reply }: Try,
    { local }: AnalysisInput,
    latencyMs: number,
    asked: Asked | null,
  ): ModelAnswer => {
    if (reply.outcome === 'failed')
      return { outcome: 'failed', reason: reply.reason, model, detail: reply.detail, latencyMs, asked }
    onCompared(model, reply.reading.emotion === local.emotion)
    return { outcome: 'answered', model, reading: reply.reading, latencyMs, asked }
  }

  const refusal = (reason: ModelFailure, detail: string, model = firstModel.name): Try => ({
    model,
    reply: failedReply(reason, detail),
  })

  return {
    models: options.models,
    analyse,
    states: () => models.map((model) => model.state()),
    admitGuest: createGuests({
      ...{ models, isSpent, priceOf, onSpent, onEnded: options.onGuest ?? silent },
      ...(options.shares === undefined ? {} : { shares: options.shares }),
    }),
  }
}

type Request = { readonly reply: Promise<Reply>; readonly callOff: () => void }

/** The first of the two that is an answer, else the one that ends last. */
async function firstGood(one: Promise<Reply>, other: Promise<Reply>): Promise<Reply> {
  const first = await Promise.race([
    one.then((reply) => ({ reply, rest: other })),
    other.then((reply) => ({ reply, rest: one })),
  ])
  return first.reply.outcome === 'answered' ? first.reply : first.rest
}

const failedReply = (reason: ModelFailure, detail: string): Reply => ({
  outcome: 'failed',
  reason,
  detail,
  retryAfterMs: null,
  promptTokens: null,
  answerTokens: null,
})
