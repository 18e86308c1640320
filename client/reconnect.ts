/** How a socket ended. */
export type SocketLoss = {
  readonly code: number
  readonly reason: string
  /** Whether the server had sent `connected`. */
  readonly wasReady: boolean
  /** HTTP status of a refused handshake, if the platform exposes it. */
  readonly refusal?: number | undefined
}

/** What a lost socket means for the session. */
export type Outcome = 'ended' | 'gone' | 'superseded' | 'signed_out' | 'retry'

/** Close codes: docs/websocket.md. */
export function classifyLoss({ code, refusal }: SocketLoss): Outcome {
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
 * Delay before attempt number `attempt` (from 1): random, up to a bound that doubles each time. "Full jitter" of
 * M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015: clients that lost a server together do not
 * reconnect together.
 */
export const backoffMs = (attempt: number, baseMs: number, capMs: number): number =>
  Math.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1))
