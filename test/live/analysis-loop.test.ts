import t, { type Test } from 'tap'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frameOf, frames } from '../helpers/frames.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer, HAPPY, hangBeforeHeaders } from '../helpers/gemini-steps.ts'
import { createScriptedModel, readingOf } from '../helpers/scripted-model.ts'
import { createTestClock } from '../helpers/test-clock.ts'

const database = await createTestDatabase(t)
const INTERVAL_MS = 10_000
const EVERY_MS = 100

// Each test has a server of its own, and some wait for deadlines: they wait together.
t.jobs = 4
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true }, check)

type Setting = { model?: ModelAnalyser | null; env?: Record<string, string> }

/** A server with one session and its landmarks socket; from the first window on the test moves the clock. */
async function live(t: Test, { model, env = {} }: Setting = {}) {
  const clock = createTestClock()
  const server = await startTestApp(t, {
    database,
    clock,
    env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), ...env },
    ...(model === undefined ? {} : { model }),
  })
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const socket = await connect(t, session.wsUrls.landmarks)
  await socket.next('connected')
  clock.hold()
  const post = (word: string) =>
    server.app.inject({
      method: 'POST',
      url: `/api/session/${session.sessionId}/${word}`,
      headers: bearer(account.accessToken),
    })
  /** These frames are all that there is of the open window, which closes. */
  const fill = async (texts: readonly string[]): Promise<void> => {
    sendAll(socket, texts)
    await read(socket)
    clock.advance(INTERVAL_MS)
  }
  /** The same, and its update. */
  const show = async (texts: readonly string[]) => {
    await fill(texts)
    return (await socket.next('emotion_update')).data
  }
  /** Plays frames at an even pace, ten a second. */
  const play = async (texts: readonly string[]): Promise<void> => {
    for (const text of texts) {
      socket.send(text)
      await read(socket)
      clock.advance(EVERY_MS)
    }
  }
  return { server, account, session, socket, post, clock, fill, show, play }
}

const sendAll = ({ send }: TestSocket, texts: readonly string[]) => {
  for (const text of texts) send(text)
}

/** Resolves when the server has read everything that was sent before. */
async function read({ send, next }: TestSocket): Promise<void> {
  send({ type: 'ping' })
  await next('pong')
}

const storedWindows = ({ sessionId }: StartedSession) =>
  database.sql`select * from emotion_windows where session_id = ${sessionId} order by "window"`

const landmarkCount = async ({ sessionId }: StartedSession): Promise<number> => {
  const [row] = await database.sql`select landmark_count from sessions where id = ${sessionId}`
  return Number(row?.['landmark_count'])
}

const updatesOf = ({ messages }: TestSocket) =>
  messages.filter(({ type }) => type === 'emotion_update').map(({ data }) => data)

test('windows are numbered and closed by the clock of the session', async (t) => {
  const { session, clock, show, socket } = await live(t)
  for (const number of [1, 2, 3]) {
    const { window, timestamp } = await show(frames('happy', 1))
    t.equal(window, number)
    t.equal(timestamp, session.startedAt + number * INTERVAL_MS)
  }
  clock.advance(2 * INTERVAL_MS)
  t.match(
    await show(frames('happy', 1)),
    { window: 6 },
    'the numbers of two windows without a frame are skipped',
  )
  t.equal(updatesOf(socket).length, 4, 'a window without a frame gives no update')
})

test('one update for each window, after the notice that its analysis has started', async (t) => {
  const { socket, show } = await live(t)
  for (const count of [10, 20, 30]) await show(frames('sad', count))
  const seen = socket.messages.filter(({ type }) => /^(analysis_started|emotion_update)$/.test(type))
  t.match(
    seen.map(({ type, data: { window, frameCount } }) => [type, window, frameCount]),
    [
      ['analysis_started', 1, 10],
      ['emotion_update', 1, 10],
      ['analysis_started', 2, 20],
      ['emotion_update', 2, 20],
      ['analysis_started', 3, 30],
      ['emotion_update', 3, 30],
    ],
  )
})

test('of more frames than are wanted the most that are allowed are analysed, of fewer all', async (t) => {
  const { socket, session, post, show, play, clock } = await live(t)
  for (const [sent, analysed] of [
    [60, 40],
    [12, 12],
    [1, 1],
  ] as const)
    t.match(await show(frames('happy', sent)), { frameCount: analysed, uncertain: analysed < 8 })
  await play(faces('happy', 45).map((face) => frameOf(face)))
  clock.advance(INTERVAL_MS)
  t.match((await socket.next('emotion_update')).data, { frameCount: 40 }, 'one after the other')
  const all = 60 + 12 + 1 + 45
  // Before the end, which falls into the first window by the clock of the database.
  await eventually(
    async () => (await storedWindows(session)).reduce((sum, row) => sum + Number(row['frames_received']), 0),
    (received) => received === all,
  )
  await post('end')
  await socket.closed
  await eventually(
    () => landmarkCount(session),
    (count) => count === all,
  )
})

test('while paused frames are counted and not analysed', async (t) => {
  const { socket, session, post, fill, show } = await live(t)
  await post('pause')
  await socket.next('session_paused')
  await fill(frames('happy', 25))
  await post('resume')
  t.notOk(socket.messages.some(({ type }) => /analysis_started|emotion_update/.test(type)))
  t.match(await show(frames('happy', 1)), { window: 2, frameCount: 1 })
  await eventually(
    () => storedWindows(session),
    (rows) => rows.length === 1,
  )
  await post('end')
  await socket.closed
  await eventually(
    () => landmarkCount(session),
    (count) => count === 26,
  )
  t.equal((await storedWindows(session)).length, 1)
})

test('what is stored is what was delivered, field by field', async (t) => {
  const { socket, session, post, show } = await live(t)
  for (const label of ['happy', 'surprised', 'sad']) await show(frames(label, 45))
  const rows = await eventually(
    () => storedWindows(session),
    (stored) => stored.length === 3,
  )
  await post('end')
  await socket.closed
  const delivered = updatesOf(socket)
  for (const [i, row] of rows.entries()) {
    const { timestamp, frameCount, sttSnippet, ...fields } = delivered[i] ?? {}
    t.same(
      fields,
      Object.fromEntries(Object.keys(fields).map((name) => [name, row[name] as unknown])),
      `window ${String(row['window'])}`,
    )
    t.equal(new Date(String(row['closed_at'])).getTime(), timestamp)
    t.equal(row['frames_analysed'], frameCount)
    t.match(row, { model_outcome: null, prompt_version: null, analyser_version: /^local/ })
    t.equal(sttSnippet, '')
  }
})

test('frames of other clients: other keys first, spaces, 468 points, the size of the image', async (t) => {
  const { socket, show } = await live(t)
  const [face = []] = faces('happy', 1)
  const timestamp = 1
  for (const text of [
    JSON.stringify({ timestamp, data: face, type: 'landmarks' }),
    JSON.stringify({ data: face, type: 'landmarks', timestamp }, null, 1),
    ` {\n "type" : "landmarks" , "timestamp": 1, "data": ${JSON.stringify(face)} }`,
    frameOf(face.slice(0, 468)),
    frameOf(face, { width: 640, height: 480 }),
    frameOf(face.map(({ x, y, z }) => ({ z, y, x, visibility: 0.9 }))),
  ])
    t.match(await show([text, text, text]), { frameCount: 3, emotion: 'happy' })
  t.notOk(socket.messages.some(({ type }) => type === 'error'))
})

test('the recorded faces are read right', async (t) => {
  const { play, clock, socket } = await live(t)
  for (const label of ['happy', 'neutral'] as const) {
    await play(faces(label, 20).map((face) => frameOf(face, { width: 640, height: 480 })))
    clock.advance(INTERVAL_MS - 20 * EVERY_MS)
    t.match((await socket.next('emotion_update')).data, { emotion: label, source: 'local', model: /^local/ })
  }
})

test('a model that answers in time is the answer', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, fill } = await live(t, { model })
  await fill(frames('happy', 20))
  const call = await next()
  t.match(call.input, { window: 1, frameCount: 20, local: { emotion: 'happy' }, previous: [], speech: null })
  t.notOk(updatesOf(socket).length, 'nothing is delivered while the model thinks')
  const reading = readingOf('surprised')
  call.answer(reading)
  const { data } = await socket.next('emotion_update')
  t.match(data, { ...reading, source: 'gemini', model: 'scripted-1', window: 1 })
  const [row] = await eventually(
    () => storedWindows(session),
    (rows) => rows.length === 1,
  )
  t.match(row, { emotion: 'surprised', source: 'gemini', model_outcome: 'answered', refined_emotion: null })
  t.match(
    row,
    { local_emotion: 'happy', prompt_hash: /^f{64}$/ },
    'with what the local analyser held against it',
  )
  t.same(row?.['local_scores'], call.input.local.scores)
  t.equal(row?.['local_confidence'], call.input.local.confidence)

  await fill(frames('happy', 20))
  const second = await next()
  t.match(second.input.previous, [{ window: 1, emotion: 'surprised', confidence: reading.confidence }])
  second.fail('blocked')
  t.match((await socket.next('emotion_update')).data, { emotion: 'happy', source: 'local' })
})

test('a model that is late is not waited for; its answer is stored beside and not sent', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, server, fill } = await live(t, { model, env: { ANALYSIS_DEADLINE_MS: '100' } })
  await fill(frames('happy', 20))
  const call = await next()
  const { data } = await socket.next('emotion_update')
  t.match(data, { emotion: 'happy', source: 'local', window: 1 })
  t.notOk(call.signal.aborted, 'the call lives on')
  const reading = readingOf('angry')
  call.answer(reading)
  const refined = (row: Record<string, unknown> | undefined) =>
    row !== undefined && row['refined_emotion'] !== null
  const [row] = await eventually(
    () => storedWindows(session),
    (rows) => rows.length === 1 && refined(rows[0]),
  )
  t.match(row, {
    emotion: 'happy',
    source: 'local',
    model_outcome: 'timed_out',
    refined_emotion: 'angry',
    refined_model: 'scripted-1',
    refined_latency_ms: 7,
  })
  t.same(row?.['refined_scores'], reading.scores)
  t.equal(row?.['refined_confidence'], reading.confidence)
  await read(socket)
  t.equal(updatesOf(socket).length, 1)
  t.ok(server.log.some((line) => line.includes('❌ [CRITICAL] Gemini timeout')))
})

test('a model that fails after the deadline has cost what it has cost', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, fill } = await live(t, { model, env: { ANALYSIS_DEADLINE_MS: '100' } })
  await fill(frames('happy', 20))
  const call = await next()
  await socket.next('emotion_update')
  t.equal((await storedWindows(session))[0]?.['prompt_hash'] ?? null, null, 'not known yet')
  call.fail('overloaded')
  const [row] = await eventually(
    () => storedWindows(session),
    ([first]) => typeof first?.['prompt_hash'] === 'string',
  )
  t.match(row, {
    ...{ source: 'local', model_outcome: 'timed_out', refined_emotion: null, refined_model: null },
    ...{ prompt_tokens: 700, answer_tokens: 130, cost_micro_usd: 122 },
  })
  await read(socket)
  t.equal(updatesOf(socket).length, 1)
})

test('a failure of the model is its own outcome and never neutral', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, fill } = await live(t, { model })
  const reasons = ['rate_limited', 'malformed', 'unreachable'] as const
  for (const reason of reasons) {
    await fill(frames('happy', 20))
    ;(await next()).fail(reason)
    t.match((await socket.next('emotion_update')).data, {
      emotion: 'happy',
      source: 'local',
      model: /^local/,
    })
  }
  const rows = await eventually(
    () => storedWindows(session),
    (stored) => stored.length === reasons.length,
  )
  t.same(
    rows.map((row) => row['model_outcome'] as unknown),
    reasons,
  )
})

test('a window without a valid frame asks no model, sends nothing and stores nothing', async (t) => {
  const { model, isOpen } = createScriptedModel()
  const { socket, session, post, fill } = await live(t, { model })
  await fill([frameOf([]), frameOf(Array.from({ length: 478 }, () => ({ x: 0, y: 0 })))])
  await fill(Array.from({ length: 15 }, () => frameOf([])))
  await post('end')
  await socket.closed
  t.equal(isOpen(), 0)
  t.notOk(socket.messages.some(({ type }) => /analysis_started|emotion_update/.test(type)))
  t.equal((await storedWindows(session)).length, 0)
  await eventually(
    () => landmarkCount(session),
    (count) => count === 17,
  )
})

test('at most four calls of a session are live, and answers keep their order', async (t) => {
  const { model, next, isOpen } = createScriptedModel()
  const { socket, session, fill, show } = await live(t, { model, env: { ANALYSIS_DEADLINE_MS: '1500' } })
  const updates = []
  for (let i = 0; i < 6; i++) updates.push(await show(frames('happy', 1)))
  t.same(
    updates.map(({ source }) => source),
    Array.from({ length: 6 }, () => 'local'),
  )
  t.equal(isOpen(), 4)
  const outcomes = (
    await eventually(
      () => storedWindows(session),
      (rows) => rows.length === 6,
    )
  ).map((row) => row['model_outcome'] as unknown)
  t.same(outcomes, [...Array.from({ length: 4 }, () => 'timed_out'), 'too_many_calls', 'too_many_calls'])
  t.same(
    updates.map(({ window }) => window),
    [1, 2, 3, 4, 5, 6],
  )
  for (let i = 0; i < 4; i++) (await next()).fail('overloaded')
  await fill(frames('happy', 10))
  ;(await next()).answer(readingOf('happy'))
  t.match(
    (await socket.next('emotion_update')).data,
    { source: 'gemini' },
    'asked again when calls have ended',
  )
})

test('end cuts off a model after the grace and still delivers the last window', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, post } = await live(t, {
    model,
    env: { SESSION_GRACE_MS: '3000' }, // of which a tenth is kept for the last word
  })
  sendAll(socket, frames('happy', 20))
  await read(socket)
  await post('end')
  const call = await next()
  t.notOk(call.signal.aborted, 'the answer to end does not wait for a model')
  t.match(await socket.closed, { code: 1000 })
  t.ok(call.signal.aborted)
  t.match(updatesOf(socket), [{ emotion: 'happy', source: 'local', window: 1 }])
  const [row] = await eventually(
    () => storedWindows(session),
    (rows) => rows.length === 1 && rows[0]?.['answered_at'] !== null,
  )
  t.match(row, { model_outcome: 'aborted' })
})

test('a server that goes away stores what has closed and counts what has not', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, server, fill } = await live(t, { model })
  await fill(frames('happy', 20))
  const call = await next()
  sendAll(socket, frames('sad', 5))
  await read(socket)
  await server.app.close()
  t.ok(call.signal.aborted)
  t.match(await socket.closed, { code: 1001 })
  t.match(await storedWindows(session), [
    { window: 1, emotion: 'happy', source: 'local', model_outcome: 'aborted' },
  ])
  t.equal(await landmarkCount(session), 25)
})

test('an answer that finds no socket waits for the next one', async (t) => {
  const { model, next } = createScriptedModel()
  const { socket, session, fill } = await live(t, { model })
  await fill(frames('happy', 20))
  const call = await next()
  socket.socket.close()
  await socket.closed
  call.fail('overloaded')
  await eventually(
    () => storedWindows(session),
    (rows) => rows.length === 1,
  )
  const again = await connect(t, session.wsUrls.landmarks)
  t.match((await again.next('emotion_update')).data, { emotion: 'happy', window: 1 })
  t.equal(again.messages[0]?.type, 'connected')
  const third = await connect(t, session.wsUrls.landmarks)
  await read(third)
  t.equal(updatesOf(third).length, 0, 'and is delivered once')
})

test('the real adapter: an answer of the API is delivered, silence of the API is not waited for', async (t) => {
  const double = await createGeminiDouble(t, [answer(), hangBeforeHeaders()])
  const { socket, session, server, fill, show } = await live(t, {
    env: { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl, ANALYSIS_DEADLINE_MS: '6000' },
  })
  await fill(frames('sad', 20))
  t.match((await socket.next('emotion_update')).data, { ...HAPPY, source: 'gemini', model: /^gemini-/ })
  t.match(await show(frames('sad', 20)), { emotion: 'sad', source: 'local' })
  const rows = await eventually(
    () => storedWindows(session),
    (stored) => stored.length === 2,
  )
  t.same(
    rows.map((row) => row['model_outcome'] as unknown),
    ['answered', 'timed_out'],
  )
  t.ok(server.log.some((line) => line.includes('🎯 Gemini 분석 결과: happy')))
  const sent = JSON.stringify(double.requests[0]?.body)
  t.notOk(sent.includes(session.sessionId), 'the model does not learn which session it is')
})
