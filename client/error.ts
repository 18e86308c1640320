type ErrorDetails = {
  /** HTTP status; 0 without a response. */
  readonly status?: number
  readonly requestId?: string
  readonly details?: unknown
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

const TRANSIENT_STATUSES = new Set([0, 408, 429])
const PERMANENT_CODES = new Set(['SIGNED_OUT', 'BAD_OPTIONS'])

/**
 * An error with a stable code: one of the server's (docs/errors.md), or `NETWORK` (no response), `TIMEOUT`,
 * `BAD_ANSWER` (not a response of a maeum server), `SIGNED_OUT`, `BAD_OPTIONS`. A `message` of the server can be shown
 * to the user.
 */
export class MaeumError extends Error {
  readonly code: string
  readonly status: number
  readonly requestId: string | undefined
  readonly details: unknown
  readonly retryAfterMs: number | undefined

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'MaeumError'
    this.code = code
    this.status = details.status ?? 0
    this.requestId = details.requestId
    this.details = details.details
    this.retryAfterMs = details.retryAfterMs
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    if (PERMANENT_CODES.has(this.code)) return false
    return this.code === 'BAD_ANSWER' || this.status >= 500 || TRANSIENT_STATUSES.has(this.status)
  }
}
