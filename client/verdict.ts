/** How a socket ended. */
export type Loss = {
  readonly code: number
  readonly reason: string
  /** Whether the server had greeted us. */
  readonly wasReady: boolean
  /** HTTP status of a refused handshake, where it can be known. */
  readonly refusal?: number | undefined
}

/** What has become of the session, or that another socket is worth trying. */
export type Verdict = 'ended' | 'gone' | 'superseded' | 'signed_out' | 'retry'

/** Close codes by docs/websocket.md. */
export function judge({ code, refusal }: Loss): Verdict {
  if (refusal === 410) return 'gone'
  switch (code) {
    case 1000:
      return 'ended'
    case 1008:
      return 'gone'
    case 4001:
      return 'superseded'
    default:
      return 'retry'
  }
}

/**
 * How long to wait before try number `attempt`, from 1: anything up to a bound that doubles each time. "Full jitter" of
 * M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: clients that lost a server together come
 * back apart.
 */
export const backoffMs = (attempt: number, baseMs: number, capMs: number): number =>
  Math.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
