import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { createScriptedModel } from '../helpers/scripted-model.ts'

const READING = { purpose: 'emotion_analysis', textVersion: '2026-01', locale: 'ko' }
const FAST = { ANALYSIS_INTERVAL_MS: '600', ANALYSIS_DEADLINE_MS: '300' }

type Receipts = { required: boolean; consents: { purpose: string; withdrawnAt: number | null }[] }

const caller = ({ app }: TestApp, account: Account) => {
  const call = (method: 'GET' | 'POST' | 'DELETE', payload?: object, query = '') =>
    app.inject({
      method,
      url: `/api/user/consent${query}`,
      headers: bearer(account.accessToken),
      ...(payload === undefined ? {} : { payload }),
    })
  return {
    give: (body: object) => call('POST', body),
    withdraw: (body?: object, query?: string) => call('DELETE', body, query),
    list: async () => (await call('GET')).json<{ data: Receipts }>().data,
  }
}
const statusOf = async ({ app }: TestApp, account: Account, sessionId: string) =>
  (await app.inject({ url: `/api/session/${sessionId}`, headers: bearer(account.accessToken) })).json<{
    data: { status: string; endReason: string | null; emotionCount: number }
  }>().data
const code = (answer: LightMyRequestResponse) => answer.json<{ error: { code: string } }>().error.code
const fate = async (server: TestApp, name: string): Promise<number> => {
  const text = (await server.app.inject({ url: '/metrics' })).body
  return Number(new RegExp(`maeum_frames_total\\{fate="${name}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
}

t.test('consent receipts', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const mine = caller(server, account)
  const otherUser = caller(server, await createAccount(server))

  const given = await mine.give(READING)
  t.equal(given.statusCode, 201)
  t.match(given.json(), { success: true, data: { ...READING, givenAt: Number, withdrawnAt: null } })
  t.same((await mine.give(READING)).json(), given.json(), 'the same receipt while it stands')
  await mine.give({ ...READING, textVersion: '2026-02' })
  await mine.give({ purpose: 'newsletter', textVersion: '1', locale: 'en-US' })
  t.match(await mine.list(), {
    required: false,
    consents: [{ purpose: 'newsletter' }, { textVersion: '2026-02' }, { textVersion: '2026-01' }],
  })
  t.same((await otherUser.list()).consents, [], 'receipts of other users are not visible')
  await otherUser.withdraw()
  t.equal((await mine.list()).consents.filter(({ withdrawnAt }) => withdrawnAt === null).length, 3)

  t.equal((await mine.withdraw(undefined, '?purpose=newsletter')).statusCode, 200)
  const one = (await mine.list()).consents
  t.same(
    one.map(({ withdrawnAt }) => withdrawnAt === null),
    [false, true, true],
  )
  t.equal((await mine.withdraw({ purpose: 'emotion_analysis' })).statusCode, 200)
  t.ok((await mine.list()).consents.every(({ withdrawnAt }) => typeof withdrawnAt === 'number'))
  await mine.give(READING)
  t.equal((await mine.list()).consents.length, 4, 'given again is a receipt of its own')

  for (const wrong of [
    {},
    { ...READING, purpose: 'Bad Purpose' },
    { ...READING, textVersion: '' },
    { ...READING, locale: '../ko' },
    { ...READING, purpose: 7 },
  ])
    t.equal(code(await mine.give(wrong)), 'VALIDATION_ERROR', JSON.stringify(wrong))
  t.equal(code(await mine.withdraw({ purpose: 'Bad Purpose' })), 'VALIDATION_ERROR')
  for (const method of ['GET', 'POST', 'DELETE'] as const)
    t.equal((await server.app.inject({ method, url: '/api/user/consent' })).statusCode, 401)
})

t.test('no frame is analysed before consent or after its withdrawal', async (t) => {
  const database = await createTestDatabase(t)
  const scripted = createScriptedModel()
  // Long enough for the model call to be in progress at the withdrawal.
  const env = { ANALYSIS_INTERVAL_MS: '2000', ANALYSIS_DEADLINE_MS: '1700', REQUIRE_CONSENT: 'true' }
  const options = { database, env, model: scripted.model }
  const here = await startTestApp(t, options)
  const there = await startTestApp(t, options)
  const account = await createAccount(here)
  const session = await startSession(here, account)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  const talk = await connect(t, `${there.origin.replace('http', 'ws')}/ws/session/${session.sessionId}`)
  await landmarks.next('connected')

  const refused = frames('happy', 30)
  for (const frame of refused) landmarks.send(frame)
  t.match(await landmarks.next('error'), { data: { code: 'CONSENT_REQUIRED' } })
  landmarks.send({ type: 'ping' })
  await landmarks.next('pong')
  t.equal(landmarks.messages.filter(({ type }) => type === 'error').length, 1, 'once a second at most')
  t.equal(await fate(here, 'consent_required'), refused.length, 'and counted, each of them')

  // Given on the other instance; this one detects it by polling.
  t.equal((await caller(there, account).give(READING)).statusCode, 201)
  const stream = setInterval(() => landmarks.send(frames('happy', 1)[0]), 25)
  t.teardown(() => clearInterval(stream))
  const call = await scripted.next()
  t.equal(landmarks.messages.filter(({ type }) => type === 'emotion_update').length, 0)
  const voice = await connect(t, session.wsUrls.voice)
  voice.send({
    type: 'vad_result',
    data: { timestamp: Date.now(), isSpeech: true, duration: 100, energy: 0.3 },
  })
  voice.send({ type: 'ping' })
  await voice.next('pong')

  // Withdrawn there while a model call is in progress here: the call is aborted and nothing is sent.
  t.equal((await caller(there, account).withdraw()).statusCode, 200)
  t.match(await landmarks.closed, { code: 1000 })
  t.match(await talk.closed, { code: 1000 })
  clearInterval(stream)
  t.ok(call.signal.aborted, 'the model is cut off')
  t.equal(landmarks.messages.filter(({ type }) => type === 'emotion_update').length, 0)
  t.match(await statusOf(here, account, session.sessionId), {
    status: 'ended',
    endReason: 'consent_withdrawn',
  })
  const url = `/api/session/${session.sessionId}/summary`
  const headers = bearer(account.accessToken)
  await eventually(
    () => here.app.inject({ url, headers }),
    ({ statusCode }) => statusCode === 200,
  )
  const answered = await database.sql`select 1 from emotion_windows where answered_at is not null`
  t.equal(answered.length, 0, 'the window that was open is not answered afterwards either')
  t.equal((await database.sql`select 1 from voice_windows`).length, 0, 'nor its voice measured')

  const next = await startSession(here, account)
  const again = await connect(t, next.wsUrls.landmarks)
  for (const frame of frames('happy', 3)) again.send(frame)
  t.match(await again.next('error'), { data: { code: 'CONSENT_REQUIRED' } }, 'nor in a new session')
  t.match(await statusOf(here, account, next.sessionId), { status: 'active', emotionCount: 0 })
})

t.test('without inference everything else works', async (t) => {
  const server = await startTestApp(t, { env: { ...FAST, INFERENCE_ENABLED: 'false' } })
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  const talk = await connect(t, session.wsUrls.session)
  await landmarks.next('connected')
  for (const frame of frames('happy', 20)) landmarks.send(frame)
  landmarks.send({ type: 'ping' })
  await landmarks.next('pong')
  t.equal(await fate(server, 'paused'), 20, 'frames are counted, not read')

  talk.send({ type: 'request_ai_response', data: { message: '안녕하세요', emotion: null } })
  t.match(await talk.next('ai_stream_complete'), { data: { source: 'local' } }, 'the counsellor answers')
  const headers = bearer(account.accessToken)
  const post = (url: string, payload?: object) =>
    server.app.inject({ method: 'POST', url, headers, ...(payload === undefined ? {} : { payload }) })
  t.equal((await post(`/api/session/${session.sessionId}/pause`)).statusCode, 200)
  t.equal((await post('/api/counselings', { type: 'video' })).statusCode, 201)
  t.equal((await post(`/api/session/${session.sessionId}/feedback`, { rating: 5 })).statusCode, 201)
  t.equal((await post(`/api/session/${session.sessionId}/end`)).statusCode, 200)
  const report = await eventually(
    () => server.app.inject({ url: `/api/session/${session.sessionId}/report`, headers }),
    ({ statusCode }) => statusCode === 200,
  )
  t.match(report.json(), { data: { emotionTimeline: [] } }, 'a report without a reading')
  t.same(
    landmarks.messages.filter(({ type }) => type === 'emotion_update'),
    [],
  )
})

t.test('without consent no voice measures or words are stored, and the crisis lines are shown', async (t) => {
  const server = await startTestApp(t, { env: { ...FAST, REQUIRE_CONSENT: 'true' } })
  const account = await createAccount(server)
  const { sql } = server.database
  const stored = async () => {
    const [row] = await sql`select (select count(*)::int from voice_windows) as voices,
      (select count(*)::int from cbt_findings) as findings, (select count(*)::int from conversations) as talks`
    return row
  }
  /** Sends speech and text, and waits until everything is stored. */
  const live = async () => {
    const session = await startSession(server, account)
    const [voice, talk] = [await connect(t, session.wsUrls.voice), await connect(t, session.wsUrls.session)]
    await talk.next('status_update')
    const audio = Buffer.from(new Int16Array(1600).map((_, i) => (i % 80) * 200).buffer).toString('base64')
    voice.send({ type: 'audio_chunk', data: { audio } })
    const data = { timestamp: Date.now(), isSpeech: true, duration: 100, energy: 0.3 }
    voice.send({ type: 'vad_result', data })
    voice.send({ type: 'stt_text', data: { text: '난 항상 실패해' } })
    t.match(await voice.next('stt_received'), { data: { text: '난 항상 실패해' } })
    voice.send({ type: 'stt_text', data: { text: '그냥 죽고 싶어' } })
    t.match((await talk.next('ai_stream_complete')).data['fullResponse'], /109/)
    talk.send({ type: 'request_ai_response', data: { message: '난 항상 실패해', emotion: null } })
    const { conversationId } = (await talk.next('ai_stream_complete')).data
    const end = {
      method: 'POST',
      url: `/api/session/${session.sessionId}/end`,
      headers: bearer(account.accessToken),
    }
    t.equal((await server.app.inject({ ...end, method: 'POST' })).statusCode, 200)
    await Promise.all([voice.closed, talk.closed])
    await server.app.conversation.settled(session.sessionId)
    await server.app.voice.settled(session.sessionId)
    return { conversationId, measured: voice.messages.some(({ type }) => type === 'vad_analysis') }
  }
  t.match(await live(), { conversationId: null, measured: false })
  t.same(await stored(), { voices: 0, findings: 0, talks: 0 })

  t.equal((await caller(server, account).give(READING)).statusCode, 201)
  t.match(await live(), { conversationId: String, measured: true })
  t.same(
    await stored(),
    { voices: 1, findings: 2, talks: 1 },
    'the same text by voice and by message is one utterance',
  )
})

t.test('consent stays valid while it is read again, and when the read fails', async (t) => {
  const database = await createTestDatabase(t)
  const env = { ...FAST, REQUIRE_CONSENT: 'true' }
  const server = await startTestApp(t, { database, env })
  const account = await createAccount(server)
  await caller(server, account).give(READING)
  const session = await startSession(server, account)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  await landmarks.next('connected')
  await database.sql`alter table consents rename to consents_away`
  t.teardown(() => database.sql`alter table if exists consents_away rename to consents`)
  await t.rejects(connect(t, session.wsUrls.landmarks), /5\d\d/, 'no second socket meanwhile')
  for (const frame of frames('happy', 5)) landmarks.send(frame)
  landmarks.send({ type: 'ping' })
  await landmarks.next('pong')
  t.same(
    landmarks.messages.filter(({ type }) => type === 'error'),
    [],
  )
  t.equal(await fate(server, 'consent_required'), 0)
})
