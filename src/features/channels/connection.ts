import type { WebSocket } from 'ws'
import type { Channel } from '../../domain/session.ts'
import { type ErrorCode, errorMessage, type Language } from '../../errors.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { ServerFrame } from './frames.ts'

/** What a peer that does not read may leave waiting in our memory before it is cut off. */
const MAX_UNSENT_BYTES = 1024 * 1024
const ERROR_EVERY_MS = 1000

/** Far above what an honest client sends; beyond it messages are not looked at. */
const MESSAGE_RATE = { perSecond: 50, burst: 200 }
const FRAME_RATE = { perSecond: 60, burst: 240 }

type About = {
  readonly socket: WebSocket
  readonly channel: Channel
  readonly sessionId: string
  readonly startedAt: number
  readonly language: Language
}

/** One admitted socket: bounded sending, throttled complaints, and when it was last heard. */
export class Connection {
  readonly channel: Channel
  readonly sessionId: string
  /** Start of the session, ms since the epoch. */
  readonly startedAt: number
  readonly language: Language
  lastHeard: number
  readonly #socket: WebSocket
  readonly #messages: TokenBucket
  readonly #frames: TokenBucket
  #complainedAt = Number.NEGATIVE_INFINITY

  constructor(about: About, now: number) {
    this.#socket = about.socket
    this.channel = about.channel
    this.sessionId = about.sessionId
    this.startedAt = about.startedAt
    this.language = about.language
    this.lastHeard = now
    this.#messages = new TokenBucket(MESSAGE_RATE, now)
    this.#frames = new TokenBucket(FRAME_RATE, now)
  }

  /** Whether another small message, or another landmarks frame, may be looked at. */
  admits(kind: 'message' | 'frame', now: number): boolean {
    return (kind === 'message' ? this.#messages : this.#frames).take(now)
  }

  send(frame: ServerFrame): void {
    this.sendText(JSON.stringify(frame))
  }

  sendText(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) this.#socket.terminate()
    else this.#socket.send(text)
  }

  /** The protocol's own ping, beside the one that a client's code sees. */
  ping(text: string): void {
    this.sendText(text)
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping()
  }

  /** Says what is wrong, at most once a second. */
  complain(code: ErrorCode, now: number): void {
    if (now - this.#complainedAt < ERROR_EVERY_MS) return
    this.#complainedAt = now
    this.fail(code)
  }

  fail(code: ErrorCode, action?: 'new_session' | 'reconnect'): void {
    const message = errorMessage(code, this.language)
    const data = { code, message, timestamp: Date.now(), ...(action === undefined ? {} : { action }) }
    this.send({ type: 'error', data })
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  terminate(): void {
    this.#socket.terminate()
  }
}
