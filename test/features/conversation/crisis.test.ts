import t, { type Test } from 'tap'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestApp,
} from '../../helpers/app.ts'
import { blockedQuery } from '../../helpers/blocked-query.ts'
import { createTestDatabase } from '../../helpers/database.ts'
import { eventually } from '../../helpers/eventually.ts'
import { frames } from '../../helpers/frames.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { holdTable } from '../../helpers/hold-table.ts'
import { startTcpProxy } from '../../helpers/tcp-proxy.ts'

const THOUGHT = '난 항상 실패해'
const CRISIS = '그냥 죽고 싶어'
const ANSWER = '그런 마음이 드셨군요.'
const LINES = /109[^]*1577-0199/
const NO_EXERCISES = '과제나 연습을 권하지 마십시오'

const database = await createTestDatabase(t)

async function setUp(t: Test, env: Record<string, string> = {}) {
  const server = await startTestApp(t, { database, env })
  const account = await createAccount(server)
  return { server, account, session: await startSession(server, account) }
}

/** The settings for each counsellor. */
const COUNSELLORS = {
  local: async () => ({}),
  gemini: async (t: Test) => {
    const double = await createGeminiDouble(t, [steps.answer(ANSWER)])
    return { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl, GEMINI_MODELS: 'gemini-of-crisis' }
  },
} as const

type Say = (text: string) => Promise<void>

/** Writes to the counsellor and waits for the answer. */
async function writing(t: Test, session: StartedSession): Promise<Say> {
  const socket = await connect(t, session.wsUrls.session)
  await socket.next('status_update')
  return async (message) => {
    socket.send({ type: 'request_ai_response', data: { message, emotion: null, timestamp: Date.now() } })
    const { data } = await socket.next('ai_stream_complete')
    if (message === CRISIS) t.match(data['fullResponse'], LINES)
  }
}

/** Sends speech and waits until it is read and stored. */
async function speaking(t: Test, session: StartedSession, { app }: TestApp): Promise<Say> {
  const socket = await connect(t, session.wsUrls.voice)
  return async (text) => {
    socket.send({ type: 'stt_text', data: { text } })
    await socket.next('stt_received')
    await app.conversation.settled(session.sessionId)
  }
}

const findings = ({ sessionId }: StartedSession) =>
  database.sql`select is_crisis, intervention from cbt_findings where session_id = ${sessionId} order by id`

for (const [who, openCounsellor] of Object.entries(COUNSELLORS))
  for (const way of ['written', 'spoken'] as const)
    t.test(`after ${way} self-harm language no exercise is offered (${who})`, async (t) => {
      const env = await openCounsellor(t)
      const prepare = async () => {
        const { server, session } = await setUp(t, env)
        const said = way === 'written' ? writing(t, session) : speaking(t, session, server)
        return {
          session,
          say: await said,
          offered: () => server.app.conversation.takeOffer(session.sessionId),
        }
      }
      const calm = await prepare()
      await calm.say(THOUGHT)
      t.match(calm.offered(), { tasks: Array }, 'offered without self-harm language')

      const before = await prepare()
      await before.say(THOUGHT)
      await before.say(CRISIS)
      t.equal(before.offered(), null, 'the pending offer is withdrawn')

      const after = await prepare()
      await after.say(CRISIS)
      await after.say(THOUGHT)
      await after.say('나는 정말 쓸모없는 인간이야')
      t.equal(after.offered(), null, 'no later offer')
      const rows = await eventually(
        () => findings(after.session),
        ({ length }) => length === 3,
      )
      t.same(
        rows.map(({ is_crisis, intervention }) => [is_crisis, intervention]),
        [
          [true, null],
          [false, null],
          [false, null],
        ],
      )
    })

t.test(
  'after self-harm language a model is instructed to suggest no exercise, without the reason',
  async (t) => {
    const double = await createGeminiDouble(t, [steps.answer(ANSWER)])
    const { session } = await setUp(t, { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl })
    const say = await writing(t, session)
    await say(THOUGHT)
    await say(CRISIS)
    await say(THOUGHT)
    const [first, second] = double.requests.map(({ body }) => JSON.stringify(body))
    t.notOk(first?.includes(NO_EXERCISES))
    t.match(second, NO_EXERCISES)
    t.notOk(second?.includes(CRISIS))
  },
)

t.test('the next update contains no exercise, not even from a stored answer', async (t) => {
  const { server, session } = await setUp(t, { ANALYSIS_INTERVAL_MS: '400' })
  const { sessionId } = session
  const say = await speaking(t, session, server)
  const face = await connect(t, session.wsUrls.landmarks)
  await face.next('connected')
  let answered: { window: number; intervention: unknown } | undefined
  server.app.hub.subscribe((id, event) => {
    if (id === sessionId && event.type === 'window_answered') answered ??= event.answer
  })
  await say(THOUGHT)
  for (const frame of frames('sad', 5)) face.send(frame)
  face.send({ type: 'ping' })
  await face.next('pong')
  face.socket.close()
  await face.closed
  const waiting = await eventually(
    () => answered,
    (answer) => answer !== undefined,
  )
  t.match(waiting, { intervention: { tasks: Array } }, 'the stored answer has an exercise')
  await say(CRISIS)
  const elsewhere = await startTestApp(t, { database })
  for (const { origin } of [server, elsewhere]) {
    const again = await connect(t, session.wsUrls.landmarks.replace(server.origin.slice(4), origin.slice(4)))
    const { data } = await again.next('emotion_update')
    t.equal(data['window'], waiting?.window)
    t.notOk('intervention' in data)
    const notDelivered = () => database.sql`
      update emotion_windows set delivered_at = null
      where session_id = ${sessionId} and delivered_at is not null returning 1`
    await eventually(notDelivered, ({ length }) => length > 0)
  }
})

t.test('an answer in progress during self-harm language leads to no offer', async (t) => {
  const double = await createGeminiDouble(t, [steps.stream(['네, '], { end: 'hang' })])
  const { server, session } = await setUp(t, { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl })
  const say = await speaking(t, session, server)
  const socket = await connect(t, session.wsUrls.session)
  await socket.next('status_update')
  socket.send({ type: 'request_ai_response', data: { message: THOUGHT, emotion: null } })
  await socket.next('ai_stream_chunk')
  await say(CRISIS)
  t.match((await socket.next('ai_stream_error')).data, { code: 'AI_INTERRUPTED' })
  t.equal(server.app.conversation.takeOffer(session.sessionId), null)
  t.equal((await findings(session)).length, 2, 'both were read')
})

t.test('an instance that takes over reads the flag from the rows and offers nothing', async (t) => {
  const { server, session } = await setUp(t)
  const say = await speaking(t, session, server)
  await say(CRISIS)
  const later = await startTestApp(t, { database })
  later.app.conversation.hear(session.sessionId, THOUGHT)
  await later.app.conversation.settled(session.sessionId)
  t.equal((await findings(session)).length, 2)
  t.equal(later.app.conversation.takeOffer(session.sessionId), null)
  t.notOk(later.app.conversation.mayOffer(session.sessionId))
})

t.test('a pending offer of another instance is withdrawn', async (t) => {
  const { session } = await setUp(t)
  const other = await startTestApp(t, { database })
  const { conversation } = other.app
  conversation.hear(session.sessionId, THOUGHT)
  await conversation.settled(session.sessionId)
  t.ok(conversation.mayOffer(session.sessionId))
  const say = await writing(t, session)
  await say(CRISIS)
  await eventually(
    () => conversation.mayOffer(session.sessionId),
    (may) => !may,
  )
  t.equal(conversation.takeOffer(session.sessionId), null)
})

t.test('while the rows cannot be read, nothing is offered', async (t) => {
  const { server, session } = await setUp(t)
  const { sessionId } = session
  await database.sql`alter table cbt_findings rename to cbt_findings_away`
  t.teardown(() => database.sql`alter table if exists cbt_findings_away rename to cbt_findings`)
  server.app.conversation.hear(sessionId, THOUGHT)
  await eventually(
    () => server.log.some((line) => line.includes('earlier offers could not be read')),
    Boolean,
  )
  await database.sql`alter table cbt_findings_away rename to cbt_findings`
  t.equal(server.app.conversation.takeOffer(sessionId), null)
})

t.test('the flag is set during a flood of other findings', async (t) => {
  const { server, account, session } = await setUp(t)
  const { sessionId } = session
  const { conversation } = server.app
  const hearAll = async (...texts: string[]) => {
    for (const text of texts) conversation.hear(sessionId, text)
    await conversation.settled(sessionId)
  }
  const flood = (text: string) => Array.from({ length: 40 }, () => text)
  const flagged = async () => (await findings(session)).filter(({ is_crisis }) => is_crisis)
  await hearAll(...flood(THOUGHT))
  await hearAll(...flood(THOUGHT), CRISIS)
  t.equal((await flagged()).length, 1)
  await hearAll(...flood(CRISIS), ...flood(CRISIS))
  const flags = await flagged()
  t.ok(flags.length > 1 && flags.length <= 22, `${flags.length} flags: their number is limited`)
  const report = await server.app.inject({
    url: `/api/session/${sessionId}/report`,
    headers: bearer(account.accessToken),
  })
  t.match(report.json().data.analysis.overallAssessment.forCounsellor, { isFlagged: true })
})

t.test('the flag is stored once although the database hangs and other sessions fill the queue', async (t) => {
  const { server, session } = await setUp(t)
  const { conversation } = server.app
  const flood = (from: number, to: number) => {
    for (let i = from; i < to; i++) for (let j = 0; j < 20; j++) conversation.hear(`sess_other_${i}`, THOUGHT)
  }
  const unlock = await holdTable(server, 'cbt_findings')
  flood(0, 6)
  await blockedQuery(database, 'cbt_findings')
  conversation.hear(session.sessionId, CRISIS)
  flood(6, 110)
  await eventually(() => server.log.some((line) => line.includes('findings were not stored')), Boolean)
  unlock()
  await conversation.settled(session.sessionId)
  t.match(await findings(session), [{ is_crisis: true }])
})

t.test('a message with self-harm language does not wait for another answer', async (t) => {
  const double = await createGeminiDouble(t, [steps.stream(['네, '], { end: 'hang' })])
  const { server, session } = await setUp(t, { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl })
  const other = await startTestApp(t, { database })
  const here = await connect(t, session.wsUrls.session)
  const there = await connect(
    t,
    session.wsUrls.session.replace(server.origin.slice(4), other.origin.slice(4)),
  )
  await Promise.all([here.next('status_update'), there.next('status_update')])
  const ask = (message: string) => ({ type: 'request_ai_response', data: { message, emotion: null } })

  here.send(ask('요즘 잠이 안 와요'))
  await here.next('ai_stream_chunk')
  there.send(ask(CRISIS))
  t.match((await there.next('ai_stream_complete')).data, { fullResponse: LINES }, 'on the other instance')
  t.match((await here.next('ai_stream_error')).data, { code: 'AI_INTERRUPTED' })

  const { session: second } = await setUp(t, { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl })
  const alone = await connect(t, second.wsUrls.session)
  await alone.next('status_update')
  alone.send(ask('요즘 잠이 안 와요'))
  await alone.next('ai_stream_chunk')
  alone.send(ask(CRISIS))
  t.match((await alone.next('ai_stream_error')).data, { code: 'AI_INTERRUPTED' })
  t.match((await alone.next('ai_stream_complete')).data, { fullResponse: LINES }, 'on the same instance')
  t.match(
    await eventually(
      () => findings(second),
      ({ length }) => length > 0,
    ),
    [{ is_crisis: true }],
  )
})

t.test('the lines reach the session socket on another instance without a notice', async (t) => {
  const [, name = ''] = /\/([^/?]+)\?/.exec(database.url) ?? []
  const proxy = await startTcpProxy(database.socketDir)
  t.teardown(() => proxy.close())
  const env = { DATABASE_DIRECT_URL: `postgres://maeum@127.0.0.1:${proxy.port}/${name}?sslmode=disable` }
  const [here, there] = [await startTestApp(t, { database, env }), await startTestApp(t, { database, env })]
  proxy.freeze() // no notice arrives
  const session = await startSession(here, await createAccount(here))
  const talk = await connect(t, `${there.origin.replace('http', 'ws')}/ws/session/${session.sessionId}`)
  await talk.next('status_update')
  const voice = await connect(t, session.wsUrls.voice)
  voice.send({ type: 'stt_text', data: { text: CRISIS } })
  await talk.next('ai_stream_begin')
  t.match((await talk.next('ai_stream_complete')).data['fullResponse'], LINES)
  await eventually(
    () => there.app.conversation.mayOffer(session.sessionId),
    (may) => !may,
  )
  // Once: two more polls find nothing new.
  talk.send({ type: 'request_ai_response', data: { message: THOUGHT, emotion: null } })
  await talk.next('ai_stream_complete')
  t.equal(talk.messages.filter(({ type }) => type === 'ai_stream_complete').length, 2)
})
