import { GoogleGenerativeAIFetchError } from '@google/generative-ai'

/**
 * What the API refuses a request for: our key, the region we ask from, the thinking that was asked for, the quota of the
 * day, or anything else. Undefined when it did not refuse.
 */
export type Refusal = 'key' | 'region' | 'thinking' | 'daily_quota' | 'other'

/** Searched as text: a proxy may answer in any shape. Never logged, for messages may quote the request. */
export const detailsOf = ({ errorDetails }: GoogleGenerativeAIFetchError): string =>
  JSON.stringify(errorDetails ?? [])

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
