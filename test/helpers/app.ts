import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import type { LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { type App, buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config/config.ts'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { LOG_SERIALIZERS } from '../../src/http/logging.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'

export const BROWSER_ORIGIN = 'http://localhost:5173'
const PATIENCE_MS = 60_000

type Options = {
  /** Environment variables on top of the test defaults. */
  readonly env?: Readonly<Record<string, string>>
  readonly model?: ModelAnalyser | null
  readonly clock?: Clock
  /** Whether requests are refused while the event loop is overloaded, as it is by a test in the same process. */
  readonly sheds?: boolean
  /** Another server on the same database. */
  readonly database?: TestDatabase
}

export type TestApp = {
  readonly app: App
  readonly database: TestDatabase
  /** `http://127.0.0.1:port`; the server listens on a free port. */
  readonly origin: string
  /** Every log line so far, as written. */
  readonly log: string[]
}

/** The real server on a database of its own, closed when the test ends. */
export async function startTestApp(t: Pick<Test, 'teardown'>, options: Options = {}): Promise<TestApp> {
  const database = options.database ?? (await createTestDatabase(t))
  const config = readConfig({
    NODE_ENV: 'test',
    DATABASE_URL: database.url,
    JWT_SECRET: 'a secret for tests, of more than 32 characters',
    RATE_LIMIT_MAX: '100000',
    ...options.env,
  })
  const log: string[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString())
      done()
    },
  })
  const logger = { level: 'debug', stream, serializers: LOG_SERIALIZERS }
  const app = await buildApp({
    config,
    logger,
    sheds: options.sheds === true,
    ...(options.model === undefined ? {} : { model: options.model }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  })
  t.teardown(() => app.close())
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo // listening on TCP
  return { app, database, origin: `http://127.0.0.1:${port}`, log }
}

export type Account = {
  readonly id: number
  readonly email: string
  readonly password: string
  readonly accessToken: string
  readonly refreshToken: string
}

/** What is answered once the server is not too busy, as it is for a moment after its start on a busy machine. */
const patiently = (request: () => Promise<LightMyRequestResponse>) =>
  eventually(request, ({ statusCode }) => statusCode !== 503)

/** A new account, logged in. */
export async function createAccount({ app }: TestApp): Promise<Account> {
  const password = 'password123'
  const answer = await patiently(() => {
    const name = randomBytes(6).toString('hex')
    const payload = { username: `user ${name}`, email: `${name}@example.com`, password }
    return app.inject({ method: 'POST', url: '/api/auth/signup', payload })
  })
  const { data } = answer.json<{
    data: { user: { id: number; email: string }; accessToken: string; refreshToken: string }
  }>()
  const { user, accessToken, refreshToken } = data
  return { id: user.id, email: user.email, password, accessToken, refreshToken }
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

export type StartedSession = {
  readonly sessionId: string
  readonly startedAt: number
  readonly wsUrls: { readonly landmarks: string; readonly voice: string; readonly session: string }
}

/** A session of the account; its socket addresses lead to this server. */
export async function startSession({ app, origin }: TestApp, account: Account): Promise<StartedSession> {
  const headers = { ...bearer(account.accessToken), host: new URL(origin).host }
  const answer = await patiently(() => app.inject({ method: 'POST', url: '/api/session/start', headers }))
  return answer.json<{ data: StartedSession }>().data
}

export type ServerMessage = {
  readonly type: string
  readonly data: Record<string, unknown>
  readonly timestamp?: number
}

/** A socket as the web client opens it, with everything it has received. */
export type TestSocket = {
  readonly socket: WebSocket
  readonly messages: ServerMessage[]
  /** The first message of this type that has not been taken yet, waited for if need be. */
  readonly next: (type: string) => Promise<ServerMessage>
  readonly send: (message: unknown) => void
  /** How the server closed it. */
  readonly closed: Promise<{ code: number; reason: string }>
}

/**
 * Opens a socket, with a subprotocol where one is asked for; rejects when the handshake is refused, with the HTTP status
 * in the message.
 */
export async function connect(
  t: Pick<Test, 'teardown'>,
  url: string,
  headers: Record<string, string> = {},
  subprotocol?: string,
): Promise<TestSocket> {
  const protocols = subprotocol === undefined ? [] : [subprotocol]
  const socket = new WebSocket(url, protocols, { headers: { origin: BROWSER_ORIGIN, ...headers } })
  const messages: ServerMessage[] = []
  const untaken: ServerMessage[] = []
  const waiting: { type: string; late: NodeJS.Timeout; take: (message: ServerMessage) => void }[] = []
  t.teardown(() => {
    socket.terminate()
    // A message that a test did not need in the end must not keep its process for a minute.
    for (const { late } of waiting) clearTimeout(late)
  })
  socket.on('message', (text: Buffer) => {
    const message = JSON.parse(text.toString()) as ServerMessage // our own server's frames
    messages.push(message)
    const place = waiting.findIndex(({ type }) => type === message.type)
    if (place < 0) untaken.push(message)
    else waiting.splice(place, 1)[0]?.take(message)
  })
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() }))
  })
  await once(socket, 'open', { signal: AbortSignal.timeout(PATIENCE_MS) })
  return {
    socket,
    messages,
    closed,
    send: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: (type) => {
      const place = untaken.findIndex((message) => message.type === type)
      const [ready] = place < 0 ? [] : untaken.splice(place, 1)
      if (ready !== undefined) return Promise.resolve(ready)
      return new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`no ${type} within ${PATIENCE_MS} ms`)), PATIENCE_MS)
        waiting.push({
          ...{ type, late },
          take: (message) => {
            clearTimeout(late)
            resolve(message)
          },
        })
      })
    },
  }
}
