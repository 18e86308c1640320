import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { emotionWindows } from '../../src/db/schema/index.ts'
import type { Emotion } from '../../src/domain/emotion.ts'
import { SESSION_STATUSES, type SessionCommand, getTransition } from '../../src/domain/session.ts'
import { type SummarisedWindow, summarise } from '../../src/domain/summary.ts'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { frames } from '../helpers/frames.ts'
import { readingOf } from '../helpers/scripted-model.ts'

const data = (answer: LightMyRequestResponse) => answer.json<{ data: Record<string, unknown> }>().data
const code = (answer: LightMyRequestResponse) =>
  answer.statusCode < 400
    ? String(answer.statusCode)
    : `${answer.statusCode} ${answer.json<{ error: { code: string } }>().error.code}`

/** Calls to the session routes of one server, as one account. */
function caller({ app }: TestApp, account: Account) {
  const headers = bearer(account.accessToken)
  const post = (path: string, payload?: object, more: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url: `/api/session/${path}`,
      headers: { ...headers, ...more },
      ...(payload === undefined ? {} : { payload }),
    })
  return {
    start: (payload?: object, more?: Record<string, string>) => post('start', payload, more),
    pause: (id: string) => post(`${id}/pause`),
    resume: (id: string) => post(`${id}/resume`),
    end: (id: string) => post(`${id}/end`),
    get: (id: string) => app.inject({ url: `/api/session/${id}`, headers }),
    delete: (id: string) => app.inject({ method: 'DELETE', url: `/api/session/${id}`, headers }),
  }
}

/** A stored answer of one window, as the analysis writes it. */
const windowRow = (sessionId: string, window: number, emotion: Emotion, more: object = {}) => ({
  sessionId,
  window,
  closedAt: new Date(),
  framesReceived: 100,
  framesAnalysed: 40,
  ...readingOf(emotion),
  source: 'local' as const,
  model: 'local-1',
  latencyMs: 10,
  analyserVersion: 'test',
  measures: new Uint8Array(),
  ...more,
})

t.test('start', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const { start, get } = caller(server, account)

  t.test('answers with the id and the three addresses, the row committed', async (t) => {
    const before = Date.now()
    const answer = await start({ userId: 'user-1', counselorId: 7 }, { host: 'maeum.local:9000' })
    t.equal(answer.statusCode, 201)
    const session = data(answer)
    const id = String(session['sessionId'])
    t.match(id, /^sess_[\w-]{22,59}$/, 'at least 128 random bits, at most 64 characters')
    t.same(session, {
      sessionId: id,
      wsUrls: {
        landmarks: `ws://maeum.local:9000/ws/landmarks?sessionId=${id}`,
        voice: `ws://maeum.local:9000/ws/voice?sessionId=${id}`,
        session: `ws://maeum.local:9000/ws/session?sessionId=${id}`,
      },
      startedAt: session['startedAt'],
      status: 'active',
      userId: 'user-1',
      counselorId: 7,
    })
    const startedAt = Number(session['startedAt'])
    t.ok(startedAt >= before - 1000 && startedAt <= Date.now() + 1000)
    const rows = await server.database.sql`
      select user_id::float8 as owner, status, interval_ms as interval from sessions where id = ${id}`
    t.same(rows, [{ owner: account.id, status: 'active', interval: 10_000 }])
    t.not(data(await start())['sessionId'], id, 'each start is a session of its own')
  })

  t.test('labels are returned unchanged', async (t) => {
    const labels: object[] = [
      { userId: 42, counselorId: '42' },
      { userId: 0, counselorId: '' },
      { userId: -1.5 },
      { counselorId: '상담사 😀' },
      { userId: 'x'.repeat(64) },
      {},
    ]
    for (const sent of labels) {
      const session = data(await start({ ...sent, unknown: 'key' }))
      const shown = data(await get(String(session['sessionId'])))
      for (const view of [session, shown]) {
        const { userId, counselorId } = view
        t.equal(JSON.stringify({ userId, counselorId }), JSON.stringify({ userId: undefined, ...sent }))
      }
    }
    for (const wrong of [
      { userId: 'x'.repeat(65) },
      { userId: true },
      { counselorId: {} },
      { counselorId: [] },
    ])
      t.equal(code(await start(wrong)), '400 VALIDATION_ERROR', JSON.stringify(wrong).slice(0, 30))
  })

  t.test('the owner is the user of the token, regardless of the labels', async (t) => {
    const other = await createAccount(server)
    const { sessionId } = data(await start({ userId: other.id }))
    t.equal(code(await caller(server, other).get(String(sessionId))), '404 SESSION_NOT_FOUND')
  })

  t.test('forwarded headers of untrusted clients do not change the URLs', async (t) => {
    const { wsUrls } = data(
      await start(
        {},
        { host: 'maeum.local', 'x-forwarded-host': 'evil.example.com', 'x-forwarded-proto': 'https' },
      ),
    )
    t.match(wsUrls, { landmarks: /^ws:\/\/maeum\.local\/ws\// })
  })

  t.test('needs a login', async (t) => {
    for (const url of ['/api/session/start', '/api/session/sess_x/pause', '/api/session/sess_x/end'])
      t.equal(code(await server.app.inject({ method: 'POST', url })), '401 UNAUTHORIZED', url)
    t.equal(code(await server.app.inject({ url: '/api/session/sess_x' })), '401 UNAUTHORIZED')
  })
})

t.test('socket addresses follow PUBLIC_URL, or the proxy that is trusted', async (t) => {
  const publicUrl = await startTestApp(t, { env: { PUBLIC_URL: 'HTTPS://Maeum.example.com/base/' } })
  const { start } = caller(publicUrl, await createAccount(publicUrl))
  t.match(data(await start({}, { host: 'evil.example.com' }))['wsUrls'], {
    voice: /^wss:\/\/maeum\.example\.com\/base\/ws\/voice\?sessionId=sess_/,
  })

  const proxied = await startTestApp(t, { env: { TRUST_PROXY: 'true' } })
  const behind = caller(proxied, await createAccount(proxied))
  const forwarded = {
    host: 'app.example.com',
    'x-forwarded-host': 'other.example.com',
    'x-forwarded-proto': 'https',
  }
  t.match(data(await behind.start({}, forwarded))['wsUrls'], {
    voice: /^wss:\/\/app\.example\.com\/ws\/voice\?/,
  })
})

t.test('pause, resume and end', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const { start, pause, resume, end, get } = caller(server, account)
  const started = async () => String(data(await start())['sessionId'])

  t.test('each can be repeated with the same result', async (t) => {
    const id = await started()
    t.match(data(await resume(id)), { sessionId: id, status: 'active', resumedAt: Number }, 'it is running')

    const paused = await pause(id)
    t.equal(paused.statusCode, 200)
    t.same(data(paused), { sessionId: id, status: 'paused', pausedAt: data(paused)['pausedAt'] })
    t.type(data(paused)['pausedAt'], 'number')
    t.equal((await pause(id)).body, paused.body)

    const resumed = await resume(id)
    t.same(data(resumed), { sessionId: id, status: 'active', resumedAt: data(resumed)['resumedAt'] })
    t.ok(Number(data(resumed)['resumedAt']) >= Number(data(paused)['pausedAt']))
    t.equal((await resume(id)).body, resumed.body)

    const again = await pause(id)
    t.ok(Number(data(again)['pausedAt']) >= Number(data(resumed)['resumedAt']), 'a second pause is a new one')
    const ended = await end(id)
    t.equal(ended.statusCode, 200)
    t.equal((await end(id)).body, ended.body)
  })

  t.test('an ended session cannot be resumed', async (t) => {
    const id = await started()
    await end(id)
    t.equal(code(await pause(id)), '409 SESSION_ENDED')
    t.equal(code(await resume(id)), '409 SESSION_ENDED')
    t.equal(data(await get(id))['status'], 'ended')
  })

  t.test('end returns the current results, and the same on every later call', async (t) => {
    const id = await started()
    const { orm } = server.database
    await orm.insert(emotionWindows).values([
      windowRow(id, 1, 'sad', {
        source: 'gemini',
        model: 'gemini-x',
        latencyMs: 2000,
        modelOutcome: 'answered',
      }),
      windowRow(id, 2, 'sad', { latencyMs: 9000, modelOutcome: 'timed_out' }),
      windowRow(id, 4, 'happy', { latencyMs: 10 }),
    ])
    const first = await end(id)
    const answer = data(first)
    const { endedAt, duration } = answer as { endedAt: number; duration: number }
    t.same(answer, {
      sessionId: id,
      status: 'ended',
      endedAt,
      duration,
      emotionCount: 3,
      emotionSummary: {
        primaryEmotion: { emotion: 'sad', emotionKo: '슬픔', count: 2, percentage: 66.7 },
        emotionalState: 'negative',
        trend: { beginning: 'sad', middle: 'sad', end: 'happy', trend: 'improving' },
        positiveRatio: 0.3333,
        negativeRatio: 0.6667,
        topEmotions: [
          { emotion: 'sad', emotionKo: '슬픔', count: 2, percentage: 66.7 },
          { emotion: 'happy', emotionKo: '행복', count: 1, percentage: 33.3 },
        ],
        averageIntensity: averageIntensity(['sad', 'sad', 'happy']),
      },
      inferenceStats: { total: 3, gemini: 1, local: 2, timedOut: 1, averageLatencyMs: 3670 },
    })
    const session = data(await get(id))
    t.equal(duration, endedAt - Number(session['startedAt']))

    await orm.insert(emotionWindows).values(windowRow(id, 5, 'angry'))
    t.equal((await end(id)).body, first.body, 'word for word, though a late window has been stored')
    t.equal(data(await get(id))['emotionCount'], 4, 'which the session itself counts')
  })

  t.test('a session without a window has no summary', async (t) => {
    t.match(data(await end(await started())), {
      emotionCount: 0,
      emotionSummary: null,
      inferenceStats: { total: 0, gemini: 0, local: 0, timedOut: 0, averageLatencyMs: null },
    })
  })

  t.test('ten concurrent ends give one answer and one notice', async (t) => {
    const session = await startSession(server, account)
    const socket = await connect(t, session.wsUrls.landmarks)
    await socket.next('connected')
    const answers = await Promise.all(Array.from({ length: 10 }, () => end(session.sessionId)))
    t.ok(answers.every((answer) => answer.statusCode === 200))
    t.equal(new Set(answers.map((answer) => answer.body)).size, 1)
    t.equal((await socket.closed).code, 1000)
    t.equal(socket.messages.filter(({ type }) => type === 'session_ended').length, 1)
  })

  t.test('concurrent commands leave one of the requested states', async (t) => {
    const id = await started()
    const commands = [pause, resume, pause, resume, pause, resume, end, pause, resume]
    const answers = await Promise.all(commands.map((command) => command(id)))
    t.ok(answers.every((answer) => ['200', '409 SESSION_ENDED'].includes(code(answer))))
    t.equal(data(await get(id))['status'], 'ended')
  })
})

t.test('get shows the whole session', async (t) => {
  const server = await startTestApp(t)
  const { start, pause, resume, end, get } = caller(server, await createAccount(server))
  const { sessionId, startedAt } = data(await start({ userId: 'u', counselorId: 'c' }))
  const id = String(sessionId)
  const fresh = data(await get(id))
  t.same(fresh, {
    sessionId: id,
    userId: 'u',
    counselorId: 'c',
    status: 'active',
    startedAt,
    pausedAt: null,
    resumedAt: null,
    endedAt: null,
    endReason: null,
    duration: fresh['duration'],
    emotionCount: 0,
    landmarkCount: 0,
  })
  t.ok(Number(fresh['duration']) >= 0)

  await server.database.sql`
    update sessions set landmark_count = 4000000000, started_at = started_at - interval '1 hour' where id = ${id}`
  const { pausedAt } = data(await pause(id))
  const { resumedAt } = data(await resume(id))
  const { endedAt } = data(await end(id))
  t.match(data(await get(id)), {
    status: 'ended',
    pausedAt,
    resumedAt,
    endedAt,
    endReason: 'requested',
    duration: Number(endedAt) - Number(startedAt) + 3_600_000,
    landmarkCount: 4_000_000_000,
  })
})

t.test('a session of another user is not found', async (t) => {
  const server = await startTestApp(t)
  const owner = await createAccount(server)
  const otherUser = caller(server, await createAccount(server))
  const { sessionId } = await startSession(server, owner)
  const unknown = `sess_${'x'.repeat(32)}`
  const commands = [otherUser.get, otherUser.pause, otherUser.resume, otherUser.end]
  const shown = (answer: LightMyRequestResponse) => {
    const { error, ...rest } = answer.json<{ error: { requestId?: string } }>()
    delete error.requestId
    return JSON.stringify({ ...rest, error })
  }
  for (const command of commands) {
    const theirs = await command(sessionId)
    t.equal(code(theirs), '404 SESSION_NOT_FOUND')
    t.equal(shown(theirs), shown(await command(unknown)), 'no difference to an id that never was')
  }
  t.equal(data(await caller(server, owner).get(sessionId))['status'], 'active', 'nothing happened to it')

  const malformed = [
    'x',
    'sess_',
    'sess_short',
    `sess_${'x'.repeat(60)}`,
    `sess_${'x'.repeat(90)}`,
    `SESS_${'x'.repeat(32)}`,
    `sess_${'x'.repeat(31)}%20`,
    `sess_${'x'.repeat(31)}'`,
    `sess_${'%F0%9F%98%80'.repeat(12)}`,
    '%00',
    '..%2f..%2fetc',
    `${sessionId}%0a`,
    `%20${sessionId}`,
  ]
  for (const id of malformed)
    for (const command of commands)
      t.equal(code(await command(id)), '404 SESSION_NOT_FOUND', decodeURIComponent(id).slice(0, 20))
})

t.test('the transitions of a session', async (t) => {
  const moves: Record<string, Record<SessionCommand, string>> = {
    active: { pause: 'paused', resume: 'stay', end: 'ended' },
    paused: { pause: 'stay', resume: 'active', end: 'ended' },
    ended: { pause: 'refuse', resume: 'refuse', end: 'stay' },
  }
  t.same(Object.keys(moves), SESSION_STATUSES)
  for (const status of SESSION_STATUSES)
    for (const command of ['pause', 'resume', 'end'] as const) {
      const step = getTransition(status, command)
      t.equal(step.kind === 'move' ? step.to : step.kind, moves[status]?.[command], `${status}: ${command}`)
    }
})

t.test('the summary of windows', async (t) => {
  const seen = (emotion: Emotion, valence = 0, arousal = 0, confidence = 0.5): SummarisedWindow => ({
    emotion,
    valence,
    arousal,
    confidence,
  })

  t.equal(summarise([]), null, 'nothing was analysed, so nothing is said')

  t.same(summarise([seen('neutral')]), {
    primaryEmotion: { emotion: 'neutral', emotionKo: '중립', count: 1, percentage: 100 },
    emotionalState: 'calm',
    trend: { beginning: 'neutral', middle: 'neutral', end: 'neutral', trend: 'stable' },
    positiveRatio: 0,
    negativeRatio: 0,
    topEmotions: [{ emotion: 'neutral', emotionKo: '중립', count: 1, percentage: 100 }],
    averageIntensity: 0.5,
  })

  // Intensity: mean arousal (0.2 + 0.4 - 0.2) / 3 = 0.1333, mapped to (1 + 0.1333) / 2.
  t.match(summarise([seen('happy', 0.8, 0.2), seen('happy', 0.6, 0.4), seen('sad', -0.6, -0.2)]), {
    primaryEmotion: { emotion: 'happy', count: 2, percentage: 66.7 },
    emotionalState: 'positive',
    trend: { beginning: 'happy', middle: 'happy', end: 'sad', trend: 'declining' },
    positiveRatio: 0.6667,
    negativeRatio: 0.3333,
    averageIntensity: 0.5667,
  })

  t.test('a tie is decided by confidence', async (t) => {
    const tie = summarise([
      seen('sad', 0, 0, 0.4),
      seen('angry', 0, 0, 0.9),
      seen('sad', 0, 0, 0.3),
      seen('angry'),
    ])
    t.same(
      tie?.topEmotions.map(({ emotion, percentage }) => `${emotion} ${percentage}`),
      ['angry 50', 'sad 50'],
    )
  })

  t.test('the three most frequent are listed, with one decimal', async (t) => {
    const many: Emotion[] = ['sad', 'sad', 'sad', 'happy', 'happy', 'fearful', 'neutral']
    const summary = summarise(many.map((emotion) => seen(emotion, 0, 0, emotion === 'fearful' ? 0.9 : 0.5)))
    t.same(
      summary?.topEmotions.map(({ emotion, count, percentage }) => `${emotion} ${count} ${percentage}`),
      ['sad 3 42.9', 'happy 2 28.6', 'fearful 1 14.3'],
    )
  })

  t.test('the state is the one of half of the windows', async (t) => {
    const states: [emotions: Emotion[], state: string][] = [
      [['happy', 'happy', 'neutral', 'neutral'], 'positive'],
      [['happy', 'sad'], 'mixed'],
      [['sad', 'angry', 'anxious', 'happy'], 'negative'],
      [['disgusted', 'fearful'], 'negative'],
      [['happy', 'neutral', 'neutral'], 'mixed'],
      [['surprised', 'neutral'], 'calm'],
    ]
    for (const [emotions, state] of states)
      t.equal(summarise(emotions.map((emotion) => seen(emotion)))?.emotionalState, state, emotions.join(' '))
  })

  t.test('the trend compares the first with the last third', async (t) => {
    const trendOf = (valences: number[]) =>
      summarise(valences.map((valence) => seen('neutral', valence)))?.trend.trend
    t.equal(trendOf([0, 0.16]), 'improving')
    t.equal(trendOf([0, 0.15]), 'stable', 'a step of 0.15 is none yet')
    t.equal(trendOf([0, -0.16]), 'declining')
    t.equal(trendOf([0, 0, 1, 1, 1, 0, 0.1]), 'stable', 'what is in the middle does not matter')
    t.equal(trendOf([-1, 1, 0, 0, 0, 0.4, 0]), 'improving', 'means of two: 0 and 0.2')
  })

  t.test('beginning, middle and end have their own leading emotion', async (t) => {
    const emotions: Emotion[] = ['sad', 'sad', 'angry', 'angry', 'neutral', 'happy', 'happy']
    t.match(summarise(emotions.map((emotion) => seen(emotion)))?.trend, {
      beginning: 'sad',
      middle: 'angry',
      end: 'happy',
    })
  })
})

/** Mean arousal of these emotions, mapped to [0, 1] and rounded as the summary does. */
function averageIntensity(emotions: Emotion[]): number {
  const mean = emotions.reduce((sum, emotion) => sum + readingOf(emotion).arousal, 0) / emotions.length
  return Number(((mean + 1) / 2).toFixed(4))
}

t.test('deleting a session deletes all its rows', async (t) => {
  const server = await startTestApp(t)
  const { sql, orm } = server.database
  const owner = await createAccount(server)
  const calls = caller(server, owner)
  const [gone, kept] = [await startSession(server, owner), await startSession(server, owner)]
  const ids = [gone.sessionId, kept.sessionId]
  await orm
    .insert(emotionWindows)
    .values(ids.map((id) => windowRow(id, 1, 'happy', { answeredAt: new Date() })))
  for (const id of ids) {
    await sql`insert into conversations (session_id, message, response, source) values (${id}, 'a', 'b', 'local')`
    await sql`insert into reports (id, session_id, version, content) values (${`rep ${id}`}, ${id}, 1, '{}')`
    await sql`insert into voice_windows (session_id, "window", closed_at, measures) values (${id}, 1, now(), '{}')`
    await sql`insert into cbt_findings (session_id, at, detections) values (${id}, now(), '[]')`
  }

  const other = caller(server, await createAccount(server))
  t.equal(code(await other.delete(gone.sessionId)), '404 SESSION_NOT_FOUND', 'by its owner alone')
  t.equal(
    code(await server.app.inject({ method: 'DELETE', url: `/api/session/${gone.sessionId}` })).slice(0, 3),
    '401',
  )
  t.equal(code(await calls.get(gone.sessionId)), '200')

  const answer = await calls.delete(gone.sessionId)
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), { success: true, data: { sessionId: gone.sessionId, deleted: true } })
  for (const table of ['emotion_windows', 'conversations', 'reports', 'voice_windows', 'cbt_findings']) {
    const rows = await sql`select session_id from ${sql(table)}`
    t.same(rows, [{ session_id: kept.sessionId }], table)
  }
  t.equal(code(await calls.delete(gone.sessionId)), '404 SESSION_NOT_FOUND', 'a second time')
  t.equal(code(await calls.delete('sess_with a space')), '404 SESSION_NOT_FOUND')
  for (const call of [calls.get, calls.pause, calls.resume, calls.end])
    t.equal(code(await call(gone.sessionId)), '404 SESSION_NOT_FOUND')
  t.equal(code(await calls.get(kept.sessionId)), '200')
  t.equal(code(await calls.end(kept.sessionId)), '200')
  t.equal(code(await calls.delete(kept.sessionId)), '200', 'an ended one as well')
})

t.test('the sockets of a deleted session are notified, and new ones refused', async (t) => {
  const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '60000' } })
  const owner = await createAccount(server)
  const { sessionId, wsUrls } = await startSession(server, owner)
  const sockets = await Promise.all(Object.values(wsUrls).map((url) => connect(t, url)))
  const v2 = await connect(t, wsUrls.landmarks, {}, 'maeum.v2')
  for (const text of frames('happy', 5)) v2.send(text)
  v2.send({ type: 'ping' })
  await v2.next('pong')
  t.equal(code(await caller(server, owner).delete(sessionId)), '200')
  for (const socket of [...sockets, v2]) {
    t.same(await socket.closed, { code: 1008, reason: 'SESSION_NOT_FOUND' })
    const last = socket.messages.at(-1)
    t.match(last, { type: 'error', data: { code: 'SESSION_NOT_FOUND', action: 'new_session' } })
    t.notOk(
      socket.messages.some(({ type }) =>
        ['session_ended', 'analysis_started', 'emotion_update'].includes(type),
      ),
    )
  }
  for (const url of Object.values(wsUrls)) {
    t.same(await (await connect(t, url)).closed, { code: 1008, reason: 'SESSION_NOT_FOUND' })
    await t.rejects(connect(t, url), /410/)
  }
  const { body } = await server.app.inject('/metrics')
  t.notMatch(body, /maeum_windows_dropped_total{[^}]*} [1-9]/, 'what was open is not even closed')
})
