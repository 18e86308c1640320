import { type Connectivity, monotonic, type SocketConstructor } from './environment.ts'
import { isCount, type Message } from './frames.ts'
import { backoffMs, judge, type Loss, type Verdict } from './verdict.ts'
import { openWire, type Wire, type WireTimes } from './wire.ts'

export type ReconnectPolicy = WireTimes & {
  /** A channel without a connection for so long counts as unreachable; a server ends an abandoned session then. */
  readonly giveUpMs: number
  /** Tries in a row before it does, if fewer are wanted than there is time for. */
  readonly maxTries: number
  /** Bound of the first pause; it doubles with each try up to `capMs`. */
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

/** A socket that lasted this long makes earlier failures forgotten. */
const STABLE_MS = 5000

export type Attempt = { readonly attempt: number; readonly delayMs: number; readonly reason: string }

type Dependencies = {
  readonly WebSocket: SocketConstructor
  readonly connectivity: Connectivity
  readonly policy: ReconnectPolicy
  /** The address of the next socket, with a ticket of its own where the server wants one; given up with the signal. */
  readonly address: (signal: AbortSignal) => Promise<string>
  /** What has become of the session; asked after a failed handshake, whose reason a browser does not tell. */
  readonly ask: () => Promise<Verdict>
  readonly onReady: (wire: Wire, greeting: Message) => void
  readonly onMessage: (message: Message) => void
  readonly onGarbled: () => void
  /** No socket carries the channel now; another one follows, or `onOver`. */
  readonly onLost: () => void
  readonly onRetry: (attempt: Attempt) => void
  /** There will be no further socket. */
  readonly onOver: (verdict: Exclude<Verdict, 'retry'> | 'unreachable', loss: Loss) => void
}

/** One channel of a session through all its sockets: at most one in use and one about to take its place. */
export class Link {
  readonly #with: Dependencies
  readonly #stopListening: () => void
  #active: Wire | undefined
  #next: Wire | undefined
  /** Rises with each dial, so that a late answer to an earlier one is recognised. */
  #dials = 0
  #isDialling = false
  #tries = 0
  #readyAt = Number.POSITIVE_INFINITY
  /** When there was last a connection, or one was first wanted. */
  #connectedAt = monotonic()
  #notBefore = 0
  #pause: ReturnType<typeof setTimeout> | undefined
  #isOver = false

  constructor(dependencies: Dependencies) {
    this.#with = dependencies
    this.#stopListening = dependencies.connectivity.onChange((online) => this.#networkChanged(online))
  }

  get wire(): Wire | undefined {
    return this.#active
  }

  /** Opens the first socket, or another one that replaces the present one as soon as it is ready. */
  dial(): void {
    if (this.#isOver) return
    clearTimeout(this.#pause)
    this.#pause = undefined
    this.#next?.close()
    this.#next = undefined
    void this.#open(++this.#dials)
  }

  close(): void {
    this.#isOver = true
    this.#dials++
    clearTimeout(this.#pause)
    this.#stopListening()
    this.#next?.close()
    this.#active?.close()
    this.#active = this.#next = undefined
  }

  async #open(dial: number): Promise<void> {
    const { address, policy, WebSocket } = this.#with
    this.#isDialling = true
    try {
      const url = await address(AbortSignal.timeout(policy.connectMs))
      if (dial !== this.#dials) return
      const wire = openWire(url, policy, WebSocket, {
        ready: (ready, greeting) => this.#take(ready, greeting),
        message: (message) => this.#hear(message),
        garbled: () => this.#with.onGarbled(),
        lost: (loss) => this.#lose(wire, loss),
      })
      this.#next = wire
    } catch (error) {
      if (dial === this.#dials) this.#fail({ code: 1006, reason: String(error), wasReady: false })
    } finally {
      if (dial === this.#dials) this.#isDialling = false
    }
  }

  /** Make before break: the old socket is left when the new one has been greeted. */
  #take(wire: Wire, greeting: Message): void {
    const old = this.#active
    this.#active = wire
    this.#next = undefined
    this.#readyAt = monotonic()
    old?.close()
    this.#with.onReady(wire, greeting)
  }

  #hear(message: Message): void {
    const { timeLeftMs, action, retryAfterMs } = message.data
    if (message.type === 'goaway') this.#leave(isCount(timeLeftMs) ? timeLeftMs : 0)
    if (message.type === 'error' && action === 'reconnect' && isCount(retryAfterMs))
      this.#notBefore = monotonic() + Math.min(retryAfterMs, this.#with.policy.capMs)
    this.#with.onMessage(message)
  }

  /** The server is about to go: another socket within the time it has left, not all clients in the same moment. */
  #leave(timeLeftMs: number): void {
    if (this.#isMoving || this.#isOver) return
    this.#pause = setTimeout(() => this.dial(), (Math.random() * Math.min(timeLeftMs, 60_000)) / 2)
  }

  get #isMoving(): boolean {
    return this.#next !== undefined || this.#isDialling || this.#pause !== undefined
  }

  #lose(wire: Wire, loss: Loss): void {
    const wasActive = wire === this.#active
    if (wasActive) {
      this.#active = undefined
      this.#connectedAt = monotonic()
      this.#with.onLost()
    } else if (wire === this.#next) this.#next = undefined
    else return
    const verdict = judge(loss)
    // Our own next socket supersedes the one in use.
    const isOurs = verdict === 'superseded' && this.#isMoving
    if (verdict !== 'retry' && !isOurs) this.#end(verdict, loss)
    else if (!wasActive || !this.#isMoving) this.#fail(loss)
  }

  #fail(loss: Loss): void {
    if (monotonic() - this.#readyAt > STABLE_MS) this.#tries = 0
    this.#readyAt = Number.POSITIVE_INFINITY
    if (loss.wasReady || !this.#with.connectivity.isOnline()) this.#retry(loss)
    else void this.#retryUnlessOver(loss)
  }

  async #retryUnlessOver(loss: Loss): Promise<void> {
    const dial = this.#dials
    this.#isDialling = true
    const verdict = await this.#with.ask()
    if (dial !== this.#dials) return
    this.#isDialling = false
    if (verdict === 'retry') this.#retry(loss)
    else this.#end(verdict, loss)
  }

  #retry(loss: Loss): void {
    const { policy, connectivity, onRetry } = this.#with
    const reason = loss.reason || String(loss.refusal ?? loss.code)
    if (!connectivity.isOnline()) {
      onRetry({ attempt: this.#tries, delayMs: Number.POSITIVE_INFINITY, reason: 'offline' })
      return
    }
    const isTooLate = this.#tries >= policy.maxTries || monotonic() - this.#connectedAt >= policy.giveUpMs
    if (isTooLate && this.#active === undefined) {
      this.#end('unreachable', loss)
      return
    }
    const attempt = ++this.#tries
    const asked = Math.max(0, this.#notBefore - monotonic())
    const delayMs = asked + backoffMs(attempt, policy.baseMs, policy.capMs)
    onRetry({ attempt, delayMs, reason })
    this.#pause = setTimeout(() => this.dial(), delayMs)
  }

  /** A connection seldom outlives its network, and seldom says so. */
  #networkChanged(online: boolean): void {
    if (this.#isOver) return
    if (online && this.#active === undefined) {
      this.#tries = 0
      this.dial()
    } else this.#active?.probe()
  }

  #end(verdict: Exclude<Verdict, 'retry'> | 'unreachable', loss: Loss): void {
    this.close()
    this.#with.onOver(verdict, loss)
  }
}
