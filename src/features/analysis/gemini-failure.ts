import {
  type GenerateContentResponse,
  GoogleGenerativeAIError,
  GoogleGenerativeAIFetchError,
} from '@google/generative-ai'
import type { ModelFailure } from './analyser.ts'

/** `detail` is put together from status codes and fixed words: messages of the API and the SDK may quote the request. */
export type Failure = { readonly reason: ModelFailure; readonly detail: string }

/** Why a call threw, when nobody aborted it. */
export function failureOfError(error: unknown): Failure {
  if (error instanceof GoogleGenerativeAIFetchError) return failureOfStatus(error)
  if (error instanceof GoogleGenerativeAIError) return { reason: 'unreachable', detail: 'no connection' }
  // undici ends a body that breaks off with a TypeError which carries its cause; bad JSON is an error without one.
  if (error instanceof TypeError && error.cause !== undefined) {
    return { reason: 'unreachable', detail: 'connection lost within the answer' }
  }
  return { reason: 'malformed', detail: 'HTTP 200 without a usable body' }
}

/** Why an answer that arrived whole holds no reading, or undefined when its text may be read. */
export function failureOfResponse(response: GenerateContentResponse): Failure | undefined {
  const candidate = response.candidates?.[0]
  if (candidate === undefined) {
    if (response.promptFeedback?.blockReason) return { reason: 'blocked', detail: 'prompt blocked' }
    return { reason: 'malformed', detail: 'no candidate' }
  }
  const finish: string | undefined = candidate.finishReason // the API knows more reasons than the SDK's enum
  if (finish === undefined || finish === 'STOP') return undefined
  if (finish === 'MAX_TOKENS') return { reason: 'truncated', detail: 'stopped at the output limit' }
  if (BLOCKING.has(finish)) return { reason: 'blocked', detail: `answer blocked: ${finish}` }
  return { reason: 'malformed', detail: 'ended for another reason' }
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
function failureOfStatus({ status = 0, errorDetails }: GoogleGenerativeAIFetchError): Failure {
  const details = JSON.stringify(errorDetails ?? []) // searched as text: a proxy may answer in any shape
  const detail = `HTTP ${status}`
  if (status === 404) return { reason: 'model_not_found', detail }
  if (status === 429) return { reason: 'rate_limited', detail: detail + retryAfter(details) }
  if (status >= 500) return { reason: 'overloaded', detail }
  const keyRefused = status === 401 || status === 403 || details.includes('"API_KEY_INVALID"')
  return { reason: keyRefused ? 'key_refused' : 'rejected', detail }
}

/** The wait that a google.rpc.RetryInfo asks for, such as `, retry after 12s`. */
function retryAfter(details: string): string {
  const delay = /"retryDelay":"(\d{1,6}(?:\.\d{1,9})?s)"/.exec(details)?.[1]
  return delay === undefined ? '' : `, retry after ${delay}`
}
