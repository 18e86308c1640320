import {
  type GenerateContentResponse,
  GoogleGenerativeAIError,
  GoogleGenerativeAIFetchError,
} from '@google/generative-ai'
import { finishReasonOf } from './response.ts'

/** Why a call returned no usable answer or was not admitted. Stored with the window; also a metric label. */
export type CallFailure =
  | 'timed_out'
  | 'aborted'
  | 'rate_limited'
  | 'overloaded'
  | 'model_not_found'
  | 'key_refused'
  | 'rejected'
  | 'blocked'
  | 'truncated'
  | 'malformed'
  | 'unreachable'
  /** The circuit breaker of the model is open. */
  | 'circuit_open'
  /** The requests or tokens per minute of the model or of one user are used up. */
  | 'over_allowance'
  /** The daily budget is spent. */
  | 'budget_spent'

/** `detail` consists of status codes and fixed words, because messages of the API and the SDK may quote the request. */
export type Failure = {
  readonly reason: CallFailure
  readonly detail: string
  /** The wait that the API requests, ms; null if none. */
  readonly retryAfterMs: number | null
  /** The daily quota is used up. The wait that the API returns is then that of the minute. */
  readonly isDailyQuota?: boolean
}

export const failure = (
  reason: CallFailure,
  detail: string,
  retryAfterMs: number | null = null,
): Failure => ({ reason, detail, retryAfterMs })

/** Thrown for an unusable answer. */
export class UnusableAnswer extends Error {
  readonly failure: Failure
  constructor(reason: CallFailure, detail: string) {
    super(reason)
    this.name = 'UnusableAnswer'
    this.failure = failure(reason, detail)
  }
}

/** The failure for an error of a call that was not aborted. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UnusableAnswer) return error.failure
  if (error instanceof GoogleGenerativeAIFetchError) return failureOfStatus(error)
  if (error instanceof GoogleGenerativeAIError) return failure('unreachable', 'no connection')
  // undici reports an interrupted body as a TypeError with a cause; a JSON error has none.
  if (error instanceof TypeError && error.cause !== undefined)
    return failure('unreachable', 'connection lost within the answer')
  return failure('malformed', 'HTTP 200 without a usable body')
}

/** https://ai.google.dev/api/generate-content#FinishReason */
const BLOCKING: ReadonlySet<string> = new Set([
  'SAFETY',
  'RECITATION',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
])

/**
 * Throws UnusableAnswer for a response, or a part of a streamed one, that is blocked or an error. Returns the finish
 * reason; undefined if there is none yet.
 */
export function requireUsable(response: GenerateContentResponse): 'STOP' | 'MAX_TOKENS' | undefined {
  if ('error' in response) throw new UnusableAnswer('malformed', 'an error in place of an answer')
  if (response.candidates?.[0] === undefined && response.promptFeedback?.blockReason)
    throw new UnusableAnswer('blocked', 'prompt blocked')
  const finish = finishReasonOf(response)
  if (finish === undefined || finish === 'STOP' || finish === 'MAX_TOKENS') return finish
  throw BLOCKING.has(finish)
    ? new UnusableAnswer('blocked', `answer blocked: ${finish}`)
    : new UnusableAnswer('malformed', 'ended for another reason')
}

/**
 * Why the API refused a request: the key, the region, the thinking setting, the daily quota, or another reason.
 * Undefined when it did not refuse.
 */
type Refusal = 'key' | 'region' | 'thinking' | 'daily_quota' | 'other'

export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof GoogleGenerativeAIFetchError)) return undefined
  const { status, message } = error
  const details = detailsOf(error)
  if (status === 401 || status === 403 || details.includes('"API_KEY_INVALID"')) return 'key'
  if (status === 429) return /PerDay/i.test(details) ? 'daily_quota' : undefined
  if (status !== 400) return undefined
  if (/location is not supported/i.test(message)) return 'region'
  return /thinking|budget/i.test(message) ? 'thinking' : 'other'
}

/** https://ai.google.dev/gemini-api/docs/troubleshooting */
function failureOfStatus(error: GoogleGenerativeAIFetchError): Failure {
  const { status = 0 } = error
  const seconds = retrySeconds(detailsOf(error))
  const wait = seconds === undefined ? null : Number(seconds) * 1000
  const detail = `HTTP ${status}${seconds === undefined ? '' : `, retry after ${seconds}s`}`
  const refusal = refusalOf(error)
  if (refusal === 'daily_quota')
    return { ...failure('rate_limited', `HTTP ${status}, quota of the day`, wait), isDailyQuota: true }
  if (status === 404) return failure('model_not_found', detail)
  if (status === 429) return failure('rate_limited', detail, wait)
  if (status >= 500) return failure('overloaded', detail, wait)
  if (refusal === 'key') return failure('key_refused', detail)
  if (refusal === 'region') return failure('rejected', `HTTP ${status}, region not supported`)
  return failure('rejected', refusal === 'thinking' ? `HTTP ${status}, thinking setting refused` : detail)
}

/** Searched as text, because a proxy may answer in any shape. Never logged, because messages may quote the request. */
const detailsOf = ({ errorDetails }: GoogleGenerativeAIFetchError): string =>
  JSON.stringify(errorDetails ?? [])

/** The delay of a google.rpc.RetryInfo, such as `12` of `12s`. */
const retrySeconds = (details: string): string | undefined =>
  /"retryDelay":"(\d{1,6}(?:\.\d{1,9})?)s"/.exec(details)?.[1]
