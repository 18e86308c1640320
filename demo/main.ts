import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, buildApp } from '../src/app.ts'
import { readConfig } from '../src/config/config.ts'
import { createClient } from './client.ts'
import { faceAt, readRecording, type Segment } from './recording.ts'

/**
 * The main use with real input: sign up, log in, start, stream a face for three windows, end, print the stored rows.
 */

const BROWSER_ORIGIN = 'http://localhost:5173'
const SHOWN = ['happy', 'sad', 'surprised']
const WINDOW_MS = 10_000
const FRAMES_A_SECOND = 10
const FRAME_MS = 1000 / FRAMES_A_SECOND
/** Deadline of an update after its window's close. */
const PATIENCE_MS = 10_000

type Update = {
  window: number
  emotion: string
  confidence: number
  valence: number
  arousal: number
  uncertain: boolean
  source: string
  frameCount: number
}

const say = (text = '') => process.stdout.write(`${text}\n`)
const step = (text: string) => say(`· ${text}`)

/** One line that is overwritten on a terminal; otherwise occasional lines. */
function showProgress(sent: number, total: number): void {
  const text = `  streaming  ${'█'.repeat(Math.round((sent / total) * 30)).padEnd(30, '░')}  ${sent}/${total} frames`
  if (process.stdout.isTTY) process.stdout.write(`\r${text}`)
  else if (sent % 50 === 0) say(text)
}

const clearProgress = () => {
  if (process.stdout.isTTY) process.stdout.write('\r\u001b[2K')
}

function describe(update: Update): string {
  const numbers = `confidence ${update.confidence.toFixed(2)}, valence ${update.valence.toFixed(2)}, arousal ${update.arousal.toFixed(2)}`
  const doubt = update.uncertain ? ', uncertain' : ''
  return `window ${update.window}: ${update.emotion.toUpperCase()} (${numbers}${doubt}, ${update.frameCount} frames, ${update.source})`
}

/** Sends each segment's frames through one window of the session's own clock. */
async function stream(segments: readonly Segment[], startedAt: number, send: (frame: string) => void) {
  const total = (segments.length * WINDOW_MS) / FRAME_MS
  for (let number = Math.ceil((Date.now() - startedAt) / FRAME_MS); number < total; number++) {
    const at = number * FRAME_MS
    await sleep(Math.max(0, startedAt + at - Date.now()))
    const segment = segments[Math.floor(at / WINDOW_MS)]
    if (segment === undefined) return
    const data = faceAt(segment, (at % WINDOW_MS) / WINDOW_MS)
    send(JSON.stringify({ type: 'landmarks', data, timestamp: Date.now() }))
    showProgress(number + 1, total)
  }
}

async function showRows(app: App, sessionId: string): Promise<void> {
  const { sql } = app.database
  const tables =
    await sql`select c.relname as name from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1`
  step('rows in the database')
  for (const { name } of tables) {
    const [row] = await sql`select count(*)::int as rows from ${sql(String(name))}`
    say(`    ${String(name).padEnd(18)} ${String(row?.['rows'])}`)
  }
  const windows = await sql`
    select "window", emotion, confidence, source, frames_analysed, frames_received, octet_length(measures) as bytes
    from emotion_windows where session_id = ${sessionId} order by "window"`
  step('emotion_windows of this session (measures of the face, never points)')
  for (const row of windows) {
    say(
      `    #${String(row['window'])} ${String(row['emotion']).padEnd(10)} confidence ${Number(row['confidence']).toFixed(2)}  ${String(row['source'])}  ${String(row['frames_analysed'])} of ${String(row['frames_received'])} frames  ${String(row['bytes'])} bytes of measures`,
    )
  }
}

async function run(app: App): Promise<boolean> {
  const { port } = app.server.address() as AddressInfo // listening on TCP
  const client = createClient(`http://127.0.0.1:${port}`, BROWSER_ORIGIN)
  const segments = SHOWN.map((label) => readRecording().find((segment) => segment.label === label)).filter(
    (s) => s !== undefined,
  )

  const account = {
    email: `demo-${randomBytes(4).toString('hex')}@example.com`,
    password: randomBytes(12).toString('hex'),
  }
  await client.post('/api/auth/signup', { username: `demo ${randomBytes(4).toString('hex')}`, ...account })
  const { accessToken } = await client.post('/api/auth/login', account)
  client.carry(String(accessToken))
  step(`signed up and logged in as ${account.email}`)

  const session = (await client.post('/api/session/start', { userId: 'demo' })) as {
    sessionId: string
    startedAt: number
    wsUrls: { landmarks: string; session: string }
  }
  step(`session ${session.sessionId.slice(0, 12)}… started`)

  const updates: Update[] = []
  const received: ((value: unknown) => void)[] = []
  const all = Promise.all(SHOWN.map(() => new Promise((resolve) => received.push(resolve))))
  const socket = await client.connect(session.wsUrls.landmarks, ({ type, data }) => {
    if (type !== 'emotion_update') return
    const update = data as Update
    updates.push(update)
    clearProgress()
    const played = SHOWN[update.window - 1] ?? 'nothing'
    say(`  ${update.emotion === played ? '✓' : '✗'} ${describe(update)}  — the face showed: ${played}`)
    received[updates.length - 1]?.(undefined)
  })
  step(
    `streaming a recorded face, ${FRAMES_A_SECOND} frames a second, ${SHOWN.length} windows of ${WINDOW_MS / 1000} s`,
  )
  await stream(segments, session.startedAt, (frame) => socket.send(frame))
  await Promise.race([all, sleep(PATIENCE_MS, undefined, { ref: false })])
  clearProgress()

  const closed = once(socket, 'close', { signal: AbortSignal.timeout(PATIENCE_MS) })
  await client.post(`/api/session/${session.sessionId}/end`)
  await closed
  const summary = await client.get(`/api/session/${session.sessionId}/summary`)
  step('session ended; its summary')
  for (const [name, value] of Object.entries(summary)) {
    if (name !== 'sessionId') say(`    ${name.padEnd(18)} ${JSON.stringify(value)}`)
  }
  await showRows(app, session.sessionId)

  const right = SHOWN.filter(
    (label, i) => updates[i]?.emotion === label && updates[i].window === i + 1,
  ).length
  say()
  say(
    right === SHOWN.length
      ? `All ${right} windows came and were read right.`
      : `Only ${right} of ${SHOWN.length} windows came and were read right.`,
  )
  return right === SHOWN.length
}

const dataDir = await mkdtemp(join(tmpdir(), 'maeum-demo-'))
await chmod(dataDir, 0o711) // an embedded Postgres under another user must be able to reach its folder
let app: App | undefined
const tidy = async () => {
  await app?.close()
  await rm(dataDir, { recursive: true, force: true })
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.exitCode = 130
    void tidy()
  })
}
try {
  const begun = Date.now()
  app = await buildApp({
    config: readConfig({ DATA_DIR: dataDir, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'error' }),
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  step(
    `server and embedded database ready after ${((Date.now() - begun) / 1000).toFixed(1)} s: local analyser, no keys`,
  )
  if (!(await run(app))) process.exitCode = 1
} catch (error) {
  if (process.exitCode === undefined) process.exitCode = 1
  process.stderr.write(
    `the demo failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
} finally {
  await tidy()
}
