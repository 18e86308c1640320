import { type GenerateContentResponse, GoogleGenerativeAI } from '@google/generative-ai'
import type { AnalysisInput, ModelAnalyser, ModelAnswer, ModelFailure } from './analyser.ts'
import { parseAnswer, RESPONSE_SCHEMA } from './gemini-answer.ts'
import { failureOfError, failureOfResponse } from './gemini-failure.ts'
import { buildPrompt } from './prompt.ts'

/** A model that the API does not know is not asked again for this long. */
const RETIRED_MS = 10 * 60_000

/** Faults of one model, not of the request or the key: the next model may do better. */
const NEXT_MODEL: ReadonlySet<ModelFailure> = new Set(['model_not_found', 'overloaded', 'rate_limited'])

export type GeminiOptions = {
  readonly apiKey: string
  /** Tried in this order. */
  readonly models: readonly string[]
  /** Origin of the API; Google's when absent. */
  readonly baseUrl?: string
  /** Hard cap over all attempts of one analysis. */
  readonly timeoutMs: number
  /** Told of each model asked, with the latency of that attempt alone. Must not throw. */
  readonly onAttempt?: (attempt: ModelAnswer) => void
  /** Monotonic milliseconds. */
  readonly now?: () => number
}

/** The adapter to Google's Gemini API. Throws when `models` is empty. */
export function createGeminiAnalyser(options: GeminiOptions): ModelAnalyser {
  const { models, timeoutMs, onAttempt, now = () => performance.now() } = options
  const [firstModel] = models
  if (firstModel === undefined) throw new RangeError('a Gemini analyser needs at least one model')
  const client = new GoogleGenerativeAI(options.apiKey)
  const requestOptions = options.baseUrl === undefined ? {} : { baseUrl: options.baseUrl.replace(/\/+$/, '') }
  const retiredUntil = new Map<string, number>()

  const analyse = async (input: AnalysisInput, signal: AbortSignal): Promise<ModelAnswer> => {
    const startedAt = now()
    const cap = createCap(signal, timeoutMs)
    try {
      let answer = failed(firstModel, 'model_not_found', 'every model is retired')
      for (const model of models) {
        const struck = cap.struck()
        if (struck !== undefined) {
          answer = failed(answer.model, struck, 'before the model was asked')
          break
        }
        if ((retiredUntil.get(model) ?? -Infinity) > now()) continue
        const askedAt = now()
        answer = await ask(model, input, cap)
        onAttempt?.({ ...answer, latencyMs: now() - askedAt })
        if (answer.outcome === 'answered' || !NEXT_MODEL.has(answer.reason)) break
        if (answer.reason === 'model_not_found') retiredUntil.set(model, now() + RETIRED_MS)
      }
      return { ...answer, latencyMs: now() - startedAt }
    } finally {
      cap.release()
    }
  }

  async function ask(model: string, input: AnalysisInput, cap: Cap): Promise<ModelAnswer> {
    try {
      const { system, user } = buildPrompt(input)
      const gemini = client.getGenerativeModel(
        { model, systemInstruction: system, generationConfig: generationConfig(model) },
        requestOptions,
      )
      // The signal is our own: the SDK leaves its listener on it for good.
      const { response } = await gemini.generateContent(user, { signal: cap.signal })
      return answerOf(model, response)
    } catch (error) {
      const struck = cap.struck()
      if (struck !== undefined) return failed(model, struck, 'while the model was asked')
      const { reason, detail } = failureOfError(error)
      return failed(model, reason, detail)
    }
  }

  return { models, analyse }
}

function answerOf(model: string, response: GenerateContentResponse): ModelAnswer {
  const failure = failureOfResponse(response)
  if (failure !== undefined) return failed(model, failure.reason, failure.detail)
  const parsed = parseAnswer(textOf(response))
  if ('fault' in parsed) return failed(model, 'malformed', parsed.fault)
  return { outcome: 'answered', model, reading: parsed.reading, latencyMs: 0, ...tokensOf(response) }
}

/** The SDK's own `text()` writes to the console when it is surprised. */
function textOf({ candidates = [] }: GenerateContentResponse): string {
  const parts = candidates[0]?.content.parts ?? []
  return parts.map(({ text }) => text ?? '').join('')
}

/** Thinking is billed as output, so output is all that is not prompt. */
function tokensOf({ usageMetadata }: GenerateContentResponse) {
  const promptTokens = count(usageMetadata?.promptTokenCount)
  const total = count(usageMetadata?.totalTokenCount)
  return { promptTokens, outputTokens: promptTokens === null || total === null ? null : total - promptTokens }
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
}

function failed(model: string, reason: ModelFailure, detail: string): ModelAnswer {
  return { outcome: 'failed', reason, model, latencyMs: 0, detail }
}

/** Thinking eats output tokens and leaves empty or cut JSON, so each family is asked for the least it knows. */
function generationConfig(model: string) {
  return {
    responseMimeType: 'application/json',
    responseSchema: RESPONSE_SCHEMA,
    maxOutputTokens: 512,
    ...thinking(model),
  }
}

/** https://ai.google.dev/gemini-api/docs/thinking; the SDK hands the field on without knowing it. */
function thinking(model: string): object {
  const generation = /gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1]
  if (generation === '2.5') return { thinkingConfig: { thinkingBudget: 0 } }
  if (Number(generation) >= 3) return { thinkingConfig: { thinkingLevel: 'minimal' } }
  return {}
}

type Cap = ReturnType<typeof createCap>

/** Our own abort: strikes with the caller's signal or after `timeoutMs`, whichever is first, until released. */
function createCap(signal: AbortSignal, timeoutMs: number) {
  const controller = new AbortController()
  let struck: 'aborted' | 'timed_out' | undefined
  const strike = (by: 'aborted' | 'timed_out') => {
    struck ??= by
    controller.abort()
  }
  const onAbort = () => strike('aborted')
  const timer = setTimeout(strike, timeoutMs, 'timed_out')
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  return {
    signal: controller.signal,
    /** Who struck, or undefined. */
    struck: () => struck,
    release() {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    },
  }
}
