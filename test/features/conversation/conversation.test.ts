import t, { type Test } from 'tap'
import { createLanguageModel } from '../../../src/features/conversation/language-model.ts'
import { conversationRepository } from '../../../src/features/conversation/repository.ts'
import {
  bearer,
  connect,
  createAccount,
  type ServerMessage,
  type StartedSession,
  startSession,
  startTestApp,
  type TestApp,
  type TestSocket,
} from '../../helpers/app.ts'
import { blockedQuery } from '../../helpers/blocked-query.ts'
import { createTestDatabase } from '../../helpers/database.ts'
import { eventually } from '../../helpers/eventually.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../../helpers/gemini-double.ts'
import * as steps from '../../helpers/gemini-steps.ts'
import { holdTable } from '../../helpers/hold-table.ts'
import { createTestModels } from '../../helpers/models.ts'

const MODELS = ['gemini-3.5-flash-lite', 'gemini-3.1-flash-lite']
const QUESTION = '요즘 잠이 안 와요'
const ANSWER = '많이 지치셨겠어요. 잠자리에 누우면 어떤 생각이 드시나요?'

const database = await createTestDatabase(t)

/** A server with a key, whose model is a double that plays `script`. */
async function setUp(t: Test, script: Script, env: Record<string, string> = {}, rows = database) {
  const double = await createGeminiDouble(t, script)
  // Each server takes a part of the minute's quota, which many servers in a row would use up.
  await rows.sql`delete from model_allowances`
  const app = await startTestApp(t, {
    database: rows,
    env: {
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: double.baseUrl,
      GEMINI_MODELS: MODELS.join(','),
      ...env,
    },
  })
  const account = await createAccount(app)
  const session = await startSession(app, account)
  const socket = await join(t, session)
  return { double, app, account, session, ...socket }
}

async function join(t: Test, session: StartedSession) {
  const socket = await connect(t, session.wsUrls.session)
  await socket.next('status_update')
  return socket
}

const ask = ({ send }: Pick<TestSocket, 'send'>, message = QUESTION, emotion: string | null = null) =>
  send({ type: 'request_ai_response', data: { message, emotion, timestamp: Date.now() } })

const stored = ({ sessionId }: StartedSession) =>
  database.sql`select message, response, emotion, source from conversations where session_id = ${sessionId} order by id`

const chunks = (messages: readonly ServerMessage[]) =>
  messages.filter(({ type }) => type === 'ai_stream_chunk').map(({ data }) => data['chunk'])

const command = ({ app }: TestApp, token: string, { sessionId }: StartedSession, word: string) =>
  app.inject({ method: 'POST', url: `/api/session/${sessionId}/${word}`, headers: bearer(token) })

/** A promise and the function that resolves it. */
function gate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const textsOf = (body: unknown): { role: string; text: string }[] =>
  (body as { contents: { role: string; parts: { text: string }[] }[] }).contents.map(({ role, parts }) => ({
    role,
    text: parts.map(({ text }) => text).join(''),
  }))
const systemOf = (body: unknown): string =>
  JSON.stringify((body as { systemInstruction: unknown }).systemInstruction)

t.test("the model's text is streamed, and stored once", async (t) => {
  const { opened, open } = gate()
  const pieces = ['많이 ', '지치셨겠어요.']
  const { session, next, messages, ...socket } = await setUp(t, [
    steps.stream(pieces, { pace: () => opened }),
  ])
  ask(socket, QUESTION, 'sad')
  t.match((await next('ai_stream_begin')).data, { emotion: 'sad' })
  t.match((await next('ai_stream_chunk')).data, { chunk: pieces[0] }, 'before the stream has ended')
  t.equal(chunks(messages).length, 1)
  open()
  const { data } = await next('ai_stream_complete')
  t.match(data, { fullResponse: pieces.join(''), conversationId: /^conv_/, source: 'gemini' })
  t.same(chunks(messages), pieces)
  t.same(
    [...(await stored(session))],
    [{ message: QUESTION, response: pieces.join(''), emotion: 'sad', source: 'gemini' }],
  )
})

t.test(
  'the request contains the recent emotions and the conversation so far, starting with a user turn',
  async (t) => {
    const { session, double, next, ...socket } = await setUp(t, [steps.answer(ANSWER)])
    const { sql } = database
    for (const [window, emotion] of [
      [1, 'neutral'],
      [2, 'sad'],
      [3, 'anxious'],
    ] as const)
      await sql`
      insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion, confidence,
        uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures, answered_at)
      values (${session.sessionId}, ${window}, now(), 5, 5, ${emotion}, 0.7, false, '{}', 0, 0, 0, 'local', 'm', 1, 'v',
        '\\x00', now())`
    ask(socket, '첫 번째 말')
    t.match(
      (await next('ai_stream_begin')).data,
      { emotion: 'anxious' },
      'the emotion of the newest window is used',
    )
    await next('ai_stream_complete')
    ask(socket, '두 번째 말', 'happy')
    await next('ai_stream_complete')
    const [first, second] = double.requests
    t.match(systemOf(first?.body), /중립 0\.70, 슬픔 0\.70, 불안 0\.70/)
    t.match(systemOf(second?.body), /행복/)
    t.match(systemOf(first?.body), /109/, 'the crisis lines are included')
    t.same(textsOf(first?.body), [{ role: 'user', text: '첫 번째 말' }])
    t.same(textsOf(second?.body), [
      { role: 'user', text: '첫 번째 말' },
      { role: 'model', text: ANSWER },
      { role: 'user', text: '두 번째 말' },
    ])
    t.notMatch(JSON.stringify(second?.body), session.sessionId, 'the session id is not sent')
  },
)

t.test('a long conversation is cut to its newest whole exchanges', async (t) => {
  const { session, double, next, ...socket } = await setUp(t, [steps.answer(ANSWER)])
  const long = '가'.repeat(900)
  for (let i = 1; i <= 8; i++)
    await database.sql`
      insert into conversations (session_id, message, response, source)
      values (${session.sessionId}, ${`${i} ${long}`}, ${long}, 'gemini')`
  ask(socket)
  await next('ai_stream_complete')
  const turns = textsOf(double.requests[0]?.body)
  t.equal(turns[0]?.role, 'user')
  t.ok(turns[0]?.text.startsWith('8 '), 'the oldest are left out')
  t.same(
    turns.map(({ role }) => role),
    turns.map((_, i) => (i % 2 === 0 ? 'user' : 'model')),
  )
  t.equal(turns.at(-1)?.text, QUESTION)
})

t.test('the instruction uses the language of the session', async (t) => {
  const { session, double, next, ...socket } = await setUp(t, [steps.answer(ANSWER)])
  await database.sql`update sessions set language = 'en' where id = ${session.sessionId}`
  ask(socket, 'I cannot sleep')
  await next('ai_stream_complete')
  t.match(systemOf(double.requests[0]?.body), /warm companion/)
})

t.test(
  'if a model fails before its first text, the next model answers, and finally the local counsellor',
  async (t) => {
    const { double, session, next, ...socket } = await setUp(t, [
      steps.overloaded(),
      steps.answer(ANSWER),
      steps.modelNotFound(),
      steps.promptBlocked(),
      steps.keyRefused(),
    ])
    ask(socket)
    t.match((await next('ai_stream_complete')).data, { fullResponse: ANSWER, source: 'gemini' })
    t.same(
      double.requests.map(({ model }) => model),
      MODELS,
    )
    ask(socket)
    t.match((await next('ai_stream_complete')).data, { fullResponse: /[가-힣]/, source: 'local' })
    t.equal(double.requests.length, 4)
    ask(socket)
    t.match((await next('ai_stream_complete')).data, { source: 'local' })
    t.equal(double.requests.length, 5, 'a refused key is not tried with another model')
    t.same(
      (await stored(session)).map(({ source }) => source),
      ['gemini', 'local', 'local'],
    )
  },
)

t.test('a stream that breaks after its first text ends with a readable error', async (t) => {
  const bad = (end: 'cut' | 'error' | 'blocked' | 'hang') =>
    steps.stream(['많이 ', '지치'], { end, pace: () => 50 })
  const script = [bad('cut'), bad('error'), bad('blocked'), bad('hang')]
  const { double, session, next, app, ...socket } = await setUp(t, script, { GEMINI_TIMEOUT_MS: '700' })
  while (double.requests.length < script.length) {
    ask(socket)
    const { data } = await next('ai_stream_error')
    t.match(data, { code: 'AI_INTERRUPTED', message: /^[가-힣 ,.]+$/ })
    t.equal(data['error'], data['message'])
  }
  t.same(await stored(session), [], 'an incomplete answer is not stored')
  t.notOk(app.log.some((line) => line.includes(QUESTION) || line.includes(DOUBLE_KEY)))
})

t.test('a request that one model rejects is sent to the next', async (t) => {
  for (const refusal of [steps.settingRefused(), steps.regionRefused(), steps.modelNotFound()]) {
    const { double, next, ...socket } = await setUp(t, [refusal, steps.answer(ANSWER)])
    ask(socket)
    t.match((await next('ai_stream_complete')).data, { fullResponse: ANSWER, source: 'gemini' })
    t.same(
      double.requests.map(({ model }) => model),
      MODELS,
    )
  }
})

t.test('if no model serves the region, the log and readiness report it', async (t) => {
  const { app, next, ...socket } = await setUp(t, [steps.regionRefused()])
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { source: 'local' })
  t.ok(app.log.some((line) => line.includes('a model refuses our requests') && line.includes('region')))
  const ready = await app.app.inject({ url: '/api/health/ready' })
  t.equal(ready.statusCode, 200)
  const { details } = ready.json<{ checks: { model: { details: string[] } } }>().checks.model
  t.ok(details.some((detail) => detail.includes('region not supported')))
})

t.test('an answer that ends without a finish reason is incomplete', async (t) => {
  const { next, session, ...socket } = await setUp(t, [
    steps.stream(['많이 ', '지치'], { end: 'unfinished' }),
  ])
  ask(socket)
  t.match((await next('ai_stream_error')).data, { code: 'AI_INTERRUPTED' })
  t.same(await stored(session), [])
})

t.test('an answer that reaches the output limit ends with its last whole sentence', async (t) => {
  const { next, session, ...socket } = await setUp(t, [
    steps.stream(['많이 지치셨겠어요. ', '잠자리에 누우면 어떤 생'], { end: 'limit' }),
  ])
  ask(socket)
  const fullResponse = '많이 지치셨겠어요.'
  t.match((await next('ai_stream_complete')).data, { fullResponse, source: 'gemini' })
  t.match(await stored(session), [{ response: fullResponse }])
})

t.test('thoughts of the model are not sent, and additions of a gateway are ignored', async (t) => {
  const { next, messages, ...socket } = await setUp(t, [
    steps.stream([ANSWER], { thought: 'The user seems tired.', form: steps.AS_GATEWAY }),
  ])
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { fullResponse: ANSWER, source: 'gemini' })
  t.same(chunks(messages), [ANSWER])
})

t.test('a call to a model that does not respond is aborted in time, and its connection closed', async (t) => {
  const { double, next, ...socket } = await setUp(t, [steps.hangBeforeHeaders()], {
    GEMINI_TIMEOUT_MS: '300',
  })
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { source: 'local' })
  await double.connectionClosed()
})

t.test(
  'the next model is called if a model sends no text in time, but not after its first text',
  async (t) => {
    const double = await createGeminiDouble(t, [
      steps.hangBeforeHeaders(),
      steps.answer(ANSWER),
      steps.stream(['네, '], { end: 'error' }),
    ])
    const model = createLanguageModel(createTestModels(double.baseUrl, { names: MODELS }))
    const question = {
      system: 's',
      contents: [{ role: 'user', parts: [{ text: QUESTION }] }],
      maxOutputTokens: 512,
    }
    const waits = { signal: new AbortController().signal, firstMs: 300, totalMs: 20_000 }
    const begun = performance.now()
    t.match(await model.stream(question, waits, () => true), { outcome: 'complete', model: MODELS[1] })
    t.ok(performance.now() - begun < 10_000)
    t.match(await model.stream(question, waits, () => true), { outcome: 'failed', hasStarted: true })
    t.equal(double.requests.length, 3)
    const aborted = { ...waits, signal: AbortSignal.abort() }
    t.match(await model.stream(question, aborted, () => true), { outcome: 'failed', reason: 'aborted' })
    t.equal(double.requests.length, 3, 'no call for an aborted request')
  },
)

t.test('a closed socket aborts the model call', async (t) => {
  const { double, session, next, socket, send } = await setUp(t, [steps.stream(['네, '], { end: 'hang' })])
  ask({ send })
  await next('ai_stream_chunk')
  socket.close()
  await double.connectionClosed()
  const again = await join(t, session)
  double.script([steps.answer(ANSWER)])
  const complete = again.next('ai_stream_complete')
  const answered = () => {
    ask(again)
    return Promise.race([complete, again.next('ai_stream_error')])
  }
  await eventually(answered, ({ type }) => type === 'ai_stream_complete')
  t.equal((await stored(session)).length, 1, 'only the complete answer is stored')
})

t.test('the end of the session aborts the model call with an error', async (t) => {
  const { double, account, app, session, next, ...socket } = await setUp(t, [
    steps.stream(['네, '], { end: 'hang' }),
  ])
  ask(socket)
  await next('ai_stream_chunk')
  await command(app, account.accessToken, session, 'end')
  t.match((await next('ai_stream_error')).data, { code: 'SESSION_ENDED', error: /[가-힣]/ })
  await double.connectionClosed()
  t.match(await socket.closed, { code: 1000 })
})

t.test('commands and pings do not wait for an answer', async (t) => {
  const { next, send } = await setUp(t, [steps.stream(['네, '], { end: 'hang' })])
  ask({ send })
  await next('ai_stream_chunk')
  send({ type: 'pause' })
  await next('pause_success')
  send({ type: 'ping' })
  await next('pong')
})

t.test('one answer at a time in a session, over all instances', async (t) => {
  const { opened, open } = gate()
  const one = await setUp(t, [steps.stream(['네, ', '그래요.'], { pace: () => opened })])
  const second = await startTestApp(t, { database })
  const url = one.session.wsUrls.session.replace(one.app.origin.slice(4), second.origin.slice(4))
  const other = await connect(t, url)
  await other.next('status_update')
  ask(one)
  await one.next('ai_stream_chunk')
  ask(other)
  t.match((await other.next('ai_stream_error')).data, { code: 'AI_BUSY' })
  open()
  await one.next('ai_stream_complete')
  ask(other)
  t.match((await other.next('ai_stream_complete')).data, { source: 'local' })
})

t.test('the lock of a killed instance expires, and is deleted with its session', async (t) => {
  const rows = await createTestDatabase(t)
  const { app, account, session, next, ...socket } = await setUp(t, [steps.answer(ANSWER)], {}, rows)
  const { sessionId } = session
  const leave = (expiry: string) => rows.sql`
    insert into conversation_locks (session_id, holder, expires_at)
    values (${sessionId}, 'of a dead instance', now() + ${expiry}::interval)
    on conflict (session_id) do update set expires_at = excluded.expires_at`
  const holders = async () =>
    (await rows.sql`select holder from conversation_locks`).map(({ holder }) => holder)

  await leave('1 hour')
  ask(socket)
  t.match((await next('ai_stream_error')).data, { code: 'AI_BUSY' })
  await leave('-1 second')
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { fullResponse: ANSWER })
  t.same(await holders(), [], 'released by its holder')

  await leave('1 hour')
  const { accessToken } = account
  await app.app.inject({ method: 'DELETE', url: `/api/session/${sessionId}`, headers: bearer(accessToken) })
  t.same(await holders(), [], 'deleted with the session')
})

t.test('expired locks are deleted at boot, also those of the previous version', async (t) => {
  const rows = await createTestDatabase(t)
  const { session } = await setUp(t, [], {}, rows)
  await rows.sql`
    insert into conversation_locks (session_id, holder, expires_at)
    values (${session.sessionId}, 'of a dead instance', now() - interval '1 second')`
  await rows.sql`
    insert into model_allowances (key, level, filled_at) values
      ('counsellor expired', 1, now() - interval '1 second'), ('counsellor held', 2, now() + interval '1 hour')`
  await startTestApp(t, { database: rows })
  await eventually(
    async () => ({
      locks: (await rows.sql`select session_id from conversation_locks`).length,
      earlier: (await rows.sql`select key from model_allowances where key like 'counsellor %'`).map(
        ({ key }) => String(key),
      ),
    }),
    ({ locks, earlier }) => locks === 0 && earlier.join() === 'counsellor held',
  )
})

t.test('a complete answer is stored, even if its socket has closed', async (t) => {
  const { app, session, next, socket, send } = await setUp(t, [steps.answer(ANSWER)])
  const unlock = await holdTable(app, 'conversations')
  ask({ send })
  await eventually(
    () => 0,
    () => true,
  )
  await next('ai_stream_chunk')
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await eventually(
    async () =>
      (
        await database.sql`select 1 from pg_stat_activity where wait_event_type = 'Lock' and query ilike '%insert into "conversations"%'`
      ).length,
    (waiting) => waiting > 0,
  )
  socket.close()
  await closed
  unlock()
  const rows = await eventually(
    () => stored(session),
    (found) => found.length > 0,
  )
  t.match(rows, [{ response: ANSWER, source: 'gemini' }])
})

t.test('while the database hangs, the answer is completed, and stored once later', async (t) => {
  const { app, session, next, ...socket } = await setUp(t, [steps.answer(ANSWER)])
  const unlock = await holdTable(app, 'conversations')
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { fullResponse: ANSWER, conversationId: null })
  t.same(await stored(session), [])
  unlock()
  await eventually(
    () => stored(session),
    (found) => found.length > 0,
  )
  await app.app.close()
  t.equal((await stored(session)).length, 1)
})

t.test('an exchange whose first write was not confirmed is stored once', async (t) => {
  const app = await startTestApp(t, { database })
  const { sessionId } = await startSession(app, await createAccount(app))
  const exchange = { message: 'm', response: 'r', emotion: null, source: 'local' as const }
  const write = (createdAt: number, id = sessionId) =>
    conversationRepository.insertExchange(
      database.orm,
      {
        sessionId: id,
        ...exchange,
        createdAt: new Date(createdAt),
      },
      false,
    )
  const ids = await Promise.all([write(1), write(1), write(1)])
  t.equal(new Set(ids).size, 1)
  t.not(await write(2), ids[0], 'another time is another exchange')
  t.equal(await write(1, 'sess_gone'), undefined, 'a deleted session stores no conversations')
})

t.test('conversations count on the bill of the models and stop at the daily budget', async (t) => {
  const model = 'gemini-of-the-bill'
  const costs = {
    GEMINI_MODELS: model,
    GEMINI_PRICES: `${model}=1000/1000`,
    GEMINI_DAILY_BUDGET_USD: '0.000001',
  }
  const rows = await createTestDatabase(t)
  const { app, double, account, next, ...socket } = await setUp(t, [steps.answer(ANSWER)], costs, rows)
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { source: 'gemini' })
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { source: 'local' }, 'the local counsellor answers')
  const read = await app.app.inject({
    method: 'POST',
    url: '/api/emotion',
    headers: bearer(account.accessToken),
    payload: { text: '오늘은 정말 행복해요' },
  })
  t.match(read.json().data, { source: 'local' }, 'texts count on the same bill')
  t.equal(double.requests.length, 1)
  await app.app.close()
  const bill = await rows.sql`
    select requests, prompt_tokens::int, answer_tokens::int, cost_micro_usd::int from model_usage where model = ${model}`
  t.match(bill, [{ requests: 1, prompt_tokens: Number, answer_tokens: Number }])
  const [row] = bill
  t.ok(Number(row?.['prompt_tokens']) > 0 && Number(row?.['answer_tokens']) > 0)
  t.equal(row?.['cost_micro_usd'], 1000 * (Number(row?.['prompt_tokens']) + Number(row?.['answer_tokens'])))
})

t.test('conversations and windows share the circuit breaker of a model', async (t) => {
  const { app, double, next, ...socket } = await setUp(t, [steps.overloaded()], {
    GEMINI_MODELS: 'gemini-that-is-down',
  })
  const FAILURES = 10
  for (let i = 0; i < FAILURES; i++) {
    ask(socket)
    t.match((await next('ai_stream_complete')).data, { source: 'local' })
  }
  t.equal(double.requests.length, FAILURES)
  ask(socket)
  t.match((await next('ai_stream_complete')).data, { source: 'local' })
  t.equal(double.requests.length, FAILURES, 'its circuit is open')
  const ready = await app.app.inject({ url: '/api/health/ready' })
  t.match(JSON.stringify(ready.json()), /gemini-that-is-down: open/, 'readiness reports the same circuit')
})

t.test('self-harm language is not sent to a model', async (t) => {
  const { double, next, ...socket } = await setUp(t, [steps.answer(ANSWER)], {
    CRISIS_LINES: '도움의 전화=02-123-4567',
  })
  ask(socket, '더 이상 살고 싶지 않아요')
  t.match((await next('ai_stream_complete')).data, { fullResponse: /02-123-4567/, source: 'local' })
  t.equal(double.requests.length, 0)
  ask(socket, QUESTION)
  t.match((await next('ai_stream_complete')).data, { source: 'gemini' })
  t.same(textsOf(double.requests[0]?.body), [{ role: 'user', text: QUESTION }], 'nor later, in the history')
})

t.test(
  'spoken self-harm language sends the crisis lines to the session sockets on every instance',
  async (t) => {
    const first = await startTestApp(t, { database })
    const second = await startTestApp(t, { database })
    const account = await createAccount(first)
    const session = await startSession(first, account)
    const voice = await connect(t, session.wsUrls.voice)
    const here = await join(t, session)
    const there = await connect(
      t,
      session.wsUrls.session.replace(first.origin.slice(4), second.origin.slice(4)),
    )
    await there.next('status_update')
    voice.send({ type: 'stt_text', data: { text: '그냥 죽고 싶어' } })
    for (const { next, messages } of [here, there]) {
      const { data } = await next('ai_stream_complete')
      t.match(data, { fullResponse: /109[^]*1577-0199/, conversationId: null, source: 'local' })
      t.same(chunks(messages), [data['fullResponse']])
    }
    voice.send({ type: 'stt_text', data: { text: '죽고 싶다고' } })
    await voice.next('stt_received')
    await voice.next('stt_received')
    const flags = () =>
      database.sql`select is_crisis from cbt_findings where session_id = ${session.sessionId}`
    t.match(await eventually(flags, (rows) => rows.length === 2), [{ is_crisis: true }, { is_crisis: true }])
    t.equal(chunks(here.messages).length, 1, 'not repeated within a minute')
  },
)

t.test(
  'cognitive distortions in speech are stored without the words, and an exercise is offered at intervals',
  async (t) => {
    const app = await startTestApp(t, { database })
    const session = await startSession(app, await createAccount(app))
    const { send, next } = await connect(t, session.wsUrls.voice)
    const thought = '나는 항상 모든 걸 망쳐요. 이번에도 분명히 최악의 일이 생길 거예요. 비밀번호는 바나나예요'
    for (let i = 0; i < 3; i++) {
      send({ type: 'stt_text', data: { text: `${i}. ${thought}` } })
      await next('stt_received')
    }
    const findings = () =>
      database.sql`select detections, intervention, is_crisis from cbt_findings where session_id = ${session.sessionId} order by id`
    const rows = await eventually(findings, (found) => found.length === 3)
    for (const { detections, is_crisis } of rows) {
      t.equal(is_crisis, false)
      t.match(detections[0], {
        type: String,
        name_ko: /[가-힣]/,
        severity: /low|medium|high/,
        confidence: Number,
      })
    }
    t.notMatch(JSON.stringify(rows), /바나나/)
    const offers = rows.filter(({ intervention }) => intervention !== null)
    t.equal(offers.length, 1, 'not with every sentence')
    t.match(offers[0]?.['intervention'], { questions: Array, tasks: Array, urgency: String })
    t.match(app.app.conversation.takeOffer(session.sessionId), { questions: Array }, 'for the next update')
    t.equal(app.app.conversation.takeOffer(session.sessionId), null, 'once')
  },
)

for (const table of ['cbt_findings', 'voice_windows']) {
  t.test(`a report waits for the data of the instant before the end (${table})`, async (t) => {
    const app = await startTestApp(t, { database })
    const account = await createAccount(app)
    const session = await startSession(app, account)
    const [voice, socket] = [await connect(t, session.wsUrls.voice), await join(t, session)]
    const events: string[] = []
    app.app.hub.subscribe((id, { type }) => {
      if (id === session.sessionId) events.push(type)
    })
    const unlock = await holdTable(app, table)
    voice.send({ type: 'vad_result', data: { isSpeech: true, duration: 300, timestamp: Date.now() } })
    voice.send({ type: 'stt_text', data: { text: '그냥 죽고 싶어' } })
    await voice.next('stt_received')
    await socket.next('ai_stream_complete')
    ask(socket, '나는 항상 모든 걸 망쳐요')
    await socket.next('ai_stream_complete')
    await command(app, account.accessToken, session, 'end')
    await eventually(
      async () => events,
      (types) => types.includes('analysis_finished'),
    )
    await blockedQuery(database)
    const reports = await database.sql`select 1 from reports where session_id = ${session.sessionId}`
    t.same(reports, [], 'no report while a write is pending')
    unlock()
    const { data } = (
      await app.app.inject({
        url: `/api/session/${session.sessionId}/report`,
        headers: bearer(account.accessToken),
      })
    ).json()
    t.type(data.reportId, 'string')
    t.match(data.statistics, { crisisFindings: 1, conversations: 1, voiceWindows: 1 })
    t.match(data.cbtFindings, [{ hasDistortions: true }])
  })
}
