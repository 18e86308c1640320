import { logId } from '../../src/lib/redact.ts'
import type { Test } from 'tap'
import { parseDatabaseUrl } from '../../src/db/url.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'
import { startProcess, temporaryFolder } from './server-process.ts'
import { startTcpProxy, type Upstream } from './tcp-proxy.ts'

export const FLEET_SECRET = 'a secret for tests, of more than 32 characters'

const DEFAULTS = {
  HOST: '127.0.0.1',
  JWT_SECRET: FLEET_SECRET,
  RATE_LIMIT_MAX: '100000',
  DATABASE_POOL_MAX: '5',
}

type Scope = Pick<Test, 'teardown'>
type Environment = Readonly<Record<string, string>>

/** A way to the database that a test can break and mend. */
async function startLine(t: Scope, { socketDir, port: tcpPort, url }: TestDatabase) {
  let upstream: Upstream = tcpPort ?? socketDir
  let proxy = await startTcpProxy(upstream)
  const { port } = proxy
  t.teardown(() => proxy.close())
  return {
    url: `postgres://maeum@127.0.0.1:${port}/${parseDatabaseUrl(url).database}?sslmode=disable`,
    /** Nothing gets through and nobody answers, until it is mended. */
    cut: () => proxy.close(),
    mend: async () => {
      proxy = await startTcpProxy(upstream, port)
    },
    /** Whoever connects from now on reaches the server there. */
    leadTo: (other: Upstream) => {
      upstream = other
      proxy.leadTo(upstream)
    },
    /** What is open stays open and carries nothing any more. */
    freeze: () => proxy.freeze(),
    /** What is open breaks; the next attempt gets through. */
    reset: () => proxy.cut(),
  }
}

/** One process of the server, at the same port through every restart. */
export async function startInstance(t: Scope, database: TestDatabase, env: Environment) {
  const folder = await temporaryFolder(t)
  const line = await startLine(t, database)
  /** Carries the notices of other instances. */
  const noticeLine = await startLine(t, database)
  const settings = { ...DEFAULTS, DATABASE_URL: line.url, DATABASE_DIRECT_URL: noticeLine.url, ...env }
  let server = startProcess(t, folder, settings)
  let leaving = false
  const port = String(await server.listening())
  return {
    origin: `http://127.0.0.1:${port}`,
    line,
    noticeLine,
    /** What the present process has written. */
    get log() {
      return server.output.stdout
    },
    /** Whether the present process has been told to end. */
    get isLeaving() {
      return leaving
    },
    signal(signal: NodeJS.Signals): void {
      leaving ||= signal === 'SIGTERM' || signal === 'SIGKILL'
      server.child.kill(signal)
    },
    /** The exit code of the present process, once it has ended; null when a signal ended it. */
    get ended() {
      return server.ended
    },
    async restart(): Promise<void> {
      server = startProcess(t, folder, { ...settings, PORT: port })
      leaving = false
      await server.listening()
    },
  }
}

export type Instance = Awaited<ReturnType<typeof startInstance>>

/** Several processes of the server on one database, their own unless one is given, with one account. */
export async function startFleet(t: Scope, size: number, env: Environment, own?: TestDatabase) {
  const database = own ?? (await createTestDatabase(t))
  // The first one migrates.
  const first = await startInstance(t, database, env)
  const others = Array.from({ length: size - 1 }, () => startInstance(t, database, env))
  const instances = [first, ...(await Promise.all(others))]

  const ask = async (instance: Instance, method: string, path: string, body?: object) => {
    const answer = await fetch(`${instance.origin}${path}`, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, text: await answer.text() }
  }
  /** Again while the process is too busy for it, as on a busy machine. */
  const call = async (instance: Instance, method: string, path: string, body?: object) => {
    const { status, text } = await eventually(
      () => ask(instance, method, path, body),
      (answer) => answer.status !== 503 || !answer.text.includes('SERVER_BUSY'),
    )
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`)
    return (JSON.parse(text) as { data: Record<string, unknown> }).data // our own server's envelope
  }

  let token = ''
  const account = { username: 'fleet', email: 'fleet@example.com', password: 'password123' }
  token = String((await call(first, 'POST', '/api/auth/signup', account))['accessToken'])

  return {
    database,
    instances,
    get: (instance: Instance, path: string) => call(instance, 'GET', path),
    post: (instance: Instance, path: string) => call(instance, 'POST', path),
    delete: (instance: Instance, path: string) => call(instance, 'DELETE', path),
    /** Live sessions of the account. */
    startSessions: (count: number): Promise<StartedSession[]> =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const { sessionId, startedAt } = await call(
            instances.find(({ isLeaving }) => !isLeaving) ?? first,
            'POST',
            '/api/session/start',
          )
          return { id: String(sessionId), startedAt: Number(startedAt) }
        }),
      ),
    rows: (sessions: readonly Pick<StartedSession, 'id'>[]): Promise<WindowRow[]> =>
      database.sql<WindowRow[]>`
        select session_id as id, "window", epoch, frames_received as frames, stored_at, answered_at, delivered_at, model_outcome as outcome
        from emotion_windows where session_id in ${database.sql(sessions.map(({ id }) => id))}
        order by session_id, "window"`,
  }
}

/** Windows whose answers an instance has sent before their commit: another owner may have had them refused. */
export const uncommittedAnswers = (
  instances: readonly Instance[],
  { id }: Pick<StartedSession, 'id'>,
): number[] =>
  instances.flatMap(({ log }) =>
    log.split('\n').flatMap((line) => {
      if (!line.includes('an answer is sent before its commit')) return []
      const { session, window } = JSON.parse(line) as { session: string; window: number } // our own server's line
      return session === logId(id) ? [window] : []
    }),
  )

export type StartedSession = { readonly id: string; readonly startedAt: number }

/** A stored window; times as the database writes them. */
export type WindowRow = {
  readonly id: string
  readonly window: number
  readonly epoch: number
  readonly frames: number
  readonly stored_at: string
  readonly answered_at: string | null
  readonly delivered_at: string | null
  readonly outcome: string | null
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>
