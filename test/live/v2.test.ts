import t, { type Test } from 'tap'
import { encodeBinary } from '../../client/encode.ts'
import { copyPoints } from '../../client/points.ts'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import { film, signedUp, watch } from '../client/kit.ts'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frameOf, frames } from '../helpers/frames.ts'
import { holdTable } from '../helpers/hold-table.ts'
import { createScriptedModel, readingOf } from '../helpers/scripted-model.ts'
import { createTestClock, type TestClock } from '../helpers/test-clock.ts'

const V2 = 'maeum.v2'
const INTERVAL_MS = 10_000

const database = await createTestDatabase(t)

// Each test has servers of its own and mostly waits for the clock: they wait together.
t.jobs = 4
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true }, check)

type Setting = {
  model?: ModelAnalyser | null
  env?: Record<string, string>
  clock?: TestClock
  /** Not the one that all servers of this file share. */
  own?: TestDatabase
}

const startServer = (t: Test, { model = null, env = {}, clock, own }: Setting = {}) =>
  startTestApp(t, {
    database: own ?? database,
    model,
    env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), ...env },
    ...(clock === undefined ? {} : { clock }),
  })

/**
 * A server with one session; from its start on the test moves the clock. The instance knows the session's start up to the
 * time of its claim, so the test begins in the middle of the first window.
 */
async function live(t: Test, setting: Setting = {}) {
  const clock = createTestClock()
  const server = await startServer(t, { ...setting, clock })
  const account = await createAccount(server)
  const session = await startSession(server, account)
  clock.hold()
  clock.advance(INTERVAL_MS / 2)
  const open = (subprotocol?: string) => openOn(t, server, session, subprotocol)
  /** These frames are all that there is of the open window, which closes. */
  const fill = async (socket: TestSocket, texts: readonly string[]): Promise<void> => {
    await sendAndRead(socket, texts)
    clock.advance(INTERVAL_MS)
  }
  return { server, account, session, open, fill, clock, post: poster(server, account, session) }
}

type Live = Awaited<ReturnType<typeof live>>

/** A landmarks socket of the session on this server. */
const openOn = (t: Test, { origin }: TestApp, { sessionId }: StartedSession, subprotocol?: string) =>
  connect(t, `${origin.replace('http', 'ws')}/ws/landmarks/${sessionId}`, {}, subprotocol)

const poster =
  ({ app }: TestApp, account: Account, { sessionId }: StartedSession) =>
  (word: string) =>
    app.inject({
      method: 'POST',
      url: `/api/session/${sessionId}/${word}`,
      headers: bearer(account.accessToken),
    })

const [FACE = []] = faces('happy', 1)

/** Numbered frames, the number after the points as the client's other fields are. */
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => frameOf(FACE, { frame: from + i }))

const sendAll = ({ send }: TestSocket, texts: readonly string[]) => {
  for (const text of texts) send(text)
}

/** Resolves when the server has read everything that was sent before. */
async function read({ send, next }: TestSocket): Promise<void> {
  send({ type: 'ping' })
  await next('pong')
}

const sendAndRead = async (socket: TestSocket, texts: readonly string[]) => {
  sendAll(socket, texts)
  await read(socket)
}

const dataOf = ({ messages }: TestSocket, type: string) =>
  messages.filter((message) => message.type === type).map(({ data }) => data)

const windowsOn = (socket: TestSocket) => dataOf(socket, 'emotion_update').map(({ window }) => window)

const storedWindows = ({ sessionId }: StartedSession) =>
  database.sql`select * from emotion_windows where session_id = ${sessionId} order by "window"`

const landmarkCount = async ({ sessionId }: StartedSession): Promise<number> => {
  const [row] = await database.sql`select landmark_count from sessions where id = ${sessionId}`
  return Number(row?.['landmark_count'])
}

const UPDATE_KEYS = [
  'arousal',
  'confidence',
  'dominance',
  'emotion',
  'frameCount',
  'model',
  'scores',
  'source',
  'sttSnippet',
  'timestamp',
  'uncertain',
  'valence',
  'window',
]

/** Every message that a client of the older protocol knows, with the names of its fields. */
const LEGACY_FIELDS: Readonly<Record<string, readonly string[]>> = {
  connected: ['analysisInterval', 'channel', 'maxFrames', 'message', 'sessionId'],
  ping: ['ts'],
  pong: [],
  analysis_started: ['frameCount', 'timestamp', 'window'],
  emotion_update: UPDATE_KEYS,
  session_paused: ['timestamp'],
  session_resumed: ['timestamp'],
  session_ended: ['duration', 'timestamp'],
  error: ['code', 'message', 'timestamp'],
}

test('a client of v2 gets a greeting, the rate and revisions', async (t) => {
  const { open, fill } = await live(t)
  const socket = await open(V2)
  t.equal(socket.socket.protocol, V2)
  await socket.next('rate')
  t.same(
    socket.messages.map(({ type }) => type),
    ['connected', 'rate'],
  )
  t.same(
    dataOf(socket, 'rate'),
    [{ fps: 4, formats: ['json', 'float32.v1', 'int16.v1'] }],
    '40 frames in 10 s',
  )
  t.same(Object.keys(dataOf(socket, 'connected')[0] ?? {}).sort(), LEGACY_FIELDS['connected'])
  await fill(socket, frames('happy', 10))
  const { data } = await socket.next('emotion_update')
  t.same(Object.keys(data).sort(), [...UPDATE_KEYS, 'revision'].sort())
  t.match(data, { revision: 1, emotion: 'happy' })
})

test('a late answer of the model comes as revision 2 of its window and changes no row', async (t) => {
  const { model, next } = createScriptedModel()
  const { open, session, fill } = await live(t, { model, env: { ANALYSIS_DEADLINE_MS: '100' } })
  const socket = await open(V2)
  await fill(socket, frames('happy', 20))
  const call = await next()
  const first = (await socket.next('emotion_update')).data
  t.match(first, { revision: 1, emotion: 'happy' })
  const { window } = first
  const reading = readingOf('angry')
  call.answer(reading)
  const { data } = await socket.next('emotion_update')
  t.match(data, { ...reading, window, revision: 2, source: 'gemini', model: 'scripted-1' })
  const rows = await eventually(
    () => storedWindows(session),
    ([row]) => row !== undefined && row['refined_emotion'] !== null,
  )
  t.match(rows, [
    {
      window,
      emotion: 'happy',
      source: 'local',
      model_outcome: 'timed_out',
      refined_emotion: 'angry',
      refined_confidence: reading.confidence,
      refined_model: 'scripted-1',
    },
  ])
})

test('a socket of the older protocol sees nothing of the newer', async (t) => {
  const { model, next } = createScriptedModel()
  const env = { ANALYSIS_DEADLINE_MS: '100', WS_PING_INTERVAL_MS: '300' }
  const { open, session, post, server, fill } = await live(t, { model, env })
  const socket = await open()
  t.equal(socket.socket.protocol, '')
  await fill(socket, numbered(1, 20))
  const call = await next()
  await socket.next('emotion_update')
  call.answer(readingOf('angry'))
  await eventually(
    () => storedWindows(session),
    ([row]) => row?.['refined_emotion'] === 'angry',
  )
  await sendAndRead(socket, [frameOf([])])
  await post('pause')
  await socket.next('session_paused')
  await fill(socket, frames('happy', 2))
  await eventually(
    () => landmarkCount(session),
    (count) => count === 23, // the windows of the invalid and of the paused frames have closed
  )
  await post('resume')
  await socket.next('session_resumed')
  await socket.next('ping')
  const other = await startSession(server, await createAccount(server))
  const going = await openOn(t, server, other)
  await post('end')
  await socket.closed
  await server.app.close()
  t.match(await going.closed, { code: 1001 })
  const seen = [...socket.messages, ...going.messages]
  for (const message of seen) {
    const payload = 'data' in message ? message.data : {} // a pong has none
    t.same(Object.keys(payload).sort(), LEGACY_FIELDS[message.type], `${message.type} has no other fields`)
  }
  t.same([...new Set(seen.map(({ type }) => type))].sort(), Object.keys(LEGACY_FIELDS).sort())
  t.same(windowsOn(socket), [1], 'one update for the one window')
})

test('a socket of the older protocol is asked for nothing new: what it asks for is an error', async (t) => {
  const { open } = await live(t)
  const socket = await open()
  socket.send({ type: 'resume', window: 0, frame: 0 })
  const { data } = await socket.next('error')
  t.equal(data['code'], 'INVALID_MESSAGE')
  t.same(Object.keys(data).sort(), LEGACY_FIELDS['error'])
  t.same(dataOf(socket, 'resumed'), [])
})

test('a window without a valid frame, or while paused, is announced as skipped', async (t) => {
  const { open, session, post, fill } = await live(t)
  const socket = await open(V2)
  await fill(socket, [frameOf([]), frameOf([])])
  const first = await socket.next('analysis_skipped')
  t.match(first.data, { window: 1, reason: 'no_valid_frame' })
  t.same(Object.keys(first.data).sort(), ['reason', 'window'])
  await post('pause')
  await socket.next('session_paused')
  await fill(socket, frames('happy', 3))
  const second = await socket.next('analysis_skipped')
  t.match(second.data, { window: 2, reason: 'paused' })
  await post('resume')
  await fill(socket, frames('happy', 3))
  const { data } = await socket.next('emotion_update')
  t.match(data, { window: 3 })
  await eventually(
    () => storedWindows(session),
    (rows) => rows.length > 0,
  )
  t.equal((await storedWindows(session)).length, 1)
  t.equal(dataOf(socket, 'analysis_skipped').length, 2)
})

test('a frame that is sent again is dropped and counted once', async (t) => {
  const { open, session, post } = await live(t)
  const socket = await open(V2)
  const before = (frame: number) => JSON.stringify({ type: 'landmarks', frame, timestamp: 1, data: FACE })
  const first = (frame: number) => JSON.stringify({ frame, type: 'landmarks', data: FACE, timestamp: 1 })
  await sendAndRead(socket, [
    ...numbered(1, 5),
    ...numbered(3, 5),
    before(5),
    first(4),
    before(6),
    before(6),
    first(7),
    frameOf(FACE, { frame: 7, width: 640, height: 480 }),
    frameOf(FACE, { width: 640, height: 480, frame: 8 }),
    frameOf(FACE), // without a number: never one of those sent again
    frameOf(FACE),
  ])
  await post('end')
  await socket.closed
  t.match(dataOf(socket, 'emotion_update'), [{ frameCount: 10 }])
  t.notOk(socket.messages.some(({ type }) => type === 'error'))
  await eventually(
    () => landmarkCount(session),
    (count) => count > 0,
  )
  t.equal(await landmarkCount(session), 10)
})

test('what an older socket has sent is not sent twice by the next', async (t) => {
  const { open, session, post } = await live(t)
  await sendAndRead(await open(V2), numbered(1, 6))
  const socket = await open(V2)
  await sendAndRead(socket, numbered(4, 9))
  await post('end')
  await socket.closed
  t.match(dataOf(socket, 'emotion_update'), [{ frameCount: 9 }])
  await eventually(
    () => landmarkCount(session),
    (count) => count === 9,
  )
})

test('coming back to the same process: nothing is lost and results are sent again in order', async (t) => {
  const { open, fill } = await live(t)
  const socket = await open(V2)
  for (const [from, to] of [
    [1, 10],
    [11, 20],
    [21, 30],
  ] as const) {
    await fill(socket, numbered(from, to))
    await socket.next('emotion_update')
  }
  const windows = windowsOn(socket)
  t.same(windows, [1, 2, 3])
  socket.socket.terminate()

  const again = await open(V2)
  again.send({ type: 'resume', window: 0, frame: 30 })
  const { data } = await again.next('resumed')
  t.same(data, { recovered: true, frame: 30, window: 4 })
  for (const window of windows) t.match((await again.next('emotion_update')).data, { window, revision: 1 })

  again.send({ type: 'resume', data: { window: windows[0], frame: 30 } })
  t.match((await again.next('resumed')).data, { recovered: true, frame: 30 })
  await fill(again, numbered(31, 40))
  await again.next('emotion_update')
  t.same(windowsOn(again).slice(0, 3), windows, 'each once on this socket')
  t.equal(windowsOn(again).length, 4)

  const third = await open(V2)
  third.send({ type: 'resume', data: { window: windows[1], frame: 40 } })
  await third.next('resumed')
  await third.next('emotion_update')
  await third.next('emotion_update')
  t.same(windowsOn(third), windowsOn(again).slice(2), 'what comes after the window that the client has')
})

test('a resume also sends answers that are not committed yet', async (t) => {
  const { open, fill, server, session } = await live(t, { own: await createTestDatabase(t) })
  const socket = await open(V2)
  const letGo = await holdTable(server, 'emotion_windows')
  for (const [from, to] of [
    [1, 10],
    [11, 20],
  ] as const) {
    await fill(socket, numbered(from, to))
    await socket.next('emotion_update')
  }
  socket.socket.terminate()
  const again = await open(V2)
  again.send({ type: 'resume', window: 1, frame: 20 })
  t.match((await again.next('emotion_update')).data, { window: 2 })
  again.send({ type: 'resume', window: 0, frame: 20 })
  t.match((await again.next('emotion_update')).data, { window: 1 })
  const { sql } = server.database
  t.same(await sql`select from emotion_windows where session_id = ${session.sessionId}`, [])
  letGo()
})

test('a resume that says nothing asks for everything', async (t) => {
  const { open, fill } = await live(t)
  const socket = await open(V2)
  await fill(socket, numbered(1, 10))
  const { data: update } = await socket.next('emotion_update')
  for (const nothing of [{}, { data: null }, { data: { window: -1, frame: 'x' } }, { window: 0.5 }]) {
    const again = await open(V2)
    again.send({ type: 'resume', ...nothing })
    t.match((await again.next('resumed')).data, { recovered: true, frame: 10 })
    t.same((await again.next('emotion_update')).data, update)
  }
})

/** Two processes have one clock, the database's: what they do falls into the first window. */
const SLOW = { env: { ANALYSIS_INTERVAL_MS: '60000' } }

test('another process that takes over tells of the gap, and takes what is sent again', async (t) => {
  const { open, session, server, account } = await live(t, SLOW)
  const old = await open(V2)
  await sendAndRead(old, numbered(1, 12))
  const second = await startServer(t, SLOW)
  const socket = await openOn(t, second, session, V2)
  t.match(await old.closed, { code: 4001 }, 'the socket on the first is closed')
  socket.send({ type: 'resume', window: 0, frame: 12 })
  const { data } = await socket.next('resumed')
  t.match(data, { recovered: false, frame: 0, window: 1 })
  await sendAndRead(socket, [...numbered(1, 12), ...numbered(10, 14)])
  await poster(second, account, session)('end')
  await socket.closed
  t.match(dataOf(socket, 'emotion_update'), [{ window: 1, frameCount: 14 }])
  await eventually(
    () => landmarkCount(session),
    (count) => count === 14,
  )
  t.equal((await storedWindows(session)).length, 1)
  await server.app.close()
  t.equal((await storedWindows(session)).length, 1, 'the first has stored nothing of it')
})

test('a process that goes away in order leaves no gap', async (t) => {
  const { open, session, server, account } = await live(t, SLOW)
  const old = await open(V2)
  await sendAndRead(old, numbered(1, 12))
  await server.app.close()
  t.match(await old.closed, { code: 1001 })
  t.match(dataOf(old, 'goaway'), [{ timeLeftMs: Number }])
  t.same(windowsOn(old), [1], 'its open window is answered early')
  const second = await startServer(t, SLOW)
  const posts = poster(second, account, session)
  const socket = await openOn(t, second, session, V2)
  socket.send({ type: 'resume', window: 0, frame: 12 })
  t.match((await socket.next('resumed')).data, { recovered: true, frame: 12, window: 1 })
  t.match((await socket.next('emotion_update')).data, { window: 1, frameCount: 12 })
  await sendAndRead(socket, [...numbered(8, 12), ...numbered(13, 15)])
  socket.send({ type: 'resume', window: 1, frame: 99 })
  t.match((await socket.next('resumed')).data, { frame: 15 }, 'from here on what has come counts')
  await posts('end')
  await socket.closed
  await eventually(
    () => landmarkCount(session),
    (count) => count === 15,
  )
})

test('a newer socket closes an older one of the newer protocol and leaves one of the older open', async (t) => {
  const { open, fill } = await live(t)
  const legacy = await open()
  const first = await open(V2)
  const second = await open(V2)
  t.same(await first.closed, { code: 4001, reason: 'SUPERSEDED' })
  const third = await open()
  t.same(await second.closed, { code: 4001, reason: 'SUPERSEDED' })
  for (const socket of [legacy, third]) await read(socket)
  await fill(third, frames('happy', 5))
  await third.next('emotion_update')
  t.same(windowsOn(legacy), [])
})

for (const subprotocol of [undefined, V2]) {
  const name = subprotocol ?? 'the older protocol'

  test(`results that found no socket come on the next, in order (${name})`, async (t) => {
    const { model, next } = createScriptedModel()
    const { open, session, fill } = await live(t, { model })
    await leaveTwoWindows(await open(subprotocol), fill, next)
    await eventually(
      () => storedWindows(session),
      (rows) => rows.length === 2 && rows.every((row) => row['answered_at'] !== null),
    )
    const again = await open(subprotocol)
    await again.next('emotion_update')
    await again.next('emotion_update')
    t.match(dataOf(again, 'emotion_update'), [
      { window: 1, emotion: 'angry' },
      { window: 2, emotion: 'happy', source: 'local' },
    ])
    t.equal(again.messages[0]?.type, 'connected')
    const third = await open(subprotocol)
    await read(third)
    t.same(windowsOn(third), [], 'and are delivered once')
  })

  test(`also after the process was closed and another took over (${name})`, async (t) => {
    const { model, next } = createScriptedModel()
    const { open, session, server, fill } = await live(t, { model })
    await leaveTwoWindows(await open(subprotocol), fill, next)
    await eventually(
      () => storedWindows(session),
      (rows) => rows.length === 2 && rows.every((row) => row['answered_at'] !== null),
    )
    await server.app.close()
    const deliveredAt = async () =>
      (await storedWindows(session)).map((row) => row['delivered_at'] as unknown)
    t.same(await deliveredAt(), [null, null])
    const second = await startServer(t)
    const socket = await openOn(t, second, session, subprotocol)
    await socket.next('emotion_update')
    await socket.next('emotion_update')
    t.match(dataOf(socket, 'emotion_update'), [
      { window: 1, emotion: 'angry', source: 'gemini' },
      { window: 2, emotion: 'happy', source: 'local' },
    ])
    t.equal('revision' in (dataOf(socket, 'emotion_update')[0] ?? {}), subprotocol === V2)
    await eventually(deliveredAt, (times) => times.every((time) => time !== null))
  })
}

/** Two windows close while no socket is there: the model answers the first and fails at the second. */
async function leaveTwoWindows(
  socket: TestSocket,
  fill: Live['fill'],
  next: ReturnType<typeof createScriptedModel>['next'],
) {
  await fill(socket, frames('happy', 20))
  const first = await next()
  await fill(socket, frames('happy', 20))
  socket.socket.close()
  await socket.closed
  first.answer(readingOf('angry'))
  ;(await next()).fail('overloaded')
}

test('an error says whether another try makes sense, and what to do', async (t) => {
  const { open, server } = await live(t)
  const socket = await open(V2)
  socket.send(frameOf([]))
  const { data: invalid } = await socket.next('error')
  t.match(invalid, { code: 'INVALID_FRAME', retryable: false })
  t.notOk('retryAfterMs' in invalid)
  const unknown = `${server.origin.replace('http', 'ws')}/ws/landmarks/sess_${'x'.repeat(32)}`
  const refused = await connect(t, unknown, {}, V2)
  t.match((await refused.next('error')).data, {
    code: 'SESSION_NOT_FOUND',
    retryable: false,
    action: 'new_session',
  })
  t.match(await refused.closed, { code: 1008 })
})

test('more commands than can wait for the database are refused for a while', async (t) => {
  const server = await startTestApp(t)
  const { wsUrls } = await startSession(server, await createAccount(server))
  const sockets = await Promise.all([connect(t, wsUrls.session, {}, V2), connect(t, wsUrls.session)])
  for (const { next } of sockets) await next('status_update')
  const letGo = await holdTable(server, 'sessions')
  const errors = []
  for (const { send, next } of sockets) {
    for (let i = 0; i < 21; i++) send({ type: 'pause' })
    errors.push((await next('error')).data)
  }
  letGo()
  t.match(errors[0], { code: 'SERVER_BUSY', retryable: true, retryAfterMs: Number })
  t.same(Object.keys(errors[1] ?? {}).sort(), LEGACY_FIELDS['error'])
})

test('nor do more resumes wait than that', async (t) => {
  const server = await startTestApp(t)
  const { wsUrls } = await startSession(server, await createAccount(server))
  const socket = await connect(t, wsUrls.landmarks, {}, V2)
  await socket.next('rate')
  let letGo: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    letGo = resolve
  })
  await new Promise<void>((resolve, reject) => {
    const lock = server.database.sql.begin(async (sql) => {
      await sql`lock table emotion_windows in access exclusive mode`
      resolve()
      await held
    })
    lock.catch(reject)
  })
  for (let i = 0; i < 40; i++) socket.send({ type: 'resume', window: 0, frame: 0 })
  const { data } = await socket.next('error')
  letGo()
  t.match(data, { code: 'SERVER_BUSY', retryable: true })
})

/** A frame of the client, as it goes over the wire. */
const binary = (number: number, format: 'float32' | 'int16' = 'int16') =>
  Buffer.from(
    encodeBinary(
      {
        number,
        at: 0,
        timestamp: 1,
        width: 640,
        height: 480,
        points: copyPoints(FACE) ?? new Float32Array(),
      },
      format,
    ),
  )

test('binary frames count like frames of text, beside them on one socket', async (t) => {
  const { open, session, post } = await live(t)
  const socket = await open(V2)
  socket.socket.send(binary(1))
  socket.socket.send(binary(2, 'float32'))
  await sendAndRead(socket, numbered(2, 4))
  socket.socket.send(binary(4))
  socket.socket.send(binary(5))
  for (let i = 0; i < 3; i++) socket.socket.send(binary(0))
  await read(socket)
  t.notOk(socket.messages.some(({ type }) => type === 'error'))
  const bad = [binary(0).subarray(0, -1), Buffer.from(FRAME_TEXT), Buffer.alloc(0)]
  for (const bytes of bad) socket.socket.send(bytes, { binary: true })
  t.match((await socket.next('error')).data, { code: 'INVALID_FRAME' })
  await read(socket)
  t.equal(dataOf(socket, 'error').length, 1, 'said once a second at most')
  await post('end')
  await socket.closed
  t.match(dataOf(socket, 'emotion_update'), [{ frameCount: 8, emotion: 'happy' }])
  await eventually(
    () => landmarkCount(session),
    (count) => count === 11,
  )
})
const FRAME_TEXT = frameOf(FACE)

test('a socket of the older protocol sends no binary frames', async (t) => {
  const { open, session, post } = await live(t)
  const socket = await open()
  socket.socket.send(binary(1))
  t.match((await socket.next('error')).data, { code: 'INVALID_MESSAGE' })
  await sendAndRead(socket, [FRAME_TEXT])
  await post('end')
  await socket.closed
  t.match(dataOf(socket, 'emotion_update'), [{ frameCount: 1 }])
  await eventually(
    () => landmarkCount(session),
    (count) => count === 1,
  )
})

test('the published client sends binary frames to this server, and is read', async (t) => {
  const { origin } = await startServer(t, { env: { ANALYSIS_INTERVAL_MS: '800' } })
  for (const format of ['int16', 'float32'] as const) {
    const stored = await (await signedUp(origin)).startSession({ format })
    const seen = watch(t, stored)
    film(t, stored)
    t.match(await seen.has('emotion', 2), { emotion: 'happy', source: 'local' })
    const { sent, bytes } = stored.stats
    t.equal(bytes, sent * (24 + 478 * (format === 'int16' ? 6 : 12)), 'not one of them as text')
    t.same(seen.all('error'), [])
    stored.close()
  }
})
