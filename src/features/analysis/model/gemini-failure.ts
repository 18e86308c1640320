import {
  type GenerateContentResponse,
  GoogleGenerativeAIError,
  GoogleGenerativeAIFetchError,
} from '@google/generative-ai'
import { detailsOf, refusalOf } from '../../../models/refusal.ts'
import { finishReasonOf, hasThought } from '../../../models/response.ts'
import type { ModelFailure } from '../analyser.ts'

/** `detail` is put together from status codes and fixed words: messages of the API and the SDK may quote the request. */
export type Failure = {
  readonly reason: ModelFailure
  readonly detail: string
  /** How long the API wants to be left alone, ms; null when it does not say. */
  readonly retryAfterMs: number | null
  /** The quota of the day is used up: the wait that the API names is that of the minute. */
  readonly isDailyQuota?: boolean
}

const failure = (reason: ModelFailure, detail: string, retryAfterMs: number | null = null): Failure => ({
  reason,
  detail,
  retryAfterMs,
})

/** Why a call threw, when nobody aborted it. */
export function failureOfError(error: unknown): Failure {
  if (error instanceof GoogleGenerativeAIFetchError) return failureOfStatus(error)
  if (error instanceof GoogleGenerativeAIError) return failure('unreachable', 'no connection')
  // undici ends a body that breaks off with a TypeError which carries its cause; bad JSON is an error without one.
  if (error instanceof TypeError && error.cause !== undefined) {
    return failure('unreachable', 'connection lost within the answer')
  }
  return failure('malformed', 'HTTP 200 without a usable body')
}

/** Why an answer that arrived whole holds no reading, or undefined when its text may be read. */
export function failureOfResponse(response: GenerateContentResponse): Failure | undefined {
  const candidate = response.candidates?.[0]
  if (candidate === undefined) {
    if (response.promptFeedback?.blockReason) return failure('blocked', 'prompt blocked')
    return failure('malformed', 'no candidate')
  }
  const finish = finishReasonOf(response)
  if (finish === undefined || finish === 'STOP') return undefined
  if (finish === 'MAX_TOKENS')
    return failure(
      'truncated',
      `stopped at the output limit${hasThought(response) ? ', thinking took part of it' : ''}`,
    )
  if (BLOCKING.has(finish)) return failure('blocked', `answer blocked: ${finish}`)
  return failure('malformed', 'ended for another reason')
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

/** The wait that a google.rpc.RetryInfo asks for, such as `12` of `12s`. */
function retrySeconds(details: string): string | undefined {
  return /"retryDelay":"(\d{1,6}(?:\.\d{1,9})?)s"/.exec(details)?.[1]
}
