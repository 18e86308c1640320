import type { GenerateContentResponse } from '@google/generative-ai'
import { abortReason } from './abort.ts'
import type { Allowance } from './allowance.ts'
import { type Bill, billFor, countedTokens, estimateTokens, type Price, type Tokens } from './billing.ts'
import type { Permit } from './breaker.ts'
import {
  type CallFailure,
  type Failure,
  failure,
  failureOf,
  requireUsable,
  UnusableAnswer,
} from './failure.ts'
import type { GeminiClient, GeminiRequest } from './gemini-client.ts'
import { createModelState, type ModelState } from './model-state.ts'
import { hasThought, textOf } from './response.ts'
import type { Shares } from './shares.ts'
import type { Spending } from './usage.ts'

/** The purpose of a call, a metric label. */
export type CallKind = 'window' | 'conversation'

type Purpose = {
  readonly kind: CallKind
  /** The user of the request; unset: not limited by the share of one user. */
  readonly userId?: number
}

/** Why no call is admitted. */
export type Refusal = Extract<
  CallFailure,
  'budget_spent' | 'over_allowance' | 'model_not_found' | 'rate_limited' | 'circuit_open'
>

/** A complete answer. */
export type Answer = {
  readonly text: string
  /** Truncated at the limit of output tokens. */
  readonly isCut: boolean
  /** Output tokens went into thinking. */
  readonly hasThought: boolean
}

/** The result of a call. `bill` is null when it costs nothing: it was refused or not sent. */
export type Reply<T> = { readonly bill: Bill | null } & Result<T>

/** Parses an answer; throws UnusableAnswer for an unusable one. */
export type Read<T> = (answer: Answer) => T

/**
 * An admitted call: `generate` or `stream`, once. Neither rejects; a call aborted by `signal` fails with its reason.
 */
export type ModelCall = {
  readonly generate: <T>(signal: AbortSignal, read: Read<T>) => Promise<Reply<T>>
  /** `onText` receives the text in parts; an error in it aborts the call. */
  readonly stream: <T>(
    signal: AbortSignal,
    onText: (text: string) => void,
    read: Read<T>,
  ) => Promise<Reply<T>>
  /** Its deadline has passed: the circuit breaker counts it as failed, even if it succeeds later. */
  readonly expire: () => void
}

/** One model with its circuit breaker, quota and budget. */
export type Model = {
  readonly name: string
  /** Admits a call for this request, or returns the reason for none. Never rejects. */
  readonly admit: (request: GeminiRequest, purpose: Purpose) => Promise<ModelCall | Refusal>
  readonly state: () => ModelState
  /** Remaining backoff, ms. */
  readonly backoffMs: () => number
}

/** Shared by all models. The functions must not throw. */
export type ModelDependencies = {
  readonly client: GeminiClient
  readonly allowanceOf: (model: string) => Allowance
  readonly shares: Shares
  readonly priceOf: (model: string) => Price | undefined
  readonly isBudgetSpent: () => boolean
  readonly onSpent: (model: string, spent: Spending) => void
  readonly onCall: (model: string, outcome: 'answered' | CallFailure, kind: CallKind) => void
  /** Called once when a model refuses our requests, with the reason, until it answers one. */
  readonly onRefused: (model: string, detail: string) => void
  /** Monotonic milliseconds. */
  readonly now: () => number
  /** Random number in [0, 1). */
  readonly random: () => number
}

/** Admission, call and settlement of all requests to the model of this name. */
export function createModel(name: string, dependencies: ModelDependencies): Model {
  const { client, shares, isBudgetSpent } = dependencies
  const state = createModelState(name, dependencies)
  const allowance = dependencies.allowanceOf(name)

  const settle = <T>(
    { permit, estimate, purpose: { kind, userId } }: Admission,
    result: Result<T>,
    counted: Tokens | undefined,
  ): Reply<T> => {
    const tokens = counted ?? (isPaidUncounted(result) ? { prompt: estimate, answer: 0 } : undefined)
    const bill = tokens === undefined ? null : billFor(tokens, dependencies.priceOf(name))
    const costMicroUsd = bill === null ? 0 : bill.costMicroUsd
    dependencies.onSpent(name, {
      requests: 1,
      promptTokens: tokens?.prompt ?? 0,
      answerTokens: tokens?.answer ?? 0,
      costMicroUsd,
    })
    if (userId !== undefined) shares.spend(userId, costMicroUsd ?? 0)
    dependencies.onCall(name, result.outcome === 'answered' ? 'answered' : result.reason, kind)
    state.settle(permit, result.outcome === 'answered' ? null : result)
    return { ...result, bill }
  }

  const run = async <T>(
    admission: Admission,
    signal: AbortSignal,
    receive: (count: Count) => Promise<Answer>,
    read: Read<T>,
  ): Promise<Reply<T>> => {
    const early = abortReason(signal)
    if (early !== undefined) {
      admission.permit.cancelled()
      return { outcome: 'failed', ...failure(early, 'before the model was asked'), bill: null }
    }
    let counted: Tokens | undefined
    const count: Count = (response) => (counted = countedTokens(response) ?? counted)
    const result = await runCall(signal, async () => read(await receive(count)))
    return settle(admission, result, counted)
  }

  const createCall = (request: GeminiRequest, admission: Admission): ModelCall => ({
    generate: (signal, read) =>
      run(
        admission,
        signal,
        async (count) => {
          const response = await client.generate(name, request, signal)
          count(response)
          return readAnswer(response)
        },
        read,
      ),
    stream: (signal, onText, read) =>
      run(
        admission,
        signal,
        (count) => readStream(client.stream(name, request, signal), count, onText),
        read,
      ),
    expire: admission.permit.failed,
  })

  return {
    name,
    async admit(request, purpose) {
      if (isBudgetSpent()) return 'budget_spent'
      const estimate = estimateTokens(request)
      if (purpose.userId !== undefined && !shares.take(purpose.userId, estimate)) return 'over_allowance'
      const permit = state.admit()
      if (typeof permit === 'string') return permit
      if (await allowance.take(estimate)) return createCall(request, { permit, estimate, purpose })
      permit.cancelled()
      return 'over_allowance'
    },
    state: state.read,
    backoffMs: state.backoffMs,
  }
}

type Admission = { readonly permit: Permit; readonly estimate: number; readonly purpose: Purpose }
type Count = (response: GenerateContentResponse) => void
type Result<T> =
  | { readonly outcome: 'answered'; readonly value: T }
  | ({ readonly outcome: 'failed' } & Failure)

async function runCall<T>(signal: AbortSignal, call: () => Promise<T>): Promise<Result<T>> {
  try {
    return { outcome: 'answered', value: await call() }
  } catch (error) {
    const early = abortReason(signal)
    const failed = early === undefined ? failureOf(error) : failure(early, 'while the model was asked')
    return { outcome: 'failed', ...failed }
  }
}

/** The API does not count the tokens of an aborted call, which costs at least its prompt. */
const isPaidUncounted = (result: Result<unknown>): boolean =>
  result.outcome === 'answered' || result.reason === 'aborted' || result.reason === 'timed_out'

function readAnswer(response: GenerateContentResponse): Answer {
  const finish = requireUsable(response)
  if (response.candidates?.[0] === undefined) throw new UnusableAnswer('malformed', 'no candidate')
  return { text: textOf(response), isCut: finish === 'MAX_TOKENS', hasThought: hasThought(response) }
}

async function readStream(
  parts: AsyncIterable<GenerateContentResponse>,
  count: Count,
  onText: (text: string) => void,
): Promise<Answer> {
  const answer = { text: '', hasThought: false }
  let finish: ReturnType<typeof requireUsable>
  for await (const part of parts) {
    count(part) // each part contains the count so far
    finish = requireUsable(part) ?? finish
    answer.hasThought ||= hasThought(part)
    const text = textOf(part)
    if (text === '') continue
    answer.text += text
    onText(text)
  }
  if (finish === undefined) throw new UnusableAnswer('malformed', 'stream interrupted')
  return { ...answer, isCut: finish === 'MAX_TOKENS' }
}
