import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

/** A peer of the WebSocket protocol that may break every rule of it, byte by byte (RFC 6455, section 5.2). */

export type Opcode = number
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

type Wire = {
  readonly opcode: Opcode
  readonly payload?: Buffer | string
  /** Whether the message ends here. */
  readonly isLast?: boolean
  readonly reservedBits?: number
  /** Null: not masked, which no client may do. */
  readonly mask?: Buffer | null
  /** With what the payload is really masked, where that is not the mask that is sent. */
  readonly trueMask?: Buffer
  /** A length other than the payload's own. */
  readonly length?: bigint
}

/** One frame as bytes. */
export function wireFrame({
  opcode,
  payload = '',
  isLast = true,
  reservedBits = 0,
  mask = randomBytes(4),
  trueMask = mask ?? undefined,
  length,
}: Wire): Buffer {
  const body = Buffer.from(payload)
  const said = length ?? BigInt(body.length)
  const short = said < 126n ? Number(said) : said < 65_536n ? 126 : 127
  const head = [(isLast ? 0x80 : 0) | (reservedBits << 4) | opcode, (mask === null ? 0 : 0x80) | short]
  const size = Buffer.alloc(short < 126 ? 0 : short === 126 ? 2 : 8)
  if (size.length === 2) size.writeUInt16BE(Number(said))
  else if (size.length === 8) size.writeBigUInt64BE(BigInt.asUintN(64, said))
  if (trueMask !== undefined)
    for (let i = 0; i < body.length; i++) body[i] = (body[i] ?? 0) ^ (trueMask[i % 4] ?? 0)
  return Buffer.concat([Buffer.from(head), size, mask ?? Buffer.alloc(0), body])
}

/** How the server ended it: with a close code, or without a word. */
export type Ending = number | 'cut off'

type Options = {
  /** Answers the protocol's pings, as every honest peer does. */
  readonly isPolite?: boolean
  readonly headers?: Readonly<Record<string, string | null>>
  /** One of this machine's own addresses to come from. */
  readonly from?: string
}

/** The head of a handshake's request; a header given as null is left out. */
export function handshake(url: URL, headers: NonNullable<Options['headers']> = {}): string {
  const all: Record<string, string | null> = {
    Host: url.host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]))
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}

const PATIENCE_MS = 60_000
/** Stands for a close frame without a code (RFC 6455, 7.1.5). */
const NO_CODE = 1005

/** A bare connection to the server, after or before its handshake. */
export class RawPeer {
  readonly socket: Socket
  /** Pongs of the protocol so far. */
  pongs = 0
  /** Messages so far, by their type. */
  readonly seen = new Map<string, number>()
  /** The status of the answer to the handshake; 0 while there is none. */
  status = 0
  readonly #isPolite: boolean
  #rest: Buffer = Buffer.alloc(0)
  #code: number | undefined
  #listeners = new Set<() => void>()

  constructor(url: URL, { from, isPolite = false }: Options = {}) {
    this.#isPolite = isPolite
    this.socket = connect({
      host: url.hostname,
      port: Number(url.port),
      noDelay: true,
      ...(from === undefined ? {} : { localAddress: from }),
    })
    this.socket.on('data', (bytes: Buffer) => this.#read(bytes))
    this.socket.on('error', () => this.socket.destroy()) // a reset is an ending like another
    this.socket.once('close', () => this.#tell())
  }

  /** Connects, shakes hands and waits for the answer. */
  static async open(address: string, options: Options = {}): Promise<RawPeer> {
    const url = new URL(address)
    const peer = new RawPeer(url, options)
    peer.write(handshake(url, options.headers))
    await peer.until(() => peer.status > 0)
    return peer
  }

  /** How it has ended, as far as this peer has been told; undefined while nothing has. */
  get ending(): Ending | undefined {
    return this.#code ?? (this.socket.destroyed ? 'cut off' : undefined)
  }

  write(bytes: Buffer | string): void {
    if (this.socket.writable) this.socket.write(bytes)
  }

  send(wire: Wire): void {
    this.write(wireFrame(wire))
  }

  /** True once `holds`, false when the connection has ended or time is over before. */
  async until(holds: () => boolean, patienceMs = PATIENCE_MS): Promise<boolean> {
    if (holds()) return true
    if (this.socket.destroyed) return false
    return new Promise((resolve) => {
      const finish = (answer: boolean) => {
        clearTimeout(late)
        this.#listeners.delete(look)
        resolve(answer)
      }
      const look = () => {
        if (holds()) finish(true)
        else if (this.socket.destroyed) finish(false)
      }
      const late = setTimeout(() => finish(false), patienceMs)
      this.#listeners.add(look)
    })
  }

  destroy(): void {
    this.socket.destroy()
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  #read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    if (this.status === 0) this.#readHead()
    if (this.status === 101) while (this.#readFrame()) this.#tell()
    this.#tell()
  }

  #readHead(): void {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end < 0) return
    this.status = Number(/^HTTP\/1\.1 (\d{3})/.exec(this.#rest.toString('latin1', 0, end))?.[1] ?? 0)
    this.#rest = this.#rest.subarray(end + 4)
  }

  /** Takes one whole frame of the server off what has come; false when there is none. */
  #readFrame(): boolean {
    const [first = 0, second = 0] = this.#rest
    const extra = second === 127 ? 8 : second === 126 ? 2 : 0
    if (this.#rest.length < 2 + extra) return false
    const length =
      extra === 8 ? Number(this.#rest.readBigUInt64BE(2)) : extra === 2 ? this.#rest.readUInt16BE(2) : second
    if (this.#rest.length < 2 + extra + length) return false
    const payload = this.#rest.subarray(2 + extra, 2 + extra + length)
    this.#rest = this.#rest.subarray(2 + extra + length)
    const opcode = first & 0x0f
    if (opcode === OPCODES.close) this.#leave(payload)
    else if (opcode === OPCODES.pong) this.pongs++
    else if (opcode === OPCODES.ping && this.#isPolite) this.send({ opcode: OPCODES.pong, payload })
    else if (opcode === OPCODES.text) this.#note(payload)
    return true
  }

  #leave(payload: Buffer): void {
    this.#code = payload.length >= 2 ? payload.readUInt16BE(0) : NO_CODE
    if (this.#isPolite) this.socket.end(wireFrame({ opcode: OPCODES.close, payload }))
  }

  #note(payload: Buffer): void {
    const type = /^\{"type":"(\w+)"/.exec(payload.toString('latin1', 0, 64))?.[1] ?? 'something else'
    this.seen.set(type, (this.seen.get(type) ?? 0) + 1)
  }
}
