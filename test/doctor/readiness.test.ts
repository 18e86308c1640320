import t from 'tap'
import { parseDatabaseUrl } from '../../src/db/url.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

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

t.test('while the database is away the readiness tells the operator the cause', async (t) => {
  const { socketDir, url: direct } = await createTestDatabase(t)
  const proxy = await startTcpProxy(socketDir)
  t.teardown(() => proxy.close().catch(() => undefined)) // closed before
  const name = parseDatabaseUrl(direct).database
  const DATABASE_URL = `postgres://maeum@127.0.0.1:${proxy.port}/${name}?sslmode=disable`
  const { app } = await startTestApp(t, { env: { METRICS_TOKEN: TOKEN, DATABASE_URL } })
  t.equal((await app.inject({ url, headers: bearer })).statusCode, 200)
  await proxy.close()
  const away = await eventually(
    async () => app.inject({ url, headers: bearer }),
    ({ statusCode }) => statusCode === 503,
  )
  const { findings, checks } = away.json()
  const find = (part: string) => findings.find(({ name }: { name: string }) => name === part)
  t.match(find('database'), { status: 'fail', cause: /^not reachable \(ECONN/, mend: /check that it runs/ })
  t.match(find('schema'), { status: 'skipped', cause: /while the database is unavailable/ })
  t.match(checks.database, { details: ['cannot be asked: unavailable'] }, 'which others do not see')
})

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
