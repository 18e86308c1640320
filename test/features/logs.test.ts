import t from 'tap'
import { parseDatabaseUrl } from '../../src/db/url.ts'
import { logError, logId, logUrl } from '../../src/lib/redact.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { faces, frameOf, frames } from '../helpers/frames.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer, hangBeforeHeaders } from '../helpers/gemini-steps.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

type LogLine = {
  level: number
  msg: string
  reqId?: string
  url?: string
  err?: object
  reason?: string
}

const DATABASE_PASSWORD = 'database-password-7461'
const PEPPER = 'pepper-7461'
const METRICS_TOKEN = 'metrics-token-7461'
const WRONG_PASSWORD = 'wrong-password-7461'
const SPOKEN = 'what was said 7461'
const UNKNOWN_ID = `sess_unknown${'7'.repeat(24)}`

t.test('the log contains the lines for operators and no private data', async (t) => {
  const database = await createTestDatabase(t)
  const proxy = await startTcpProxy(database.socketDir)
  t.teardown(() => proxy.close())
  const { database: name } = parseDatabaseUrl(database.url)
  let hangs = false
  const gemini = await createGeminiDouble(t, (asked) => {
    if (asked.streaming) return answer(SPOKEN) // the counsellor repeats the message
    return hangs ? hangBeforeHeaders() : answer()
  })
  const server = await startTestApp(t, {
    database,
    env: {
      DATABASE_URL: `postgres://maeum:${DATABASE_PASSWORD}@127.0.0.1:${proxy.port}/${name}`,
      PASSWORD_PEPPER: PEPPER,
      METRICS_TOKEN,
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: gemini.baseUrl,
      ANALYSIS_INTERVAL_MS: '1000',
      ANALYSIS_DEADLINE_MS: '700',
    },
  })
  const { app, origin, log } = server
  const post = (url: string, payload?: object | string, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      headers: { ...(typeof payload === 'string' ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(payload === undefined ? {} : { payload }),
    })

  // An account, its tokens, and failed attempts.
  const account = await createAccount(server)
  const { email, password } = account
  const headers = bearer(account.accessToken)
  await post('/api/auth/login', { email, password })
  await post('/api/auth/login', { email, password: WRONG_PASSWORD })
  await post('/api/auth/login', `{"email":"${email}","password":"${password}"`)
  await post('/api/auth/login', { email: [email], password: { password } })
  await post('/api/auth/login', { email: `${email}\u0000`, password })
  const twice = { username: 'twice', email: 'twice@example.com', password }
  const both = await Promise.all([post('/api/auth/signup', twice), post('/api/auth/signup', twice)])
  t.same(both.map(({ statusCode }) => statusCode).toSorted(), [201, 409])
  const robbed = await createAccount(server)
  const refreshed = await post('/api/auth/refresh', { refreshToken: robbed.refreshToken })
  const { data: pair } = refreshed.json<{ data: { accessToken: string; refreshToken: string } }>()
  const third = await post('/api/auth/refresh', { refreshToken: pair.refreshToken })
  await post('/api/auth/refresh', { refreshToken: robbed.refreshToken })
  await app.inject({ url: `/api/nothing/${account.refreshToken}?token=${account.accessToken}`, headers })

  // A session with its sockets, in both forms of the address.
  const session = await startSession(server, account)
  const { sessionId } = session
  await app.inject({ url: `/api/session/${sessionId}`, headers })
  await app.inject({ url: `/api/session/%73ess%5F${sessionId.slice(5)}`, headers })
  await app.inject({ url: `/api/unknown/${sessionId}/thing`, headers })
  const landmarks = await connect(t, `${origin.replace('http', 'ws')}/ws/landmarks/${sessionId}`)
  /** Streams a window at a time until one of them was answered by this analyser. */
  const streamUntil = async (source: 'gemini' | 'local') => {
    let answered: unknown
    while (answered !== source) {
      for (const frame of frames('happy', 12)) landmarks.send(frame)
      answered = (await landmarks.next('emotion_update')).data['source']
    }
  }
  landmarks.send(frameOf([{ x: 7461.7461, y: 'no', z: 0 }]))
  landmarks.send(`{"type":"${SPOKEN}`)
  const talk = await connect(t, session.wsUrls.session)
  talk.send({ type: 'request_ai_response', data: { message: SPOKEN, emotion: null } })
  talk.send({ type: 'unknown', data: { message: SPOKEN } })
  const voice = await connect(t, session.wsUrls.voice)
  voice.send({ type: 'stt_text', data: { text: SPOKEN } })
  await streamUntil('gemini')
  hangs = true
  await streamUntil('local')
  const stranger = await connect(t, `${origin.replace('http', 'ws')}/ws/session/${UNKNOWN_ID}`)
  t.equal((await stranger.closed).code, 1008)

  // Errors of the database quote the row, and a lost connection the address.
  await database.sql`alter table users add constraint nobody check (username <> 'nobody')`
  const broken = await post('/api/auth/signup', { username: 'nobody', email: 'nobody@example.com', password })
  t.equal(broken.statusCode, 500)
  t.notMatch(broken.body, /nobody/)
  await database.sql`alter table users rename column email to mail`
  t.equal((await post('/api/auth/login', { email, password })).statusCode, 503)
  await database.sql`alter table users rename column mail to email`
  await proxy.close()
  t.equal((await post('/api/auth/login', { email, password })).statusCode, 503)
  await t.rejects(connect(t, session.wsUrls.voice), { message: /503/ })
  await app.close()

  const text = log.join('')
  const lines = log.map((line) => JSON.parse(line) as LogLine)
  const said = (msg: string | RegExp) =>
    lines.filter((line) => (typeof msg === 'string' ? line.msg === msg : msg.test(line.msg))).length

  t.test('the lines that operators search for', async (t) => {
    t.equal(said('✅ 데이터베이스 연결 성공'), 1)
    t.equal(said(`✅ Session created: ${sessionId.slice(0, 12)}`), 1)
    t.ok(said(/^✅ \[CRITICAL\] Emotion saved to Supabase: [a-z]+$/) >= 1)
    t.equal(said(/^🎯 Gemini 분석 결과: happy \(시간: \d+\.\ds\)$/), 1)
    t.ok(said('❌ [CRITICAL] Gemini timeout') >= 1)
    t.equal(said(`⚠️ 세션 없음: ${UNKNOWN_ID.slice(0, 12)}`), 1)
    t.equal(said('❌ [CRITICAL] Failed to fetch session'), 1)
    t.ok(lines.filter((line) => line.msg === 'request completed').every((line) => line.reqId))
    t.ok(lines.some((line) => line.url === `/api/unknown/${sessionId.slice(0, 12)}…/thing`))
  })

  t.test('data that must never be logged', async (t) => {
    const [point] = faces('happy', 1)[0] ?? []
    const secrets: [name: string, text: string][] = [
      ['the session id', sessionId],
      ['the session id without its prefix', sessionId.slice(12)],
      ['an unknown session id', UNKNOWN_ID],
      ['the access token', account.accessToken],
      ['the signature of the access token', account.accessToken.split('.')[2] ?? ''],
      ['the refresh token', account.refreshToken],
      ['the seal of the refresh token', account.refreshToken.split('.')[3] ?? ''],
      ['a rotated refresh token', pair.refreshToken],
      ['a later refresh token', third.json<{ data: typeof pair }>().data.refreshToken],
      ['the password', password],
      ['a wrong password', WRONG_PASSWORD],
      ['a password hash', '$argon2id$'],
      ['the e-mail', email],
      ['the e-mail of a refused row', 'nobody@example.com'],
      ['the e-mail of a signup that lost', twice.email],
      ['a coordinate', String(point?.x)],
      ['a coordinate of a wrong frame', '7461.7461'],
      ['a spoken text', SPOKEN],
      ['the password of the database', DATABASE_PASSWORD],
      ['the address of the database', 'postgres://'],
      ['the key of the model', DOUBLE_KEY],
      ['the pepper', PEPPER],
      ['the token of the metrics', METRICS_TOKEN],
      ['the secret of the tokens', 'a secret for tests'],
      ['a query', 'select "'],
    ]
    for (const [name, secret] of secrets) {
      t.ok(secret.length > 4, `${name} is looked for`)
      t.notOk(text.includes(secret), name)
    }
  })

  t.test('server errors are logged with their reason, client errors are not logged as errors', async (t) => {
    const errors = lines.filter(({ level }) => level >= 50)
    const failed = errors.filter(({ msg }) => msg === 'request failed')
    t.match(failed, [
      { code: 'INTERNAL_ERROR', err: { code: '23514', constraint_name: 'nobody' } },
      { code: 'DATABASE_NOT_READY', err: { code: '42703' } },
    ])
    t.equal(failed.length, 2)
    t.equal(said(/^the database is unavailable/), 1, 'an outage is one line, not one for each request')
    t.same(
      errors.filter(
        (line) => ![line.reqId, line.err, line.reason].some(Boolean) && !line.msg.includes('[CRITICAL]'),
      ),
      [],
      'each contains the request or the reason',
    )
  })
})

t.test('addresses in the log', async (t) => {
  const id = `sess_${'aB3-_'.repeat(6)}`
  t.equal(logId(id), 'sess_aB3-_aB')
  t.equal(logUrl(`/ws/landmarks/${id}`), '/ws/landmarks/sess_aB3-_aB…')
  t.equal(logUrl(`/ws/landmarks?sessionId=${id}`), '/ws/landmarks')
  t.equal(logUrl(`/api/session/${id}/end?x=1`), '/api/session/sess_aB3-_aB…/end')
  t.equal(logUrl(`/${id}/${id}`), '/sess_aB3-_aB…/sess_aB3-_aB…')
  t.equal(logUrl('/api/session/stats/summary'), '/api/session/stats/summary')
})

t.test('errors in the log', async (t) => {
  t.match(logError('a text'), { type: 'string', message: 'a text' })
  const circular = new Error('round')
  circular.cause = circular
  t.doesNotThrow(() => JSON.stringify(logError(circular)), 'a circle of causes ends')
  const multiline = new Error('first\n    at secret (place)')
  t.match(logError(multiline), { message: /first/, stack: /^ {4}at / })
})
