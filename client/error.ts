type About = {
  /** HTTP status; 0 when no answer came. */
  readonly status?: number
  readonly requestId?: string
  readonly details?: unknown
  readonly retryAfterMs?: number
  readonly cause?: unknown
}

const PASSING = new Set([0, 408, 429])
const FINAL = new Set(['SIGNED_OUT', 'BAD_OPTIONS'])

/**
 * What went wrong, by a code that stays: the server's own (docs/errors.md), or the client's `NETWORK` (no answer came),
 * `TIMEOUT`, `BAD_ANSWER` (not what a maeum server says), `SIGNED_OUT` and `BAD_OPTIONS`. `message` is a sentence for a person when it
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
    if (FINAL.has(this.code)) return false
    return this.code === 'BAD_ANSWER' || this.status >= 500 || PASSING.has(this.status)
  }
}
