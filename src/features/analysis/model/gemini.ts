import type { GenerateContentResponse } from '@google/generative-ai'
import type { EmotionReading } from '../../../domain/emotion.ts'
import { createGeminiClient } from '../../../models/gemini-client.ts'
import type { ThinkingSettings } from '../../../models/profile.ts'
import { textOf, withoutFence } from '../../../models/response.ts'
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

type Options = {
  readonly apiKey: string
  /** The origin of the API; Google's when null. */
  readonly baseUrl: string | null
  readonly thinking?: ThinkingSettings
}

const MAX_OUTPUT_TOKENS = 512

/** Asks Google's Gemini API for the reading of a window. */
export function createGemini(options: Options): Ask {
  const client = createGeminiClient(options)
  return async (model, { system, user }, signal) => {
    if (isAborted(signal)) return cutOff('before the model was asked')
    const contents = [{ role: 'user', parts: [{ text: user }] }]
    const request = { system, contents, schema: RESPONSE_SCHEMA, maxOutputTokens: MAX_OUTPUT_TOKENS }
    try {
      return replyOf(await client.generate(model, request, signal))
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
  const parsed = parseAnswer(withoutFence(textOf(response)))
  if ('reading' in parsed) return { outcome: 'answered', reading: parsed.reading, ...tokens }
  return { outcome: 'failed', reason: 'malformed', detail: parsed.fault, retryAfterMs: null, ...tokens }
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
