import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { binaryMessages, landmarksMessages, toNumberedWire, toWire } from './frames.ts'

/** A received `emotion_update`. */
export type Update = {
  /** Number of the socket. */
  readonly socket: number
  readonly window: number
  /** Arrival, ms since the epoch. */
  readonly at: number
  /** Ms from the window's close to the arrival, by this machine's clock. */
  readonly lateMs: number
}

export type Load = {
  /** How many of the sockets send; the others are idle. */
  readonly sockets: number
  readonly framesPerSecond: number
  /** JSON pings, alternating between the sending sockets. */
  readonly pingsPerSecond: number
  readonly ms: number
  /** Sends binary frames, to sockets of `maeum.v2`. */
  readonly isBinary?: boolean
  /** Stops early when so many pings were not answered within `withinMs` that the bound cannot be met. */
  readonly giveUp?: { readonly withinMs: number; readonly share: number }
}

export type Streamed = {
  readonly framesDue: number
  /** Frames that were not sent because their socket had much unsent data: the server does not keep up. */
  readonly framesSent: number
  /** Round trips in ms; an unanswered ping counts as the duration of the whole stream. */
  readonly pings: readonly number[]
  /** CPU share of the load on its core, 0 to 1. */
  readonly loadBusy: number
  readonly gaveUp: boolean
}

/** One client and its URLs. A lost socket is replaced by one to the next URL. */
export type Client = {
  readonly urls: readonly string[]
  /** False if the server sends no first message. */
  readonly greeted?: boolean
  readonly protocol?: 'maeum.v2'
}

const HANDSHAKES_AT_ONCE = 8
const HANDSHAKE_DEADLINE_MS = 15_000
/** Pause after a refusal. */
const RETRY_MS = 50
const TICK_MS = 2
/** How often the early stop is checked. */
const LOOK_MS = 250
const MESSAGES = 64
const MOST_UNSENT_BYTES = 4 * 1024 * 1024
const ANSWER_MS = 1000
const PONG = Buffer.from('{"type":"pong"')
const UPDATE = Buffer.from('{"type":"emotion_update"')

const startsWith = (bytes: Buffer, start: Buffer) => bytes.subarray(0, start.length).equals(start)

/** Number of windows without an update between the first and the last update of each socket. */
export function missingWindows(updates: readonly Update[]): number {
  const bySocket = new Map<number, Set<number>>()
  for (const { socket, window } of updates) {
    bySocket.set(socket, (bySocket.get(socket) ?? new Set()).add(window))
  }
  let missing = 0
  for (const windows of bySocket.values()) {
    missing += Math.max(...windows) - Math.min(...windows) + 1 - windows.size
  }
  return missing
}

/** Many sockets in one process that send frames and pings like web clients. */
export class Fleet {
  readonly updates: Update[] = []
  /** Lost sockets that were replaced. */
  lost = 0
  #closed = false
  readonly #sockets: WebSocket[] = []
  /**
   * The TCP socket of each WebSocket. Masked frames are written directly, because masking each would dominate the load.
   */
  readonly #wires: Socket[] = []
  readonly #frames = landmarksMessages(MESSAGES).map(toWire)
  readonly #binary = binaryMessages(MESSAGES)
  /** Of binary frames: increases over all streams. */
  #number = 0
  /** Send times of the unanswered pings of each socket; answers arrive in order. */
  readonly #asked: number[][] = []
  #roundTrips: number[] = []

  get size(): number {
    return this.#sockets.length
  }

  /** Opens a socket for each URL and waits for the server's first message, if any. */
  async join(urls: readonly string[], greeted = true): Promise<void> {
    await this.joinAs(urls.map((url) => ({ urls: [url], greeted })))
  }

  async joinAs(clients: readonly Client[]): Promise<void> {
    for (let i = 0; i < clients.length; i += HANDSHAKES_AT_ONCE) {
      await Promise.all(clients.slice(i, i + HANDSHAKES_AT_ONCE).map((client) => this.#open(client)))
    }
  }

  async stream({ sockets, framesPerSecond, pingsPerSecond, ms, isBinary, giveUp }: Load): Promise<Streamed> {
    const tooMany = giveUp === undefined ? 0 : (giveUp.share * pingsPerSecond * ms) / 1000
    const cpu = process.cpuUsage()
    const start = performance.now()
    this.#roundTrips = []
    const count = { due: 0, sent: 0, pings: 0, looks: 0 }
    let gaveUp = false
    for (let passed = 0; passed < ms && !gaveUp; passed = performance.now() - start) {
      for (const due = (passed / 1000) * framesPerSecond * sockets; count.due < due; count.due++) {
        if (this.#sendFrame(count.due % sockets, this.#frameOf(count.due, isBinary === true))) count.sent++
      }
      for (; count.pings < (passed / 1000) * pingsPerSecond; count.pings++) this.#ping(count.pings % sockets)
      if (giveUp !== undefined && passed > count.looks * LOOK_MS) {
        count.looks++
        gaveUp = this.#slow(giveUp.withinMs) > tooMany
      }
      await sleep(TICK_MS)
    }
    const { user, system } = process.cpuUsage(cpu)
    const loadBusy = (user + system) / 1000 / (performance.now() - start)
    if (!gaveUp) await this.#answered(ANSWER_MS)
    const missing = new Array<number>(this.#unanswered()).fill(ms)
    const pings = [...this.#roundTrips, ...missing]
    return { framesDue: count.due, framesSent: count.sent, pings, loadBusy, gaveUp }
  }

  /** Waits until the servers have read all sent data; rejects after `deadlineMs`. */
  async settle(deadlineMs: number): Promise<void> {
    for (let i = 0; i < this.#sockets.length; i++) this.#ping(i)
    if (!(await this.#answered(deadlineMs))) throw new Error('the server did not work off its backlog')
  }

  /** Cuts the connections of these sockets; their clients replace them. */
  cut(numbers: readonly number[]): void {
    for (const number of numbers) this.#sockets[number]?.terminate()
  }

  close(): void {
    this.#closed = true
    for (const socket of this.#sockets) socket.terminate()
  }

  async #open(client: Client): Promise<void> {
    const number = this.#asked.push([]) - 1
    await once(this.#dial(number, client, 0), client.greeted === false ? 'open' : 'message', {
      signal: AbortSignal.timeout(HANDSHAKE_DEADLINE_MS),
    })
  }

  #dial(number: number, client: Client, turn: number): WebSocket {
    const url = client.urls[turn % client.urls.length] ?? ''
    const { hostname, port } = new URL(url)
    const wire = connect({ host: hostname, port: Number(port), noDelay: true })
    const socket = new WebSocket(url, client.protocol === undefined ? [] : [client.protocol], {
      perMessageDeflate: false,
      createConnection: () => wire,
    })
    this.#wires[number] = wire
    this.#sockets[number] = socket
    socket.on('message', (bytes: Buffer) => this.#receive(number, bytes))
    socket.on('error', () => socket.terminate()) // a lost socket shows as pings without an answer
    if (client.urls.length > 1) this.#replaceWhenLost(socket, () => this.#dial(number, client, turn + 1))
    return socket
  }

  /** Reconnects immediately, like the web client, or after a pause if refused. */
  #replaceWhenLost(socket: WebSocket, dial: () => WebSocket): void {
    let pauseMs = RETRY_MS
    socket.once('open', () => {
      pauseMs = 0
    })
    socket.once('close', () => {
      if (pauseMs === 0) this.lost++
      setTimeout(() => {
        if (!this.#closed) dial()
      }, pauseMs)
    })
  }

  #frameOf(place: number, isBinary: boolean): Buffer | undefined {
    const message = this.#binary[place % MESSAGES]
    if (!isBinary) return this.#frames[place % MESSAGES]
    return message && toNumberedWire(message, ++this.#number)
  }

  #sendFrame(number: number, frame: Buffer | undefined): boolean {
    const wire = this.#wires[number]
    const isOpen = this.#sockets[number]?.readyState === WebSocket.OPEN && wire?.writable === true
    if (!isOpen || frame === undefined || wire.writableLength > MOST_UNSENT_BYTES) return false
    wire.write(frame)
    return true
  }

  #ping(number: number): void {
    this.#asked[number]?.push(performance.now())
    const socket = this.#sockets[number]
    if (socket?.readyState === WebSocket.OPEN) socket.send(`{"type":"ping","timestamp":${Date.now()}}`)
  }

  #receive(number: number, bytes: Buffer): void {
    if (startsWith(bytes, PONG)) {
      const sentAt = this.#asked[number]?.shift()
      if (sentAt !== undefined) this.#roundTrips.push(performance.now() - sentAt)
    } else if (startsWith(bytes, UPDATE)) {
      const at = Date.now()
      const { data } = JSON.parse(bytes.toString()) as { data: { window: number; timestamp: number } }
      this.updates.push({ socket: number, window: data.window, at, lateMs: at - data.timestamp })
    }
  }

  /** Counts pings that were answered late or are overdue. */
  #slow(withinMs: number): number {
    const late = this.#roundTrips.filter((roundTrip) => roundTrip > withinMs).length
    const overdueSince = performance.now() - withinMs
    return late + this.#asked.reduce((sum, sent) => sum + sent.filter((at) => at < overdueSince).length, 0)
  }

  #unanswered(): number {
    return this.#asked.reduce((sum, sent) => sum + sent.length, 0)
  }

  async #answered(deadlineMs: number): Promise<boolean> {
    const deadline = performance.now() + deadlineMs
    while (this.#unanswered() > 0 && performance.now() < deadline) await sleep(10)
    return this.#unanswered() === 0
  }
}
