import type { WebSocket } from 'ws'
import type { Channel } from '../../domain/session.ts'
import { type ErrorCode, errorMessage, errorStatus, type Language } from '../../protocol/errors.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import { NO_SPAN, type Span } from '../../lib/tracing.ts'
import type { WindowAnswer } from '../../protocol/session-events.ts'
import { SUBPROTOCOL_V2 } from '../../protocol/channels/transport.ts'
import { type ErrorAction, type ServerFrame, toEmotionUpdate } from '../../protocol/channels/frames.ts'

/** Unsent bytes that a slow reader may leave in memory before its socket is terminated. */
const MAX_UNSENT_BYTES = 1024 * 1024
const ERROR_EVERY_MS = 1000
/** Shorter pauses are skipped. */
const SHORTEST_PAUSE_MS = 5
/** Unanswered pings after which the peer counts as disconnected. */
const MAX_UNANSWERED_PINGS = 3
/** Queued commands of one socket. */
const MAX_WAITING_WORK = 20

/** When the client may retry after a server error. */
const RETRY_AFTER_MS = 2000
/** Windows whose answers are remembered as sent on this socket. */
const REMEMBERED_WINDOWS = 200

/** Far above what a valid client sends; messages beyond it are not read. */
const MESSAGE_RATE = { perSecond: 50, burst: 200 }
const FRAME_RATE = { perSecond: 60, burst: 240 }

type Words = Readonly<Record<Language, string>>

type About = {
  readonly socket: WebSocket
  readonly channel: Channel
  readonly sessionId: string
  readonly startedAt: number
  readonly language: Language
  /** The device that opened the socket, when it is known and the session belongs to another device; else null. */
  readonly familyId?: string | null
  /** The span of its handshake. */
  readonly handshake?: Span
  /** Monotonic clock, ms. */
  readonly monotonic: () => number
  /** Called for each message beyond the rate. */
  readonly onDropped?: () => void
  /** Charges a message; returns for how many ms reading pauses. */
  readonly onMessage?: () => number
  /** Charges invalid traffic; returns for how many ms reading pauses. */
  readonly onInvalid?: (bytes: number) => number
  /** Called with the error of a queued command. */
  readonly onFailure?: (error: unknown) => void
}

/** One admitted socket: bounded sending, throttled errors, commands in order, liveness. */
export class Connection {
  readonly channel: Channel
  readonly sessionId: string
  /** Start of the session, ms since the epoch. */
  readonly startedAt: number
  readonly language: Language
  /** Whether the client requested `maeum.v2`. */
  readonly isV2: boolean
  readonly handshake: Span
  /** The device that opened the socket on a session of another device: its logout closes the socket. */
  familyId: string | null
  readonly #socket: WebSocket
  readonly #monotonic: () => number
  readonly #about: Pick<About, 'onDropped' | 'onMessage' | 'onInvalid' | 'onFailure'>
  readonly #messages: TokenBucket
  readonly #frames: TokenBucket
  #complainedAt = Number.NEGATIVE_INFINITY
  #unansweredPings = 0
  #work: Promise<void> = Promise.resolve()
  #waitingWork = 0
  #sentWindows: number[] = []

  constructor(about: About) {
    this.#socket = about.socket
    this.isV2 = about.socket.protocol === SUBPROTOCOL_V2
    this.#monotonic = about.monotonic
    this.#about = about
    this.channel = about.channel
    this.sessionId = about.sessionId
    this.familyId = about.familyId ?? null
    this.handshake = about.handshake ?? NO_SPAN
    this.startedAt = about.startedAt
    this.language = about.language
    this.#messages = new TokenBucket(MESSAGE_RATE, about.monotonic())
    this.#frames = new TokenBucket(FRAME_RATE, about.monotonic())
  }

  /** Whether another landmarks frame is within the rate. */
  admitsFrame(): boolean {
    return this.#frames.take(this.#monotonic())
  }

  /** Whether another message is within the rate. */
  admitsMessage(bytes: number): boolean {
    if (this.#messages.take(this.#monotonic())) {
      this.#pauseReading(this.#about.onMessage?.() ?? 0)
      return true
    }
    this.#about.onDropped?.()
    this.chargeInvalid(bytes)
    return false
  }

  /** False when the socket is closed or closing: the frame was not sent. */
  send(frame: ServerFrame): boolean {
    return this.#sendText(JSON.stringify(frame))
  }

  /** Sends a window's answer, once on this socket; false when it was not sent. */
  sendAnswer(answer: WindowAnswer): boolean {
    if (this.#sentWindows.includes(answer.window)) return true
    if (!this.send(toEmotionUpdate(answer, this.isV2))) return false
    this.#sentWindows = [...this.#sentWindows.slice(1 - REMEMBERED_WINDOWS), answer.window]
    return true
  }

  /** Answers a client's own ping. */
  pong(): void {
    this.send({ type: 'pong', timestamp: Date.now() })
  }

  /** Charges invalid traffic; beyond a limit reading from the peer pauses. */
  chargeInvalid(bytes: number): void {
    this.#pauseReading(this.#about.onInvalid?.(bytes) ?? 0)
  }

  /** Reports an invalid message and charges it. */
  rejectMessage(bytes: number, code: ErrorCode, words?: Words): void {
    this.reportError(code, words)
    this.chargeInvalid(bytes)
  }

  #pauseReading(waitMs: number): void {
    if (waitMs < SHORTEST_PAUSE_MS || this.#socket.isPaused) return
    this.#socket.pause()
    setTimeout(() => {
      this.noteActivity() // data that arrived during the pause has not been read
      this.#socket.resume()
    }, waitMs).unref()
  }

  /** The peer has sent something. */
  noteActivity(): void {
    this.#unansweredPings = 0
  }

  /** A protocol pong; one that answers no ping is invalid traffic. */
  notePong(): void {
    if (this.#unansweredPings === 0) this.chargeInvalid(0)
    this.noteActivity()
  }

  /** Sends a ping message and a protocol ping; terminates a peer that answered none of the last ones. */
  ping(text: string): void {
    if (this.#socket.isPaused) this.noteActivity()
    // Counted, not timed: after a stall of this process the answers have arrived and are not read yet.
    if (this.#unansweredPings++ >= MAX_UNANSWERED_PINGS) this.#socket.terminate()
    else if (this.#sendText(text)) this.#socket.ping()
  }

  /** Whether the command queue is full. */
  get isBusy(): boolean {
    return this.#waitingWork >= MAX_WAITING_WORK
  }

  /** Runs commands one after the other, in the order of their arrival. */
  enqueue(work: () => Promise<void>): void {
    this.#waitingWork++
    this.#work = this.#work
      .then(work)
      .catch((error: unknown) => this.#about.onFailure?.(error))
      .finally(() => this.#waitingWork--)
  }

  /** Sends an error, at most once a second. */
  reportError(code: ErrorCode, words?: Words): void {
    const now = this.#monotonic()
    if (now - this.#complainedAt < ERROR_EVERY_MS) return
    this.#complainedAt = now
    this.sendError(code, undefined, words)
  }

  /** `words` replace the sentence of the catalogue. */
  sendError(code: ErrorCode, action?: ErrorAction, words?: Words): void {
    const retryable = errorStatus(code) >= 500
    const newer = { retryable, ...(retryable ? { retryAfterMs: RETRY_AFTER_MS } : {}) }
    this.send({
      type: 'error',
      data: {
        code,
        message: words?.[this.language] ?? errorMessage(code, this.language),
        timestamp: Date.now(),
        ...(action === undefined ? {} : { action }),
        ...(this.isV2 ? newer : {}),
      },
    })
  }

  /** The session is unknown or has ended: the client has to start another one. */
  rejectSession(code: 'SESSION_NOT_FOUND' | 'SESSION_ENDED'): void {
    this.sendError(code, 'new_session')
    this.close(1008, code)
  }

  /** Its device was logged out. */
  logOut(): void {
    this.sendError('INVALID_TOKEN', 'stop')
    this.close(1008, 'LOGGED_OUT')
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  #sendText(text: string): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    if (this.#socket.bufferedAmount > MAX_UNSENT_BYTES) {
      this.#socket.terminate()
      return false
    }
    this.#socket.send(text)
    return true
  }
}
