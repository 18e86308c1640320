import type { WebSocket } from 'ws'
import type { Channel } from '../../domain/session.ts'
import { type ErrorCode, errorMessage, errorStatus, type Language } from '../../errors.ts'
import { TokenBucket } from '../../lib/token-bucket.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import { V2 } from '../../plugins/websocket.ts'
import { type ErrorAction, type ServerFrame, toEmotionUpdate } from './frames.ts'

/** What a peer that does not read may leave waiting in our memory before it is cut off. */
const MAX_UNSENT_BYTES = 1024 * 1024
const ERROR_EVERY_MS = 1000
/** A pause that would be shorter is not worth its timer. */
const SHORTEST_PAUSE_MS = 5
/** Pings that may go unanswered before the peer counts as gone. */
const MAX_UNANSWERED_PINGS = 3
/** Commands of one socket that may wait for the database. */
const MAX_WAITING_WORK = 20

/** After this long another try makes sense, when the fault was ours. */
const RETRY_AFTER_MS = 2000
/** Windows of which it is remembered that they were sent here. */
const REMEMBERED_WINDOWS = 200

/** Far above what an honest client sends; beyond it messages are not looked at. */
const MESSAGE_RATE = { perSecond: 50, burst: 200 }
const FRAME_RATE = { perSecond: 60, burst: 240 }

type Words = Readonly<Record<Language, string>>

type About = {
  readonly socket: WebSocket
  readonly channel: Channel
  readonly sessionId: string
  readonly startedAt: number
  readonly language: Language
  /** The device that opened it, where that is known and the session is not its own; else null. */
  readonly familyId?: string | null
  /** A clock that never jumps, ms. */
  readonly monotonic: () => number
  /** Called for each small message that was beyond the rate. */
  readonly onDropped?: () => void
  /** Charges a small message; for how many ms the peer is to be left unread then. */
  readonly onMessage?: () => number
  /** Charges bytes that were good for nothing; for how many ms the peer is to be left unread then. */
  readonly onWaste?: (bytes: number) => number
  /** Called with what ended work on the database that was expected not to fail. */
  readonly onFailure?: (error: unknown) => void
}

/** One admitted socket: bounded sending, throttled complaints, work in order, and whether it is still heard. */
export class Connection {
  readonly channel: Channel
  readonly sessionId: string
  /** Start of the session, ms since the epoch. */
  readonly startedAt: number
  readonly language: Language
  /** Whether the newer protocol was asked for. */
  readonly isV2: boolean
  /** The device that opened it on a session of another one: its logout closes the socket. A device may be renamed. */
  familyId: string | null
  readonly #socket: WebSocket
  readonly #monotonic: () => number
  readonly #about: Pick<About, 'onDropped' | 'onMessage' | 'onWaste' | 'onFailure'>
  readonly #messages: TokenBucket
  readonly #frames: TokenBucket
  /** Whether it has sent a landmarks frame in the present window of its session or in the last. */
  isSending: () => boolean = () => false
  #complainedAt = Number.NEGATIVE_INFINITY
  #unansweredPings = 0
  #work: Promise<void> = Promise.resolve()
  #waitingWork = 0
  #sentWindows: number[] = []

  constructor(about: About) {
    this.#socket = about.socket
    this.isV2 = about.socket.protocol === V2
    this.#monotonic = about.monotonic
    this.#about = about
    this.channel = about.channel
    this.sessionId = about.sessionId
    this.familyId = about.familyId ?? null
    this.startedAt = about.startedAt
    this.language = about.language
    this.#messages = new TokenBucket(MESSAGE_RATE, about.monotonic())
    this.#frames = new TokenBucket(FRAME_RATE, about.monotonic())
  }

  /** Whether another landmarks frame may be looked at. */
  admitsFrame(): boolean {
    return this.#frames.take(this.#monotonic())
  }

  /** Whether another small message, of so many bytes, may be looked at. */
  admitsMessage(bytes: number): boolean {
    if (this.#messages.take(this.#monotonic())) {
      this.#leaveUnread(this.#about.onMessage?.() ?? 0)
      return true
    }
    this.#about.onDropped?.()
    this.wasted(bytes)
    return false
  }

  /** False when the socket is closed or closing: the frame is not on its way. */
  send(frame: ServerFrame): boolean {
    return this.#sendText(JSON.stringify(frame))
  }

  /** Sends a window's answer, once on this socket; false when it is not on its way. */
  sendAnswer(answer: WindowAnswer): boolean {
    if (this.#sentWindows.includes(answer.window)) return true
    if (!this.send(toEmotionUpdate(answer, this.isV2))) return false
    this.#sentWindows = [...this.#sentWindows.slice(1 - REMEMBERED_WINDOWS), answer.window]
    return true
  }

  /** The answer to a client's own ping, on every channel and in every state. */
  pong(): void {
    this.send({ type: 'pong', timestamp: Date.now() })
  }

  /** What has come was good for nothing: beyond a measure the peer is not read for a while. */
  wasted(bytes: number): void {
    this.#leaveUnread(this.#about.onWaste?.(bytes) ?? 0)
  }

  /** Says what is wrong with a message, and charges it. */
  refuse(bytes: number, code: ErrorCode, words?: Words): void {
    this.complain(code, words)
    this.wasted(bytes)
  }

  #leaveUnread(waitMs: number): void {
    if (waitMs < SHORTEST_PAUSE_MS || this.#socket.isPaused) return
    this.#socket.pause()
    setTimeout(() => {
      this.heard() // what it has said meanwhile has not been read
      this.#socket.resume()
    }, waitMs).unref()
  }

  /** Something has come from the peer. */
  heard(): void {
    this.#unansweredPings = 0
  }

  /** A pong of the protocol has come; one that answers no ping is good for nothing. */
  ponged(): void {
    if (this.#unansweredPings === 0) this.wasted(0)
    this.heard()
  }

  /** The protocol's own ping, beside the one that a client's code sees; a peer that answered none of the last is cut off. */
  ping(text: string): void {
    if (this.#socket.isPaused) this.heard()
    // Counted, not timed: after a stall of this process the answers are there and only not read yet.
    if (this.#unansweredPings++ >= MAX_UNANSWERED_PINGS) this.#socket.terminate()
    else if (this.#sendText(text)) this.#socket.ping()
  }

  /** Whether so much work waits for the database that no more is taken. */
  get isBusy(): boolean {
    return this.#waitingWork >= MAX_WAITING_WORK
  }

  /** Carries out what needs the database, one after the other as it was asked for. */
  inOrder(work: () => Promise<void>): void {
    this.#waitingWork++
    this.#work = this.#work
      .then(work)
      .catch((error: unknown) => this.#about.onFailure?.(error))
      .finally(() => this.#waitingWork--)
  }

  /** Says what is wrong, at most once a second. */
  complain(code: ErrorCode, words?: Words): void {
    const now = this.#monotonic()
    if (now - this.#complainedAt < ERROR_EVERY_MS) return
    this.#complainedAt = now
    this.fail(code, undefined, words)
  }

  /** `words` say it more exactly than the code's own sentence. */
  fail(code: ErrorCode, action?: ErrorAction, words?: Words): void {
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

  /** There is no such live session: another one has to be started. */
  rejectSession(code: 'SESSION_NOT_FOUND' | 'SESSION_ENDED'): void {
    this.fail(code, 'new_session')
    this.close(1008, code)
  }

  /** Its device was logged out. */
  logOut(): void {
    this.fail('INVALID_TOKEN', 'stop')
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
