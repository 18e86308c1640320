import t from 'tap'
import { startTestApp } from '../helpers/app.ts'

const TOKEN = 'a-metrics-token'
const url = '/api/health/ready?verbose'
const bearer = { authorization: `Bearer ${TOKEN}` }

t.test(
  'the readiness with `verbose` adds causes and mends for the holder of the metrics token',
  async (t) => {
    const { app, database } = await startTestApp(t, { env: { METRICS_TOKEN: TOKEN } })
    const plain = await app.inject({ url: '/api/health/ready' })
    const detailed = await app.inject({ url, headers: bearer })
    t.equal(detailed.statusCode, 200)
    const { findings, ...rest } = detailed.json()
    t.same(JSON.stringify(rest), plain.body, 'beside the findings it is the same')
    t.match(findings, [
      { name: 'configuration.protections', status: 'ok', cause: /encryption off/, mend: null },
      { name: 'process', status: 'ok' },
      { name: 'database', status: 'ok' },
      { name: 'schema', status: 'ok' },
      { name: 'model', status: 'ok', cause: 'local' },
    ])

    await database.sql`alter table feedbacks drop column note`
    const red = await app.inject({ url, headers: bearer })
    t.equal(red.statusCode, 503)
    t.match(
      red.json().findings.find(({ name }: { name: string }) => name === 'schema'),
      { status: 'fail', cause: /feedbacks\.note: missing column/, mend: /maeum migrate/ },
    )
  },
)

t.test('without the token `verbose` changes nothing', async (t) => {
  const { app } = await startTestApp(t, { env: { METRICS_TOKEN: TOKEN } })
  const plain = await app.inject({ url: '/api/health/ready' })
  t.equal(plain.body, (await app.inject({ url })).body)
  const wrong = { authorization: 'Bearer another' }
  t.equal(plain.body, (await app.inject({ url, headers: wrong })).body)
  t.equal(plain.body, (await app.inject({ url: '/api/health/ready', headers: bearer })).body)

  const repeated = await app.inject({ url: `${url}&verbose[]=1` })
  t.equal(plain.body, repeated.body, 'nor is a probe refused because of its query')

  const open = await startTestApp(t)
  const { body } = await open.app.inject({ url, headers: { authorization: 'Bearer ' } })
  t.notMatch(body, /findings/, 'nor if no token is set')
})
