type About = {
  /** HTTP status; 0 when no answer came. */
  readonly status?: number
  readonly requestId?: string
  readonly details?: unknown
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

const PASSING = new Set([0, 408, 429, 500, 502, 503, 504])

/**
 * What went wrong, by a code that stays: the server's own (docs/errors.md), or the client's `NETWORK` (no answer came),
 * `TIMEOUT`, `BAD_ANSWER` (not what a maeum server says) and `SIGNED_OUT`. `message` is a sentence for a person when it
 * is the server's.
 */
export class MaeumError extends Error {
  readonly code: string
  readonly status: number
  readonly requestId: string | undefined
  readonly details: unknown
  readonly retryAfterMs: number | undefined

  constructor(code: string, message: string, about: About = {}) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause })
    this.name = 'MaeumError'
    this.code = code
    this.status = about.status ?? 0
    this.requestId = about.requestId
    this.details = about.details
    this.retryAfterMs = about.retryAfterMs
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return PASSING.has(this.status) && this.code !== 'SIGNED_OUT'
  }
}
