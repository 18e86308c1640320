import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  type Account,
  BROWSER_ORIGIN,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'

type Body = { success: boolean; data?: Record<string, unknown>; error?: Record<string, unknown> }

/** The web client's calls: its headers, its origin, JSON, and what it reads of an answer. */
function browser({ origin }: TestApp, account?: Account) {
  return async (method: string, path: string, body?: unknown) => {
    const requestId = randomUUID()
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: {
        Accept: 'application/json, text/plain, */*',
        'Accept-Language': 'ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7',
        'Content-Type': 'application/json',
        Origin: BROWSER_ORIGIN,
        'X-Client-Version': '1.4.0',
        'X-Device-ID': 'device-0001',
        'X-CSRF-Token': 'csrf-0001',
        'X-Request-ID': requestId,
        'X-Timestamp': String(Date.now()),
        ...(account === undefined ? {} : { Authorization: `Bearer ${account.accessToken}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: answer.status, headers: answer.headers, requestId, body: (await answer.json()) as Body }
  }
}

const NUMBER_OR_NULL = (value: unknown) => value === null || typeof value === 'number'

t.test('the web client is understood on every route it calls beside sessions', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const call = browser(server, account)
  const guest = browser(server)
  const { sessionId } = await startSession(server, account)
  const ended = await call('POST', `/api/session/${sessionId}/end`)
  t.equal(ended.status, 200)
  const report = await call('GET', `/api/session/${sessionId}/report`)
  let appointment = ''

  t.test('dashboard', async (t) => {
    const { status, body, headers, requestId } = await call('GET', '/api/dashboard/summary')
    t.equal(status, 200)
    t.equal(headers.get('access-control-allow-origin'), BROWSER_ORIGIN)
    t.equal(headers.get('x-request-id'), requestId)
    t.equal(headers.get('cache-control'), 'no-store')
    t.same(Object.keys(body), ['success', 'data'])
    const data = body.data as {
      todayAvg: Record<string, unknown>
      trend: { dayOverDay: Record<string, unknown> }
      recommendations: Record<string, unknown>[]
      recentSessions: Record<string, unknown>[]
    }
    t.same(Object.keys(data.todayAvg), ['valence', 'arousal', 'dominance'])
    t.ok(Object.values(data.todayAvg).every(NUMBER_OR_NULL))
    t.same(Object.keys(data.trend.dayOverDay), ['valence', 'arousal', 'dominance'])
    t.ok(Object.values(data.trend.dayOverDay).every(NUMBER_OR_NULL))
    t.match(data.recommendations, [{ id: String, title: String, desc: String }])
    t.match(data.recentSessions, [{ reportId: report.body.data?.['reportId'], sessionId, createdAt: Number }])
  })

  t.test('statistics', async (t) => {
    const { status, body } = await call('GET', '/api/session/stats/summary')
    t.equal(status, 200)
    t.match(body.data, { total: 1, active: 0, paused: 0, ended: 1, avgDuration: Number })
    const [recent] = body.data?.['recentSessions'] as { startedAt: string }[]
    t.match(recent, { id: sessionId, durationMs: Number, status: 'ended', dominantEmotion: null })
    t.equal(new Date(recent?.startedAt ?? '').toISOString(), recent?.startedAt)
  })

  t.test('preferences', async (t) => {
    const defaults = { fontScale: 'md', layoutDensity: 'spacious', language: 'ko', notificationsOptIn: false }
    t.match(await guest('GET', '/api/user/preferences'), {
      status: 200,
      body: { success: true, data: defaults },
    })
    const wish = { preferences: { ...defaults, fontScale: 'xl', theme: 'dark' } }
    const changed = await call('PUT', '/api/user/preferences', wish)
    t.match(changed, { status: 200, body: { success: true, data: wish.preferences } })
    t.same((await call('GET', '/api/user/preferences')).body, changed.body)
    t.match(await guest('PUT', '/api/user/preferences', wish), {
      status: 401,
      body: { error: { code: 'UNAUTHORIZED' } },
    })
  })

  t.test('counselings', async (t) => {
    const scheduledAt = new Date(Date.now() + 86_400_000).toISOString()
    const created = await call('POST', '/api/counselings', {
      type: 'online',
      scheduledAt,
      notes: '메모',
      sessionId,
    })
    t.equal(created.status, 201)
    t.match(created.body.data, {
      id: String,
      type: 'online',
      status: 'pending',
      scheduledAt,
      notes: '메모',
      sessionId,
    })
    appointment = String(created.body.data?.['id'])
    t.match((await call('GET', '/api/counselings?status=pending&limit=1')).body.data, {
      counselings: [{ id: appointment }],
      nextCursor: null,
    })
    t.match((await call('GET', `/api/counselings/${appointment}`)).body.data, { id: appointment })
    const confirmed = await call('PATCH', `/api/counselings/${appointment}`, {
      status: 'confirmed',
      notes: '확정',
    })
    t.match(confirmed, { status: 200, body: { data: { status: 'confirmed', notes: '확정', scheduledAt } } })
    const survey = await call('POST', `/api/counselings/${appointment}/survey`, {
      responses: { q1: 5, q2: '좋음' },
    })
    t.match(survey, { status: 200, body: { data: { survey: { q1: 5, q2: '좋음' } } } })
    t.match((await call('GET', '/api/counselings/unknown')).body.error, {
      message: '상담 예약을 찾을 수 없습니다.',
    })
  })

  t.test('feedback', async (t) => {
    const path = `/api/session/${sessionId}/feedback`
    const taken = await call('POST', path, { rating: 5, note: '', category: 'overall' })
    t.equal(taken.status, 201)
    t.match(taken.body.data, { feedbackId: String, sessionId, rating: 5, submittedAt: Number })
    const refused = await call('POST', path, { rating: 0, note: '' })
    t.match(refused, {
      status: 400,
      body: { success: false, error: { code: 'INVALID_RATING', requestId: refused.requestId } },
    })
    t.equal((await call('POST', '/api/feedback', { rating: 4 })).status, 201)
  })

  t.test('analytics', async (t) => {
    const vital = {
      metric: 'LCP',
      value: 1200.5,
      pathname: '/dashboard',
      id: 'v4-1',
      navigationType: 'navigate',
    }
    const other = { name: 'CLS', value: 0.02, rating: 'good', timestamp: Date.now() }
    const alert = {
      message: 'LCP is slow',
      timestamp: new Date().toISOString(),
      url: `${BROWSER_ORIGIN}/dashboard`,
    }
    for (const [path, body] of [
      ['vitals', vital],
      ['vitals', other],
      ['alert', alert],
    ] as const) {
      const answer = await guest('POST', `/api/analytics/${path}`, body)
      t.equal(answer.status, 200)
      t.same(answer.body, { success: true })
      t.equal(answer.headers.get('access-control-allow-origin'), BROWSER_ORIGIN)
    }
  })
})
