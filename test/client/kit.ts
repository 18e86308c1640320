import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import {
  type Client,
  type ClientOptions,
  createClient,
  memoryTokens,
  type Session,
  type SessionEvents,
} from '../../client/index.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces } from '../helpers/frames.ts'

type Scope = Pick<Test, 'teardown'>

export const [FACE = []] = faces('happy', 1)
/** A camera of twenty images a second. */
const SHUTTER_MS = 50

/** A client of this server, in Node: tokens in memory, sockets of `ws`. */
export const clientOf = (server: string, options: ClientOptions = {}): Client =>
  createClient({ server, tokens: memoryTokens(), WebSocket, ...options })

/** A client with an account of its own. */
export async function signedUp(server: string, options: ClientOptions = {}): Promise<Client> {
  const client = clientOf(server, options)
  const name = randomBytes(6).toString('hex')
  await client.signup({ username: name, email: `${name}@example.com`, password: 'password123' })
  return client
}

/** As the storage that the tabs of a site share. */
export function sharedStorage() {
  const kept = new Map<string, string>()
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
}

export type Told = {
  [Type in keyof SessionEvents]: { readonly type: Type; readonly event: SessionEvents[Type] }
}[keyof SessionEvents]
export const EVENTS = ['emotion', 'status', 'error', 'open', 'reconnecting', 'ended', 'ai'] as const

/** Everything that a session tells, from its first moment; the session is left when the test ends. */
export function watch(t: Scope, session: Session) {
  const told: Told[] = []
  for (const type of EVENTS) session.on(type, (event) => void told.push({ type, event } as Told)) // as its table says
  t.teardown(() => session.close())
  const all = <Type extends keyof SessionEvents>(type: Type) =>
    told.flatMap((one) => (one.type === type ? [one.event as SessionEvents[Type]] : [])) // its own event
  return {
    told,
    all,
    windows: () => all('emotion').map(({ window }) => window),
    /** Waits until it has been told at least `count` times. */
    has: async <Type extends keyof SessionEvents>(type: Type, count = 1): Promise<SessionEvents[Type]> => {
      const found = await eventually(
        () => all(type),
        (events) => events.length >= count,
      )
      const last = found[count - 1]
      if (last === undefined) throw new Error('it was counted wrongly')
      return last
    },
  }
}

/** A face before a camera, until the test ends or it is turned off. */
export function film(t: Scope, session: Session): () => void {
  const shutter = setInterval(() => session.push(FACE, { width: 640, height: 480 }), SHUTTER_MS)
  const off = () => clearInterval(shutter)
  t.teardown(off)
  return off
}

/** An address that stays while the servers behind it change, as a balancer's. */
export async function startSwitchboard(t: Scope, origin: string) {
  let port = Number(new URL(origin).port)
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1')
    const pair = [client, upstream] as const
    pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        pairs.delete(pair)
        for (const other of pair) other.destroy()
      })
    }
    client.pipe(upstream).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const destroy = () => {
    for (const [client, upstream] of pairs) {
      client.destroy()
      upstream.destroy()
    }
  }
  t.teardown(() => {
    destroy()
    server.close()
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listening on TCP
    /** New connections go there. */
    leadTo: (next: string) => {
      port = Number(new URL(next).port)
    },
    /** Everything that is open breaks. */
    cut: destroy,
    /** What is open stays open and carries nothing any more. */
    freeze: () => {
      for (const [client, upstream] of pairs) {
        client.unpipe().pause()
        upstream.unpipe().pause()
      }
    },
  }
}

export type Switchboard = Awaited<ReturnType<typeof startSwitchboard>>

export type FakeSocket = {
  readonly channel: string
  readonly url: string
  readonly received: (string | Buffer)[]
  readonly send: (message: unknown) => void
  readonly raw: WebSocket
}

export type Script = {
  /** What the server does with a socket, after which it is on its own. */
  readonly onSocket: (socket: FakeSocket, all: readonly FakeSocket[]) => void
  /** Status of the handshake instead of a socket. */
  readonly refuse?: (attempt: number, channel: string) => number | undefined
  /** Status of every other request instead of an answer: with the page of a proxy. */
  readonly block?: () => number | undefined
  readonly status?: () => string
  readonly tickets?: boolean
  /** What a browser is shown at its address. */
  readonly page?: string
}

/** What a server would say that is none of ours: for greetings that never come, lies, and refusals on purpose. */
export async function startFake(t: Scope, { onSocket, refuse, block, status, tickets, page }: Script) {
  const sockets: FakeSocket[] = []
  const requests: string[] = []
  let started = 0
  let given = 0
  const server = createHttpServer((request, response) => {
    const line = `${request.method} ${request.url}`
    requests.push(line)
    const answer = (code: number, body: object) => {
      response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const blocked = block?.()
    if (blocked !== undefined)
      response.writeHead(blocked, { 'content-type': 'text/html' }).end('<html>Service unavailable</html>')
    else if (line.endsWith('/start')) {
      const data = { sessionId: `sess_${++started}`, startedAt: Date.now(), status: 'active' }
      answer(201, { success: true, data })
    } else if (line.endsWith('/ticket') && tickets === true)
      answer(201, { success: true, data: { ticket: `ticket-${++given}`, expiresAt: 0 } })
    else if (line.startsWith('GET /api/session/'))
      answer(200, { success: true, data: { status: status?.() ?? 'active', duration: 0 } })
    else if (line === 'GET /' && page !== undefined)
      response.writeHead(200, { 'content-type': 'text/html' }).end(page)
    else answer(404, { success: false, error: { code: 'NOT_FOUND', message: 'nothing here' } })
  })
  const door = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => offered.has('maeum.v2') && 'maeum.v2',
  })
  let attempts = 0
  server.on('upgrade', (request, socket, head) => {
    const refused = refuse?.(attempts++, channelOf(request.url))
    if (refused !== undefined) {
      socket.end(`HTTP/1.1 ${refused} No\r\nconnection: close\r\n\r\n`)
      return
    }
    door.handleUpgrade(request, socket, head, (raw) => {
      const url = request.url ?? ''
      const received: (string | Buffer)[] = []
      const send = (message: unknown) =>
        raw.send(typeof message === 'string' ? message : JSON.stringify(message))
      const one = { channel: channelOf(url), url, received, send, raw }
      raw.on('message', (data: Buffer, isBinary) => received.push(isBinary ? data : data.toString()))
      sockets.push(one)
      onSocket(one, sockets)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const { raw } of sockets) raw.terminate()
    server.closeAllConnections()
    server.close()
  })
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, // listening on TCP
    sockets,
    requests,
  }
}

const channelOf = (url = ''): string => /\/ws\/(\w+)/.exec(url)?.[1] ?? ''

/** As every channel begins. */
export const GREETING = { type: 'connected', data: { analysisInterval: 10_000, maxFrames: 40 } }
export const RATE = { type: 'rate', data: { fps: 20, formats: ['json', 'float32.v1', 'int16.v1'] } }

/** Pauses of a client that need not spare its server. */
export const QUICK = { baseMs: 20, capMs: 100 }

type Manners = {
  readonly resumed?: object
  /** Whether a ping is answered now. */
  readonly answers?: () => boolean
}

/** A server that greets every socket, tells the rate, and answers `resume` as it is told to. */
export const polite =
  ({ resumed = { recovered: true, frame: 0, window: 1 }, answers = () => true }: Manners = {}) =>
  ({ channel, send, raw }: FakeSocket): void => {
    send(GREETING)
    if (channel === 'landmarks') send(RATE)
    raw.on('message', (data: Buffer, isBinary) => {
      if (isBinary) return
      const { type } = JSON.parse(data.toString()) as { type: string } // our own client's
      if (type === 'ping' && answers()) send({ type: 'pong', timestamp: Date.now() })
      if (type === 'resume') send({ type: 'resumed', data: resumed })
    })
  }

/** An answer as a server sends it. */
export const answerTo = (window: number, more: Record<string, unknown> = {}) => ({
  type: 'emotion_update',
  data: {
    ...{ emotion: 'happy', confidence: 0.9, uncertain: false, scores: { happy: 1 } },
    ...{ valence: 0.8, arousal: 0.5, dominance: 0.4, timestamp: 1, frameCount: 40, sttSnippet: '' },
    ...{ source: 'local', model: 'local-1', window, revision: 1, ...more },
  },
})

/** Numbers of the frames that came as text or binary, in order. */
export const numbersOf = ({ received }: FakeSocket): number[] =>
  received.flatMap((message) => {
    if (typeof message !== 'string') return [Number(message.readBigUInt64LE(16))]
    const { type, frame } = JSON.parse(message) as { type: string; frame?: number } // our own client's
    return type === 'landmarks' && frame !== undefined ? [frame] : []
  })
