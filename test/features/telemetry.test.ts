import t from 'tap'
import { startTestApp } from '../helpers/app.ts'

t.test('telemetry', async (t) => {
  const server = await startTestApp(t)
  const { app, log } = server
  let callers = 0
  const post = (path: string, payload: unknown, remoteAddress = `10.0.${callers >> 8}.${callers++ & 255}`) =>
    app.inject({
      method: 'POST',
      url: `/api/analytics/${path}`,
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify(payload),
      remoteAddress,
    })
  const metrics = async () =>
    (await app.inject({ url: '/metrics' })).body.split('\n').filter((line) => line.includes('web_vitals'))

  t.test('both forms of a vital feed the histogram, by metric and nothing else', async (t) => {
    for (const body of [
      {
        metric: 'LCP',
        value: 2400,
        pathname: '/session/secret-path',
        id: 'v3-1',
        navigationType: 'navigate',
      },
      { name: 'LCP', value: 1600, rating: 'good', timestamp: 1_764_000_000_000 },
      { metric: 'CLS', value: 0.15, pathname: '/' },
      { name: 'INP', value: 0 },
      { name: 'TTFB', value: 1e300 },
    ]) {
      const answer = await post('vitals', body)
      t.equal(answer.statusCode, 200)
      t.same(answer.json(), { success: true })
    }
    const lines = await metrics()
    t.ok(lines.includes('maeum_web_vitals_sum{metric="LCP"} 4'), 'seconds')
    t.ok(lines.includes('maeum_web_vitals_bucket{le="0.2",metric="CLS"} 1'), 'a score as it is')
    t.ok(lines.includes('maeum_web_vitals_sum{metric="TTFB"} 600'), 'an absurd value does not drown the sum')
    t.notOk(lines.some((line) => line.includes('secret-path')))
    t.notOk(log.some((line) => line.includes('secret-path')))
  })

  t.test('an invalid vital is refused with the field name', async (t) => {
    const before = await metrics()
    const wrong: [field: string, body: unknown][] = [
      ['value', { metric: 'CLS', value: -1, pathname: '/' }],
      ['value', { metric: 'CLS', value: '1', pathname: '/' }],
      ['value', { name: 'CLS' }],
      ['metric', { metric: 'XYZ', value: 1, pathname: '/' }],
      ['pathname', { metric: 'CLS', value: 1 }],
      ['name', { value: 1 }],
    ]
    for (const [field, body] of wrong) {
      const answer = await post('vitals', body)
      t.equal(answer.statusCode, 400, JSON.stringify(body))
      t.ok(
        answer
          .json<{ error: { details: { field: string }[] } }>()
          .error.details.some((fault) => fault.field === field),
      )
    }
    for (const body of [null, [], 5]) t.equal((await post('vitals', body)).statusCode, 400)
    t.equal((await post('vitals', { name: 'CLS', value: 1, extra: 'x'.repeat(9000) })).statusCode, 413)
    t.same(await metrics(), before)
  })

  t.test('an alert is logged without its secrets', async (t) => {
    const id = 'sess_abcdefghijklmnopqrstuvwxyz0123456789'
    const answer = await post('alert', {
      message: `fetch of ${id} failed`,
      timestamp: '2026-11-23T00:00:00.000Z',
      url: `https://app.example.com/session/${id}?ticket=secret-ticket`,
    })
    t.equal(answer.statusCode, 200)
    t.same(answer.json(), { success: true })
    const line = log.find((text) => text.includes('a page reports an error')) ?? ''
    t.match(line, /"alert":"fetch of sess_abcdefg… failed"/)
    t.match(line, /https:\/\/app\.example\.com\/session\/sess_abcdefg…"/)
    t.notMatch(line, 'secret-ticket')
    for (const body of [
      {},
      { message: 'x'.repeat(501), timestamp: '2026-11-23T00:00:00Z', url: '/' },
      { message: 'x', timestamp: 'now', url: '/' },
      { message: 'x', timestamp: '2026-11-23T00:00:00Z' },
    ])
      t.equal((await post('alert', body)).statusCode, 400)
  })

  t.test('requests of one address are limited, and a page can read the refusal', async (t) => {
    const body = { name: 'CLS', value: 0 }
    const answers: number[] = []
    for (let i = 0; i < 125; i++) answers.push((await post('vitals', body, '192.0.2.1')).statusCode)
    t.equal(answers.indexOf(429), 120)
    const refused = await post('vitals', body, '192.0.2.1')
    t.match(refused.json(), { success: false, error: { code: 'RATE_LIMITED' } })
    t.ok(refused.headers['retry-after'])
    t.equal((await post('vitals', body, '192.0.2.2')).statusCode, 200, 'others are not concerned')
    const alert = { message: 'x', timestamp: '2026-11-23T00:00:00Z', url: '/' }
    const alerts: number[] = []
    for (let i = 0; i < 22; i++) alerts.push((await post('alert', alert, '192.0.2.1')).statusCode)
    t.equal(alerts.indexOf(429), 20)
  })

  t.test('text, as a beacon sends it, is parsed as JSON only on these routes', async (t) => {
    const beacon = (url: string, payload: string) =>
      app.inject({
        method: 'POST',
        url,
        headers: { 'content-type': 'text/plain;charset=UTF-8', origin: 'https://elsewhere.example' },
        payload,
      })
    const vital = JSON.stringify({ name: 'LCP', value: 1200, rating: 'good', timestamp: 1_764_000_000_000 })
    const alert = { message: 'slow', timestamp: '2026-01-01T00:00:00Z', url: 'https://app.example/x' }
    t.equal((await beacon('/api/analytics/vitals', vital)).statusCode, 200)
    t.equal((await beacon('/api/analytics/alert', JSON.stringify(alert))).statusCode, 200)
    for (const route of ['vitals', 'alert'])
      t.match((await beacon(`/api/analytics/${route}`, 'x'.repeat(2048))).json(), {
        error: { code: 'INVALID_JSON' },
      })
    t.equal((await beacon('/api/auth/login', '{"email":"a@example.com","password":"x"}')).statusCode, 415)
  })
})
