import { eq } from 'drizzle-orm'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { baselines, sessions, users } from '../../src/db/schema/index.ts'
import { calibrateBaseline, decodeBaseline, encodeBaseline } from '../../src/domain/face/baseline.ts'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import type { AnsweredWindow } from '../../src/live/windows/answer.ts'
import {
  carriedFrom,
  decodeLearnt,
  encodeLearnt,
  given,
  type Learnt,
  NOTHING_LEARNT,
} from '../../src/live/face/learnt.ts'
import { LiveSession } from '../../src/live/live-session.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { NO_SPAN } from '../../src/lib/tracing.ts'
import { createSparePool } from '../../src/live/frames/spare-pool.ts'
import { createSafe } from '../../src/lib/sealing.ts'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { avatarSegments, keptWindow, stretched } from '../helpers/avatar.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frameOf, frames } from '../helpers/frames.ts'
import { createScriptedModel, readingOf } from '../helpers/scripted-model.ts'

/** What a session learns of the person before the camera, and what becomes of it. */

const INTERVAL_MS = 10_000
const EVERY_MS = 250

/** A session under a clock that moves with its frames, and everything that it answered. */
function liveUnder(
  t: Pick<Test, 'fail' | 'teardown'>,
  clock: { now: number },
  learnt: Learnt,
  lastWindow = 0,
) {
  const answers: AnsweredWindow[] = []
  /** How long each answer may wait for its row, ms. */
  const patience: number[] = []
  const session = new LiveSession(
    {
      ...{ id: 'sess_one', status: 'active' as const, startedAt: 0, clockOffset: 0, intervalMs: INTERVAL_MS },
      ...{ epoch: 1, lastWindow, undelivered: [], language: 'ko', learnt, userId: 1 },
      ...{ userId: 1, safe: createSafe(null, '1') },
    },
    {
      ...{ maxFrames: 40, deadlineMs: 9000, model: null, inferenceEnabled: true },
      spares: createSparePool(1024 * 1024),
      voiceOf: async () => ({ measures: null, speech: null }),
      takeOffer: () => null,
      clock: { ...systemClock, now: () => clock.now },
      traceWindow: () => NO_SPAN,
    },
    {
      closed: () => undefined,
      answered: async (answer, patienceMs) => patience.push(patienceMs) > 0 && answers.push(answer) > 0,
      late: () => undefined,
      skipped: () => undefined,
      failed: (_window, error) => t.fail(String(error)),
    },
  )
  t.teardown(() => session.discard())
  return { session, answers, patience }
}

/** Shows the expression for one window, without saying how large the image is. */
function show(session: LiveSession, clock: { now: number }, label: string): void {
  for (const face of faces(label, INTERVAL_MS / EVERY_MS)) {
    session.push(Buffer.from(frameOf(face)))
    clock.now += EVERY_MS
  }
}

t.test('an answer that is late by itself does not wait for its row as well', async (t) => {
  const clock = { now: 0 }
  const { session, answers, patience } = liveUnder(t, clock, NOTHING_LEARNT)
  for (const lateMs of [0, 100, 800]) {
    clock.now = answers.length * INTERVAL_MS
    show(session, clock, 'neutral')
    clock.now += lateMs
    session.skip() // what comes next finds the window closed
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.same(patience, [600, 500, 0])
})

const DAY = ['neutral', 'neutral', 'sad', 'neutral', 'happy', 'neutral', 'surprised', 'sad'] as const

t.test('whoever goes on with a session reads the same as who began it', async (t) => {
  const whole = { now: 0 }
  const alone = liveUnder(t, whole, NOTHING_LEARNT)
  for (const label of DAY) show(alone.session, whole, label)
  await alone.session.end()

  const clock = { now: 0 }
  const answers: AnsweredWindow[] = []
  let learnt = NOTHING_LEARNT
  for (const [i, label] of DAY.entries()) {
    // A process of its own for each window, that knows what the row says: its owner was killed.
    const { session, answers: own } = liveUnder(t, clock, learnt, i)
    show(session, clock, label)
    await session.end()
    answers.push(...own)
    learnt = decodeLearnt(own[0]?.learnt ?? null)
  }
  t.equal(answers.length, DAY.length)
  for (const [i, answer] of answers.entries()) {
    t.strictSame(answer.reading, alone.answers[i]?.reading, `window ${i + 1}, ${DAY[i]}`)
    t.strictSame(answer.learnt, alone.answers[i]?.learnt)
  }
  const known = alone.answers.at(-1)?.reading
  t.notSame(known, alone.answers[2]?.reading, 'the same face reads otherwise when the person is known better')
})

t.test('what is learnt is stored and read back; of spoilt bytes nothing is believed', (t) => {
  const one = decodeBaseline(encodeBaseline(neutralFace()))
  if (one === undefined) throw new Error('no baseline')
  const all = given(given({ ...NOTHING_LEARNT, aspect: 16 / 9 }, 1, one), 7, { ...one, weight: 3.5 })
  t.strictSame(decodeLearnt(encodeLearnt(all)), all)
  t.strictSame(decodeLearnt(encodeLearnt(NOTHING_LEARNT)), NOTHING_LEARNT)
  t.strictSame(decodeLearnt(null), NOTHING_LEARNT)
  const bytes = encodeLearnt(all)
  fc.assert(
    fc.property(
      fc.nat(bytes.length - 1),
      fc.array(fc.tuple(fc.nat(40), fc.nat(255)), { maxLength: 3 }),
      (cut, edits) => {
        t.strictSame(decodeLearnt(bytes.subarray(0, cut)), NOTHING_LEARNT)
        const spoilt = Uint8Array.from(bytes)
        for (const [place, value] of edits) spoilt[place] = value
        const { baseline, given: list } = decodeLearnt(spoilt)
        return (baseline?.weight ?? 0) <= 40 && list.length <= 2
      },
    ),
    { seed: 4, numRuns: 500 },
  )
  const later = decodeLearnt(carriedFrom(all) ?? null)
  t.match(later, { aspect: undefined, given: [{ from: 1 }] }, 'another camera, the same person')
  t.strictSame(later.baseline, { ...all.baseline, weight: 2 }, 'which weighs little until this camera agrees')
  t.equal(carriedFrom(NOTHING_LEARNT), undefined)
  t.end()
})

function neutralFace() {
  const segment = avatarSegments().find(([frame]) => frame?.label === 'neutral') ?? []
  const baseline = calibrateBaseline(keptWindow(stretched(segment, 40)))
  if (baseline === undefined) throw new Error('a calm window was refused')
  return baseline
}

const V2 = 'maeum.v2'
const WINDOW_MS = 700
const database = await createTestDatabase(t)

t.jobs = 4
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true }, check)

const startServer = (t: Test, model: ModelAnalyser | null = null, env: Record<string, string> = {}) =>
  startTestApp(t, { database, model, env: { ANALYSIS_INTERVAL_MS: String(WINDOW_MS), ...env } })

const socketOf = (
  t: Test,
  { origin }: TestApp,
  { sessionId }: StartedSession,
  protocol?: string,
  channel = 'landmarks',
) => connect(t, `${origin.replace('http', 'ws')}/ws/${channel}/${sessionId}`, {}, protocol)

const sendAll = ({ send }: TestSocket, texts: readonly string[]) => {
  for (const text of texts) send(text)
}

const rowOf = async ({ sessionId }: StartedSession) =>
  (await database.orm.select().from(sessions).where(eq(sessions.id, sessionId)))[0]
const learntOf = async (session: StartedSession) => decodeLearnt((await rowOf(session))?.baseline ?? null)

/** Shows this face while it is calibrated, all at once: a busy machine keeps no beat. */
async function calibrate(socket: TestSocket, label: string): Promise<Record<string, unknown>> {
  socket.send({ type: 'calibrate', data: { durationMs: 2000 } })
  sendAll(socket, frames(label, 20))
  return (await socket.next('calibrated')).data
}

test('a calibration counts from the open window on, for every instance that serves the session', async (t) => {
  const first = await startServer(t)
  const account = await createAccount(first)
  const session = await startSession(first, account)
  const socket = await socketOf(t, first, session, V2)
  const data = await calibrate(socket, 'neutral')
  t.match(data, { durationMs: 2000, frameCount: 20 })
  sendAll(socket, frames('happy', 10))
  const { baseline } = await eventually(
    () => learntOf(session),
    ({ given: list }) => list.length === 1,
  )
  t.equal(baseline && baseline.weight >= 20, true)

  const other = createScriptedModel()
  const second = await startServer(t, other.model)
  const again = await socketOf(t, second, session, V2)
  sendAll(again, frames('happy', 10))
  const { input } = await other.next()
  t.ok(Math.abs(input.baseline?.lipCornerPull ?? 0) > 0.01, 'the smile is a change from the own face')
})

test('too little to see is no calibration, and says so', async (t) => {
  const server = await startServer(t)
  const session = await startSession(server, await createAccount(server))
  const socket = await socketOf(t, server, session, V2)
  for (const durationMs of [0, 999, 10_001, 1500.5, '3000', null])
    socket.send({ type: 'calibrate', data: { durationMs } })
  t.match((await socket.next('error')).data, { code: 'INVALID_MESSAGE', retryable: false })
  socket.send({ type: 'calibrate', durationMs: 1000 })
  sendAll(socket, [...frames('neutral', 3), frameOf([])])
  await eventually(
    () => socket.messages.filter(({ data }) => data['code'] === 'CALIBRATION_FAILED').length,
    (count) => count === 1,
  )
  t.notOk(socket.messages.some(({ type }) => type === 'calibrated'))
  const old = await socketOf(t, server, session)
  old.send({ type: 'calibrate' })
  t.match(
    (await old.next('error')).data,
    { code: 'INVALID_MESSAGE' },
    'the older protocol knows nothing of it',
  )
})

test('the neutral face goes from session to session when its owner allows it, and goes when they do not', async (t) => {
  const server = await startServer(t)
  const account = await createAccount(server)
  const agree = (textVersion: string) =>
    server.app.inject({
      method: 'POST',
      url: '/api/user/consent',
      headers: bearer(account.accessToken),
      payload: { purpose: 'carry_baseline', textVersion, locale: 'ko' },
    })
  const kept = () => database.orm.select().from(baselines).where(eq(baselines.userId, account.id))
  /** A session in which a neutral face is learnt. */
  const whole = async () => {
    const session = await startSession(server, account)
    const socket = await socketOf(t, server, session, V2)
    for (let window = 0; window < 2; window++) {
      sendAll(socket, frames('neutral', 20))
      await socket.next('emotion_update')
    }
    await server.app.inject({
      method: 'POST',
      url: `/api/session/${session.sessionId}/end`,
      headers: bearer(account.accessToken),
    })
    await socket.closed
    return session
  }
  const before = await whole()
  t.equal((await learntOf(before)).given.length, 0)
  t.equal((await kept()).length, 0, 'not without being asked for')

  for (const textVersion of ['1', '2']) t.equal((await agree(textVersion)).statusCode, 201)
  const first = await whole()
  const [row] = await eventually(kept, (rows) => rows.length === 1)
  const learnt = await learntOf(first)
  t.strictSame(decodeLearnt(row?.measures ?? null).baseline, learnt.baseline)
  const second = await startSession(server, account)
  t.strictSame((await learntOf(second)).baseline, learnt.baseline, 'the next session begins with it')
  const stranger = await startSession(server, await createAccount(server))
  t.strictSame(await learntOf(stranger), NOTHING_LEARNT)

  const other = await server.app.inject({
    method: 'DELETE',
    url: '/api/user/consent?purpose=emotion_analysis',
    headers: bearer(account.accessToken),
  })
  t.equal(other.statusCode, 200)
  t.equal((await kept()).length, 1, 'of another purpose')
  await server.app.inject({
    method: 'DELETE',
    url: '/api/user/consent?purpose=carry_baseline',
    headers: bearer(account.accessToken),
  })
  t.equal((await kept()).length, 0)
  t.strictSame(await learntOf(await startSession(server, account)), NOTHING_LEARNT)
  await agree('2')
  await whole()
  await eventually(kept, (rows) => rows.length === 1)
  await database.orm.delete(users).where(eq(users.id, account.id))
  t.equal((await kept()).length, 0, 'erased with the person')
})

test('a session has the language of its owner, else of the request', async (t) => {
  const { model, next } = createScriptedModel()
  const server = await startServer(t, model)
  const account = await createAccount(server)
  const start = async (language?: string) => {
    const headers = { ...bearer(account.accessToken), ...(language && { 'accept-language': language }) }
    const answer = await server.app.inject({ method: 'POST', url: '/api/session/start', headers })
    return answer.json<{ data: StartedSession }>().data
  }
  t.equal((await rowOf(await start()))?.language, 'ko')
  const english = await start('en-GB,en;q=0.9')
  t.equal((await rowOf(english))?.language, 'en')
  sendAll(await socketOf(t, server, english), frames('happy', 10))
  const call = await next()
  t.equal(call.input.language, 'en')
  call.answer(readingOf('happy'))
  const set = (preferences: Record<string, unknown>) => {
    const headers = bearer(account.accessToken)
    return server.app.inject({
      method: 'PUT',
      url: '/api/user/preferences',
      headers,
      payload: { preferences },
    })
  }
  await set({ language: 'ko' })
  t.equal((await rowOf(await start('en')))?.language, 'ko')
})

test('what is said in a window goes with its answer, to the model, and into its row', async (t) => {
  const { model, next } = createScriptedModel()
  const server = await startServer(t, model, { ANALYSIS_INTERVAL_MS: '4000' })
  const session = await startSession(server, await createAccount(server))
  const socket = await socketOf(t, server, session)
  const voice = await socketOf(t, server, session, undefined, 'voice')
  const say = async (text: string) => {
    // Early in a window, so that words and face are of the same.
    await eventually(
      () => (Date.now() - session.startedAt) % 4000,
      (ms) => ms < 1500,
    )
    voice.send({ type: 'stt_text', text })
    await voice.next('stt_received')
    sendAll(socket, frames('happy', 10))
    const call = await next()
    call.answer(readingOf('happy'))
    return { input: call.input, data: (await socket.next('emotion_update')).data }
  }
  const said = '난 항상 실패해'
  const first = await say(said)
  t.match(first.input, { speech: said, voice: { utteranceCount: 1 } })
  t.match(first.data, {
    sttSnippet: said,
    intervention: { distortionType: 'overgeneralisation', questions: Array },
  })
  const second = await say('죽고 싶어요')
  t.equal(second.input.speech, null, 'words of self-harm go to no model')
  t.notOk('intervention' in second.data, 'one exercise is enough for now')
  const rows = await eventually(
    () =>
      database.sql`select * from emotion_windows where session_id = ${session.sessionId} order by "window"`,
    (all) => all.length === 2 && all.every((row) => row['answered_at'] !== null),
  )
  t.match(rows[0], { stt_snippet: said, intervention: { distortionType: 'overgeneralisation' } })
  t.equal(rows[1]?.['intervention'], null)
})
