import { type GenerateContentResponse, GoogleGenerativeAI } from '@google/generative-ai'
import type { EmotionReading } from '../../../domain/emotion.ts'
import type { Prompt } from '../prompt.ts'
import { parseAnswer, RESPONSE_SCHEMA } from './gemini-answer.ts'
import { type Failure, failureOfError, failureOfResponse } from './gemini-failure.ts'

/** What became of one request. Tokens are those that the API counted; null when it did not say. */
export type Reply = Tokens &
  (
    | { readonly outcome: 'answered'; readonly reading: EmotionReading }
    | ({ readonly outcome: 'failed' } & Failure)
  )

type Tokens = { readonly promptTokens: number | null; readonly answerTokens: number | null }

/** One request to one model. Never rejects; a request that `signal` cuts off has the reason `aborted`. */
export type Ask = (model: string, prompt: Prompt, signal: AbortSignal) => Promise<Reply>

const UNCOUNTED: Tokens = { promptTokens: null, answerTokens: null }

/** The adapter to Google's Gemini API. `baseUrl` is the origin of the API; Google's when null. */
export function createGemini({ apiKey, baseUrl }: { apiKey: string; baseUrl: string | null }): Ask {
  const client = new GoogleGenerativeAI(apiKey)
  const requestOptions = baseUrl === null ? {} : { baseUrl: baseUrl.replace(/\/+$/, '') }
  return async (model, { system, user }, signal) => {
    if (isAborted(signal)) return cutOff('before the model was asked') // the SDK would ask all the same
    try {
      const gemini = client.getGenerativeModel(
        { model, systemInstruction: system, generationConfig: generationConfig(model) },
        requestOptions,
      )
      const { response } = await gemini.generateContent(user, { signal })
      return replyOf(response)
    } catch (error) {
      if (isAborted(signal)) return cutOff('while the model was asked')
      return { outcome: 'failed', ...failureOfError(error), ...UNCOUNTED }
    }
  }
}

/** Asked by a function, for it changes while we wait. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted

const SCHEMA_BYTES = Buffer.byteLength(JSON.stringify(RESPONSE_SCHEMA))

/** Upper bound of the tokens of a request: one for three bytes of its texts and its schema. */
export const tokensToSend = ({ system, user }: Prompt): number =>
  Math.ceil((Buffer.byteLength(system) + Buffer.byteLength(user) + SCHEMA_BYTES) / 3)

const cutOff = (detail: string): Reply => ({
  outcome: 'failed',
  reason: 'aborted',
  detail,
  retryAfterMs: null,
  ...UNCOUNTED,
})

function replyOf(response: GenerateContentResponse): Reply {
  const tokens = tokensOf(response)
  const failure = failureOfResponse(response)
  if (failure !== undefined) return { outcome: 'failed', ...failure, ...tokens }
  const parsed = parseAnswer(textOf(response))
  if ('reading' in parsed) return { outcome: 'answered', reading: parsed.reading, ...tokens }
  return { outcome: 'failed', reason: 'malformed', detail: parsed.fault, retryAfterMs: null, ...tokens }
}

/** The SDK's own `text()` writes to the console when it is surprised. */
function textOf({ candidates = [] }: GenerateContentResponse): string {
  const parts = candidates[0]?.content.parts ?? []
  return parts.map(({ text }) => text ?? '').join('')
}

/** Thinking is billed as output, so output is all that is not prompt. */
function tokensOf({ usageMetadata }: GenerateContentResponse): Tokens {
  const promptTokens = count(usageMetadata?.promptTokenCount)
  const total = count(usageMetadata?.totalTokenCount)
  if (promptTokens === null || total === null || total < promptTokens) return UNCOUNTED
  return { promptTokens, answerTokens: total - promptTokens }
}

/** More than any window can take is a slip of whoever answered, and must not spend the day's money. */
const MOST_TOKENS = 100_000

function count(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MOST_TOKENS
    ? Number(value)
    : null
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
  // Pro of 2.5 cannot do without: 128 is its least.
  if (generation === '2.5') return { thinkingConfig: { thinkingBudget: model.includes('pro') ? 128 : 0 } }
  if (Number(generation) >= 3)
    return { thinkingConfig: { thinkingLevel: model.includes('pro') ? 'low' : 'minimal' } }
  return {}
}
