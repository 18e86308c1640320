import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { EmotionEvent, Session, StatusEvent } from '../../client/index.ts'
import { createClient, memoryTokens } from '../../client/index.ts'
import type { ServerFrame } from '../../src/protocol/channels/frames.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { createScriptedModel, readingOf } from '../helpers/scripted-model.ts'
import { FACE, film, signedUp, watch } from './kit.ts'

const INTERVAL_MS = 500
const QUICK = { baseMs: 50, capMs: 200 }

const database = await createTestDatabase(t)

// Each test has servers of its own and mostly waits for the clock: they wait together.
t.jobs = 4
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true }, check)

const startServer = (t: Test, env: Record<string, string> = {}) =>
  startTestApp(t, { database, model: null, env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), ...env } })

// What the server sends is what the client says it sends: a difference does not compile.
type DataOf<Frame, Type> = Frame extends { readonly type: infer Name; readonly data: infer Data }
  ? Type extends Name
    ? Data
    : never
  : never
type Sent<Type extends ServerFrame['type']> = DataOf<ServerFrame, Type>
const asEmotion = (data: Sent<'emotion_update'>): EmotionEvent => data
const asStatus = (data: Sent<'status_update'>): StatusEvent => data

test('a session from its start to its end', async (t) => {
  t.ok([asEmotion, asStatus])
  const { origin } = await startServer(t)
  const client = await signedUp(origin)
  const session = await client.startSession()
  const seen = watch(t, session)
  film(t, session)
  t.match(await seen.has('emotion', 2), { emotion: 'happy', source: 'local', revision: 1 })
  await session.pause()
  await eventually(
    () => seen.all('status').at(-1)?.status,
    (status) => status === 'paused',
  )
  await session.resume()
  await eventually(
    () => seen.all('status').at(-1)?.status,
    (status) => status === 'active',
  )
  const { status, emotionCount } = await session.end()
  t.equal(status, 'ended')
  t.ok(emotionCount >= 2)
  t.match(await seen.has('ended'), { reason: 'ended', sessionId: session.id })
  t.same(seen.windows(), [...new Set(seen.windows())], 'no window twice')
  t.equal(session.push(FACE), 'closed')
  t.match(await client.call('GET /api/session/:id/summary', { params: { id: session.id } }), {
    status: 'ended',
    dominantEmotion: { emotion: 'happy' },
  })
  t.same(seen.all('error'), [])
})

test('as many frames are sent as the server can use, and all of them count', async (t) => {
  const { origin } = await startServer(t, { ANALYSIS_INTERVAL_MS: '4000', MAX_FRAMES_PER_ANALYSIS: '8' })
  const session = await (await signedUp(origin)).startSession()
  const seen = watch(t, session)
  await seen.has('open', 2)
  film(t, session)
  await seen.has('emotion', 3)
  // The first window began without a camera, and a busy machine may miss a beat.
  const best = Math.max(...seen.all('emotion').map(({ frameCount }) => frameCount))
  t.ok(best >= 7 && best <= 8, `${best} of the 8 that a window has room for`)
  t.ok(session.stats.sent <= 28, `${session.stats.sent} sent in three windows`)
  t.equal(session.stats.dropped, 0)
})

test('what is no face is not sent', async (t) => {
  const { origin } = await startServer(t)
  const session = await (await signedUp(origin)).startSession()
  watch(t, session)
  const errors: unknown[] = []
  session.on('error', (error) => errors.push(error))
  const anything: unknown[] = [
    undefined,
    null,
    7,
    'face',
    {},
    [],
    Array(478),
    Array(478).fill(null),
    Array(478 * 3).fill(0.5),
  ]
  for (const what of [
    ...anything,
    FACE.map(({ x, y }) => ({ x, y })),
    FACE.map((point) => ({ ...point, x: 320 })),
  ])
    t.equal(session.push(what as typeof FACE), 'invalid')
  t.equal(session.push(FACE, null as unknown as undefined), 'taken', 'a size is not needed')
  t.equal(session.stats.invalid, anything.length + 2)
  t.match(errors, [{ code: 'INVALID_FRAME', message: /Float32Array/, retryable: false }])
  t.equal(errors.length, 1, 'told once')
})

test('numbers that are no coordinates are not sent', async (t) => {
  const { origin } = await startServer(t)
  const session = await (await signedUp(origin)).startSession()
  watch(t, session)
  t.equal(session.push(FACE.slice(1)), 'invalid')
  t.equal(session.push(FACE.map((point) => ({ ...point, x: Number.NaN }))), 'invalid')
  t.equal(session.push(new Float32Array(478 * 3).fill(17)), 'invalid')
  t.equal(session.push(FACE, { timestamp: Number.NaN }), 'invalid')
  t.equal(session.push(new Float32Array(478 * 3).fill(0.5), { width: 640, height: 480 }), 'taken')
  t.equal(session.push(FACE), 'skipped', 'the next beat has not come')
})

test('a later answer of a model follows as a second revision', async (t) => {
  const { model, next } = createScriptedModel()
  const env = { ANALYSIS_INTERVAL_MS: '500', ANALYSIS_DEADLINE_MS: '200' }
  const { origin } = await startTestApp(t, { database, model, env })
  const session = await (await signedUp(origin)).startSession()
  const seen = watch(t, session)
  film(t, session)
  const call = await next()
  await seen.has('emotion')
  call.answer(readingOf('sad'))
  const [first, second] = await eventually(
    () => seen.all('emotion').filter(({ window }) => window === seen.windows()[0]),
    (answers) => answers.length === 2,
  )
  t.match(first, { revision: 1, source: 'local' })
  t.match(second, { revision: 2, source: 'gemini', emotion: 'sad' })
})

test('a page that comes back after a reload gets the answers again and goes on', async (t) => {
  const { origin } = await startServer(t)
  const client = await signedUp(origin)
  const before = await client.startSession()
  const seen = watch(t, before)
  film(t, before)
  await seen.has('emotion', 2)
  before.close()
  t.match(await seen.has('ended'), { reason: 'closed' })
  const after = await client.attach(before.id)
  const again = watch(t, after)
  film(t, after)
  await again.has('emotion', 4)
  // The live answer of the moment may come among those before it.
  t.same(
    seen.windows().filter((window) => !again.windows().includes(window)),
    [],
  )
  t.same(again.windows(), [...new Set(again.windows())], 'no window twice')
  await after.end()
  await again.has('ended')
  await t.rejects(client.attach(before.id), { code: 'SESSION_ENDED' })
})

test('a session that another page has taken over is left to it', async (t) => {
  const { origin } = await startServer(t)
  const client = await signedUp(origin)
  const here = await client.startSession({ reconnect: QUICK })
  const seen = watch(t, here)
  await seen.has('open', 2)
  const there = await client.attach(here.id)
  const other = watch(t, there)
  film(t, there)
  t.match(await seen.has('ended'), { reason: 'superseded' })
  await other.has('emotion')
  t.same(other.all('reconnecting'), [])
})

test('a session that ends while it has no socket is over, and no other one begins', async (t) => {
  const { origin } = await startServer(t)
  let letThemIn = (): void => undefined
  const held = new Promise<void>((resolve) => {
    letThemIn = resolve
  })
  const client = await signedUp(origin, {
    // Keeps the first sockets waiting until the session has ended.
    ticket: () => held.then(() => null),
  })
  const session = await client.startSession({ renew: true, reconnect: QUICK })
  const seen = watch(t, session)
  const { id } = session
  await session.end()
  letThemIn()
  t.match(await seen.has('ended'), { reason: 'ended', sessionId: id }, 'whoever ended it wants no other')
})

test('a session that was ended elsewhere is followed by another when one is asked for', async (t) => {
  const server = await startServer(t)
  const client = await signedUp(server.origin)
  const session = await client.startSession({ renew: true, reconnect: QUICK })
  const seen = watch(t, session)
  film(t, session)
  await seen.has('emotion')
  const { id } = session
  // The database forgets it, as after an erasure, and the sockets break.
  await database.sql`delete from emotion_windows where session_id = ${id}`
  await database.sql`delete from sessions where id = ${id}`
  for (const socket of server.app.websocketServer.clients) socket.terminate()
  await eventually(
    () => session.id,
    (now) => now !== id,
  )
  const before = seen.windows().length
  await seen.has('emotion', before + 1)
  t.same(seen.all('ended'), [])
  t.equal(seen.windows().at(before), seen.windows().at(-1))
})

test('the question to the counsellor is answered on the session channel', async (t) => {
  const { origin } = await startServer(t)
  const session = await (await signedUp(origin)).startSession({ channels: ['session'] })
  const seen = watch(t, session)
  t.notOk(session.ask('too early'))
  await seen.has('open')
  t.ok(session.ask('How are you?', 'happy'))
  const answer = await seen.has('ai')
  t.ok(['begin', 'error'].includes(answer.type))
  await session.end()
  t.match(await seen.has('ended'), { reason: 'ended' })
})

test('with the landmarks channel alone the status is told as well', async (t) => {
  const { origin } = await startServer(t)
  const session = await (await signedUp(origin)).startSession({ channels: ['landmarks'] })
  const seen = watch(t, session)
  await seen.has('open')
  await session.pause()
  t.match(await seen.has('status'), { status: 'paused' })
  await session.end()
  await seen.has('ended')
})

test('the example of the document works as it stands', async (t) => {
  const { origin } = await startServer(t)
  const name = 'haneul@example.com'
  await (await signedUp(origin)).call('POST /api/auth/signup', {
    body: { username: 'haneul', email: name, password: 'password123' },
  })
  const text = readFileSync(new URL('../../docs/client.md', import.meta.url), 'utf8')
  const example = /```js\n(import[\s\S]+?)```/.exec(text)?.[1] ?? ''
  const [first = '', ...lines] = example.trim().split('\n')
  t.match(first, "from 'maeum/client'")
  t.equal(lines.length, 5)
  const body = lines.join('\n')
  // Beside the import, what the page around it has: its server's address, a place to show things, a camera.
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the document's own text is what is tested
  const run = new Function(
    'createClient',
    'show',
    'onFace',
    `return (async () => { ${body}\n return session })()`,
  ) as (...page: unknown[]) => Promise<Session>
  const shown: unknown[] = []
  let timer: ReturnType<typeof setInterval> | undefined
  t.teardown(() => clearInterval(timer))
  const inNode = (options: object) =>
    createClient({ ...options, server: origin, tokens: memoryTokens(), WebSocket })
  const session = await run(
    inNode,
    (...what: unknown[]) => shown.push(what),
    (listener: (...args: unknown[]) => void) => {
      timer = setInterval(() => listener(FACE, 640, 480), 50)
    },
  )
  t.teardown(() => session.close())
  const [told] = await eventually(
    () => shown,
    (list) => list.length > 0,
  )
  t.match(told, ['happy', Number])
})
