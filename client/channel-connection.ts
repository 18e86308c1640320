import { type Connectivity, monotonic, type SocketConstructor } from './environment.ts'
import { isCount, type Message } from './frames.ts'
import { backoffMs, classifyLoss, type SocketLoss, type Outcome } from './reconnect.ts'
import { openSocket, type Socket, type SocketTimeouts } from './socket.ts'

export type ReconnectPolicy = SocketTimeouts & {
  /** Time without a connection after which a channel is unreachable; the server abandons a session after as long. */
  readonly giveUpMs: number
  /** Most consecutive attempts within that time. */
  readonly maxTries: number
  /** Upper bound of the first delay; it doubles with each attempt up to `capMs`. */
  readonly baseMs: number
  readonly capMs: number
}

export const DEFAULT_POLICY: ReconnectPolicy = {
  giveUpMs: 600_000,
  maxTries: Number.POSITIVE_INFINITY,
  baseMs: 1000,
  capMs: 10_000,
  connectMs: 10_000,
  heartbeatMs: 10_000,
}

/** Lifetime of a socket after which the attempt counter resets. */
const STABLE_MS = 5000

export type Attempt = { readonly attempt: number; readonly delayMs: number; readonly reason: string }

type Dependencies = {
  readonly WebSocket: SocketConstructor
  readonly connectivity: Connectivity
  readonly policy: ReconnectPolicy
  /** Builds the URL of the next socket, with a ticket when the server issues them. */
  readonly address: (signal: AbortSignal) => Promise<string>
  /** Queries the session's state after a failed handshake, whose status a browser does not expose. */
  readonly checkSession: () => Promise<Outcome>
  readonly onReady: (socket: Socket, greeting: Message) => void
  readonly onMessage: (message: Message) => void
  readonly onInvalid: () => void
  /** The socket was lost; a retry or `onEnd` follows. */
  readonly onLost: () => void
  readonly onRetry: (attempt: Attempt) => void
  /** The channel is closed permanently. */
  readonly onEnd: (outcome: Exclude<Outcome, 'retry'> | 'unreachable', loss: SocketLoss) => void
}

/** Keeps one channel of a session connected: at most one active socket and one replacement being opened. */
export class ChannelConnection {
  readonly #dependencies: Dependencies
  readonly #stopListening: () => void
  #active: Socket | undefined
  #next: Socket | undefined
  /** Incremented by each dial, so that results of an earlier one are ignored. */
  #dials = 0
  #isDialling = false
  #attempts = 0
  #readyAt = Number.POSITIVE_INFINITY
  /** Time of the last connection, initially of the creation. */
  #connectedAt = monotonic()
  #notBefore = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #isClosed = false

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies
    this.#stopListening = dependencies.connectivity.onChange((online) => this.#networkChanged(online))
  }

  get socket(): Socket | undefined {
    return this.#active
  }

  /** Opens a socket; it replaces the active one as soon as it is ready. */
  dial(): void {
    if (this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#next?.close()
    this.#next = undefined
    void this.#open(++this.#dials)
  }

  close(): void {
    this.#isClosed = true
    this.#dials++
    clearTimeout(this.#timer)
    this.#stopListening()
    this.#next?.close()
    this.#active?.close()
    this.#active = this.#next = undefined
  }

  async #open(dial: number): Promise<void> {
    const { address, policy, WebSocket } = this.#dependencies
    this.#isDialling = true
    try {
      const url = await address(AbortSignal.timeout(policy.connectMs))
      if (dial !== this.#dials) return
      const socket = openSocket(url, policy, WebSocket, {
        ready: (ready, greeting) => this.#activate(ready, greeting),
        message: (message) => this.#receive(message),
        invalid: () => this.#dependencies.onInvalid(),
        lost: (loss) => this.#handleLoss(socket, loss),
      })
      this.#next = socket
    } catch (error) {
      if (dial === this.#dials) this.#handleFailure({ code: 1006, reason: String(error), wasReady: false })
    } finally {
      if (dial === this.#dials) this.#isDialling = false
    }
  }

  /** The old socket is closed only after the new one is ready. */
  #activate(socket: Socket, greeting: Message): void {
    const old = this.#active
    this.#active = socket
    this.#next = undefined
    this.#readyAt = monotonic()
    old?.close()
    this.#dependencies.onReady(socket, greeting)
  }

  #receive(message: Message): void {
    const { timeLeftMs, action, retryAfterMs } = message.data
    if (message.type === 'goaway') this.#migrate(isCount(timeLeftMs) ? timeLeftMs : 0)
    if (message.type === 'error' && action === 'reconnect' && isCount(retryAfterMs))
      this.#notBefore = monotonic() + Math.min(retryAfterMs, this.#dependencies.policy.capMs)
    this.#dependencies.onMessage(message)
  }

  /** The server shuts down: reconnect at a random moment within its remaining time, so that clients do not arrive at once. */
  #migrate(timeLeftMs: number): void {
    if (this.#isMoving || this.#isClosed) return
    this.#timer = setTimeout(() => this.dial(), (Math.random() * Math.min(timeLeftMs, 60_000)) / 2)
  }

  get #isMoving(): boolean {
    return this.#next !== undefined || this.#isDialling || this.#timer !== undefined
  }

  #handleLoss(socket: Socket, loss: SocketLoss): void {
    const wasActive = socket === this.#active
    if (wasActive) {
      this.#active = undefined
      this.#connectedAt = monotonic()
      this.#dependencies.onLost()
    } else if (socket === this.#next) this.#next = undefined
    else return
    const outcome = classifyLoss(loss)
    // A replacement socket of this client supersedes the active one.
    const isOwnReplacement = outcome === 'superseded' && this.#isMoving
    if (outcome !== 'retry' && !isOwnReplacement) this.#end(outcome, loss)
    else if (!wasActive || !this.#isMoving) this.#handleFailure(loss)
  }

  #handleFailure(loss: SocketLoss): void {
    if (monotonic() - this.#readyAt > STABLE_MS) this.#attempts = 0
    this.#readyAt = Number.POSITIVE_INFINITY
    if (loss.wasReady || !this.#dependencies.connectivity.isOnline()) this.#retry(loss)
    else void this.#retryUnlessEnded(loss)
  }

  async #retryUnlessEnded(loss: SocketLoss): Promise<void> {
    const dial = this.#dials
    this.#isDialling = true
    const outcome = await this.#dependencies.checkSession()
    if (dial !== this.#dials) return
    this.#isDialling = false
    if (outcome === 'retry') this.#retry(loss)
    else this.#end(outcome, loss)
  }

  #retry(loss: SocketLoss): void {
    const { policy, connectivity, onRetry } = this.#dependencies
    const reason = loss.reason || String(loss.refusal ?? loss.code)
    if (!connectivity.isOnline()) {
      onRetry({ attempt: this.#attempts, delayMs: Number.POSITIVE_INFINITY, reason: 'offline' })
      return
    }
    const isTooLate = this.#attempts >= policy.maxTries || monotonic() - this.#connectedAt >= policy.giveUpMs
    if (isTooLate && this.#active === undefined) {
      this.#end('unreachable', loss)
      return
    }
    const attempt = ++this.#attempts
    const requestedMs = Math.max(0, this.#notBefore - monotonic())
    const delayMs = requestedMs + backoffMs(attempt, policy.baseMs, policy.capMs)
    onRetry({ attempt, delayMs, reason })
    this.#timer = setTimeout(() => this.dial(), delayMs)
  }

  /** A network change usually breaks the connection without a close event: probe it. */
  #networkChanged(online: boolean): void {
    if (this.#isClosed) return
    if (online && this.#active === undefined) {
      this.#attempts = 0
      this.dial()
    } else this.#active?.probe()
  }

  #end(outcome: Exclude<Outcome, 'retry'> | 'unreachable', loss: SocketLoss): void {
    this.close()
    this.#dependencies.onEnd(outcome, loss)
  }
}
