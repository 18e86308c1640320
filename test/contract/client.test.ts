import { randomUUID } from 'node:crypto'
import t from 'tap'
import { BROWSER_ORIGIN, connect, type ServerMessage, startTestApp, type TestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frames } from '../helpers/frames.ts'

/** What the web client shows, and reads, of an answer. */
type Answer = {
  readonly status: number
  readonly headers: Headers
  readonly success: boolean
  // any field may be looked for
  readonly data: Record<string, any> // eslint-disable-line @typescript-eslint/no-explicit-any
  readonly error?: { readonly code: string; readonly message: string; readonly requestId: string }
}

/** One browser: its headers on every request, its tokens in memory, Korean. */
function openBrowser({ origin }: TestApp) {
  const tokens = { accessToken: '', refreshToken: '' }
  const deviceId = randomUUID()
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const requestId = randomUUID()
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: {
        Accept: 'application/json, text/plain, */*',
        'Accept-Language': 'ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7',
        'Content-Type': 'application/json',
        Origin: BROWSER_ORIGIN,
        Referer: `${BROWSER_ORIGIN}/`,
        'User-Agent': 'Mozilla/5.0 (X11; Linux x64) Chrome/140.0',
        'X-Client-Version': '1.4.0',
        'X-Device-ID': deviceId,
        'X-Request-ID': requestId,
        'X-Timestamp': String(Date.now()),
        ...(tokens.accessToken === '' ? {} : { Authorization: `Bearer ${tokens.accessToken}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    if (answer.headers.get('x-request-id') !== requestId) throw new Error('the request id is not echoed')
    if (answer.headers.get('access-control-allow-origin') !== BROWSER_ORIGIN)
      throw new Error('a browser could not read this')
    return { status: answer.status, headers: answer.headers, ...((await answer.json()) as object) } as Answer
  }
  return { tokens, call }
}

const KO = /[가-힣]/

t.test('a person with the web client, from signing up to the report', async (t) => {
  const server = await startTestApp(t, {
    env: { ANALYSIS_INTERVAL_MS: '1500', WS_PING_INTERVAL_MS: '300', CORS_ORIGINS: BROWSER_ORIGIN },
  })
  const { call, tokens } = openBrowser(server)
  const account = { username: '하늘', email: 'haneul@example.com', password: 'password123' }

  const signedUp = await call('POST', '/api/auth/signup', account)
  t.equal(signedUp.status, 201)
  t.match(signedUp.data, {
    user: { id: Number, username: '하늘', email: account.email, profileImage: null },
    accessToken: /^[\w-]+\.[\w-]+\.[\w-]+$/,
    refreshToken: String,
  })
  const loggedIn = await call('POST', '/api/auth/login', { email: account.email, password: account.password })
  t.match(loggedIn, { status: 200, data: { user: signedUp.data['user'] } })
  Object.assign(tokens, loggedIn.data)
  t.match(await call('GET', '/api/auth/me'), { status: 200, data: { user: { username: '하늘' } } })

  const started = await call('POST', '/api/session/start', { userId: 'user-1', counselorId: 7 })
  t.equal(started.status, 201)
  t.match(started.data, {
    sessionId: /^sess_[\w-]{22,59}$/,
    startedAt: Number,
    status: 'active',
    userId: 'user-1',
    counselorId: 7,
  })
  const sessionId = String(started.data['sessionId'])
  for (const channel of ['landmarks', 'voice', 'session'])
    t.equal(
      started.data['wsUrls'][channel],
      `${server.origin.replace('http', 'ws')}/ws/${channel}?sessionId=${sessionId}`,
    )

  // The client builds the addresses itself, and opens all three at once.
  const [landmarks, voice, talk] = await Promise.all(
    (['landmarks', 'voice', 'session'] as const).map((channel) =>
      connect(t, `${server.origin.replace('http', 'ws')}/ws/${channel}/${sessionId}`),
    ),
  )
  if (landmarks === undefined || voice === undefined || talk === undefined)
    throw new Error('three were opened')
  const sockets = [landmarks, voice, talk]

  t.test('each socket greets first, and answers pings in every state', async (t) => {
    for (const socket of sockets) {
      t.match((await socket.next('connected')).data, { sessionId, message: KO })
      t.equal(socket.messages[0]?.type, 'connected')
      t.equal(socket.socket.extensions, '', 'nothing is compressed')
    }
    t.match((await talk.next('status_update')).data, { status: 'active', emotionCount: 0 })
    for (const command of ['pause', 'resume']) {
      const { data } = await call('POST', `/api/session/${sessionId}/${command}`)
      t.equal(data['status'], command === 'pause' ? 'paused' : 'active')
      await talk.next('status_update')
      for (const { send, next } of sockets) {
        send({ type: 'ping' })
        t.match(await next('pong'), { timestamp: Number })
        t.match((await next('ping')).data, { ts: Number })
      }
    }
    t.match(await landmarks.next('session_paused'), { data: { timestamp: Number } })
    t.match(await landmarks.next('session_resumed'), { data: { timestamp: Number } })
  })

  t.test('frames in its order of keys become one update a window', async (t) => {
    for (const text of frames('happy', 12)) {
      const { data } = JSON.parse(text) as { data: unknown }
      landmarks.send({ type: 'landmarks', data, timestamp: Date.now() })
    }
    t.match((await landmarks.next('analysis_started')).data, { window: Number, timestamp: Number })
    const { data } = await landmarks.next('emotion_update')
    t.match(data, {
      emotion: 'happy',
      timestamp: Number,
      frameCount: Number,
      sttSnippet: '',
      confidence: Number,
      uncertain: Boolean,
      valence: Number,
      arousal: Number,
      dominance: Number,
      source: 'local',
      model: String,
      window: Number,
    })
    const scores = Object.values(data['scores'] as Record<string, number>)
    t.equal(scores.length, 8)
    t.ok(Math.abs(scores.reduce((sum, score) => sum + score) - 1) < 0.01)
    t.equal(faces('happy', 1)[0]?.length, 478)
  })

  t.test('nothing carries a number that the client would take for one it has seen', async (t) => {
    talk.send({
      type: 'request_ai_response',
      data: { message: '조금 불안해요', emotion: 'anxious', timestamp: Date.now() },
    })
    t.match((await talk.next('ai_stream_complete')).data, { fullResponse: KO, source: 'local' })
    voice.send({ type: 'vad_result', timestamp: Date.now(), isSpeech: true, duration: 300, energy: 0.4 })
    voice.send({ type: 'stt_text', text: '안녕하세요' })
    t.match((await voice.next('stt_received')).data, { text: '안녕하세요', textLength: 5, timestamp: Number })
    t.match((await voice.next('vad_analysis')).data, { speechRatio: Number, pauseRatio: Number })
    for (const message of sockets.flatMap(({ messages }) => messages)) {
      t.notOk('seq' in message, message.type)
      const known = new Set(message.type === 'pong' ? ['type', 'timestamp'] : ['type', 'data'])
      t.ok(
        Object.keys(message).every((key) => known.has(key)),
        `${message.type}: everything is in data`,
      )
    }
  })

  t.test('end, summary and report are asked for in the same instant', async (t) => {
    for (const text of frames('happy', 12)) landmarks.send(text)
    await eventually(
      async () => (await call('GET', `/api/session/${sessionId}`)).data['status'],
      (status) => status === 'active',
    )
    const [ended, summary, report] = await Promise.all([
      call('POST', `/api/session/${sessionId}/end`),
      call('GET', `/api/session/${sessionId}/summary`),
      call('GET', `/api/session/${sessionId}/report`),
    ])
    t.match(ended, {
      status: 200,
      data: {
        sessionId,
        status: 'ended',
        endedAt: Number,
        duration: Number,
        emotionCount: Number,
        inferenceStats: Object,
      },
    })
    t.match(summary, {
      status: 200,
      data: {
        sessionId,
        vadVector: { valence: Number, arousal: Number, dominance: Number },
        keyObservations: Array,
        dominantEmotion: { emotion: 'happy', count: Number, percentage: Number },
        recommendations: Array,
      },
    })
    const again = await call('GET', `/api/session/${sessionId}/report`)
    t.match(again, { status: 200, data: { reportId: String, metadata: { sessionId, userId: 'user-1' } } })
    t.equal(report.status, 200)
    for (const one of [report, again]) {
      t.ok(Array.isArray(one.data['vadTimeline']) && Array.isArray(one.data['cbtFindings']))
      const observed = one.data['analysis']['overallAssessment']['keyObservations'] as unknown[]
      t.ok(observed.every((text) => typeof text === 'string'))
    }
    t.same((await call('POST', `/api/session/${sessionId}/end`)).data, ended.data, 'the end repeats itself')
    t.match((await landmarks.next('session_ended')).data, { timestamp: Number, duration: Number })
    for (const { closed } of sockets) t.match(await closed, { code: 1000 })
    const csv = await fetch(`${server.origin}/api/session/${sessionId}/report/csv?kind=vad`, {
      headers: { Authorization: `Bearer ${tokens.accessToken}` },
    })
    t.match(csv.headers.get('content-type'), 'text/csv; charset=utf-8')
    t.match(new Uint8Array(await csv.arrayBuffer()).slice(0, 3), [0xef, 0xbb, 0xbf])
    const pdf = await fetch(`${server.origin}/api/session/${sessionId}/report/pdf`, {
      headers: { Authorization: `Bearer ${tokens.accessToken}` },
    })
    t.equal(pdf.headers.get('content-type'), 'application/pdf')
    t.match(Buffer.from(await pdf.arrayBuffer()).toString('latin1', 0, 5), '%PDF-')
  })

  t.test('a client that reads no close code is stopped by the handshake', async (t) => {
    for (const url of [`/ws/voice/${sessionId}`, `/ws/session?sessionId=${sessionId}`]) {
      const address = `${server.origin.replace('http', 'ws')}${url}`
      const once = await connect(t, address)
      t.match((await once.next('error')).data, { code: 'SESSION_ENDED', message: KO, action: 'new_session' })
      t.match(await once.closed, { code: 1008, reason: 'SESSION_ENDED' })
      await t.rejects(connect(t, address), { message: /410/ })
    }
  })

  t.test('several tabs refresh at once and all stay logged in', async (t) => {
    const refreshed = await Promise.all(
      Array.from({ length: 6 }, () =>
        call('POST', '/api/auth/refresh', { refreshToken: tokens.refreshToken }),
      ),
    )
    t.same(
      refreshed.map(({ status }) => status),
      Array<number>(6).fill(200),
    )
    for (const { data } of refreshed) {
      t.match(data, { accessToken: String, refreshToken: String })
      tokens.accessToken = String(data['accessToken'])
      t.equal((await call('GET', '/api/auth/me')).status, 200)
      const next = await call('POST', '/api/auth/refresh', { refreshToken: data['refreshToken'] })
      t.equal(next.status, 200, 'whichever pair a tab has got')
    }
    t.match(await call('POST', '/api/auth/logout'), { status: 200, success: true, message: KO })
  })
})

t.test("a user's mistake gets a sentence, not a server error", async (t) => {
  const server = await startTestApp(t)
  const { call, tokens } = openBrowser(server)
  const account = { username: 'one', email: 'one@example.com', password: 'password123' }
  Object.assign(tokens, (await call('POST', '/api/auth/signup', account)).data)
  const { data } = await call('POST', '/api/session/start', {})
  await call('POST', `/api/session/${String(data['sessionId'])}/end`)
  const other = openBrowser(server)
  const twin = { ...account, email: 'two@example.com', username: 'two' }
  Object.assign(other.tokens, (await other.call('POST', '/api/auth/signup', twin)).data)

  const wrong: [status: number, code: string, method: string, path: string, body?: unknown][] = [
    [409, 'USER_EXISTS', 'POST', '/api/auth/signup', { ...account, username: 'three' }],
    [409, 'USERNAME_EXISTS', 'POST', '/api/auth/signup', { ...account, email: 'three@example.com' }],
    [400, 'VALIDATION_ERROR', 'POST', '/api/auth/signup', { username: 'x' }],
    [401, 'INVALID_CREDENTIALS', 'POST', '/api/auth/login', { email: account.email, password: 'wrong' }],
    [400, 'MISSING_REFRESH_TOKEN', 'POST', '/api/auth/refresh', {}],
    [401, 'INVALID_REFRESH_TOKEN', 'POST', '/api/auth/refresh', { refreshToken: 'x' }],
    [409, 'SESSION_ENDED', 'POST', `/api/session/${String(data['sessionId'])}/pause`],
    [409, 'SESSION_ENDED', 'POST', `/api/session/${String(data['sessionId'])}/resume`],
    [404, 'SESSION_NOT_FOUND', 'GET', '/api/session/sess_unknown'],
    [400, 'INVALID_RATING', 'POST', `/api/session/${String(data['sessionId'])}/feedback`, { rating: 6 }],
    [404, 'NOT_FOUND', 'GET', '/api/nothing'],
  ]
  for (const [status, code, method, path, body] of wrong) {
    const answer = await call(method, path, body)
    t.match(
      answer,
      { status, success: false, error: { code, message: KO, requestId: String } },
      `${method} ${path}`,
    )
    t.equal(answer.data, undefined)
  }
  const { error } = await call('POST', '/api/auth/login', { email: 'nobody@example.com', password: 'wrong' })
  t.equal(error?.message, '이메일 또는 비밀번호가 올바르지 않습니다.')
  for (const path of ['', '/summary', '/report', '/report/pdf', '/report/csv', '/timeline'])
    t.match(await other.call('GET', `/api/session/${String(data['sessionId'])}${path}`), {
      status: 404,
      error: { code: 'SESSION_NOT_FOUND' },
    })
})

t.test(
  'the other way round: newer frames stay away from it, of two sockets the newer one is served',
  async (t) => {
    const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '1500' } })
    const { call, tokens } = openBrowser(server)
    Object.assign(
      tokens,
      (
        await call('POST', '/api/auth/signup', {
          username: 'one',
          email: 'one@example.com',
          password: 'password123',
        })
      ).data,
    )
    const { data } = await call('POST', '/api/session/start', {})
    const address = String(data['wsUrls']['landmarks'])
    const older = await connect(t, address)
    await older.next('connected')
    const newer = await connect(t, address)
    await newer.next('connected')
    for (const text of frames('happy', 8)) {
      older.send(text)
      newer.send(text)
    }
    const { data: update } = await newer.next('emotion_update')
    t.equal(update['frameCount'], 8, 'frames of the older one are dropped')
    older.send({ type: 'ping' })
    await older.next('pong')
    const kinds = new Set(older.messages.map(({ type }: ServerMessage) => type))
    kinds.delete('ping')
    t.same([...kinds], ['connected', 'pong'], 'the older one stays open and hears nothing else')
    newer.socket.close()
    await newer.closed
    for (const text of frames('happy', 8)) older.send(text)
    t.match((await older.next('emotion_update')).data, { emotion: 'happy' }, 'and takes over')
    for (const type of ['rate', 'resumed', 'goaway', 'analysis_skipped', 'calibrated'])
      t.notOk(kinds.has(type), `${type} is for newer clients`)
  },
)
