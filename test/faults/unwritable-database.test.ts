import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { bearer, connect, createAccount, startSession, startTestApp, type TestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { startReplicatedPostgres } from '../helpers/replicated-postgres.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

// A database that reads and does not write, one that is a standby, one that says nothing: readiness and REST tell the
// truth although nobody streams.

const readiness = async ({ app }: TestApp) => {
  const { statusCode, body } = await app.inject('/api/health/ready')
  return { statusCode, body }
}

const signUp = ({ app }: TestApp) => {
  const name = randomBytes(6).toString('hex')
  const payload = { username: `user ${name}`, email: `${name}@example.com`, password: 'password123' }
  return app.inject({ method: 'POST', url: '/api/auth/signup', payload })
}

t.test('an idle instance whose database takes no writes is not ready', async (t) => {
  const database = await createTestDatabase(t)
  const { sql } = database
  const [, name = ''] = /\/([^/?]+)\?/.exec(database.url) ?? []
  const server = await startTestApp(t, { database, model: null })
  await createAccount(server)
  t.match(await readiness(server), { statusCode: 200 })
  /** From now on, for all connections. */
  const setReadOnly = async (is: boolean) => {
    await sql.unsafe(
      `alter database ${name} ${is ? 'set default_transaction_read_only = on' : 'reset default_transaction_read_only'}`,
    )
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
  }
  await setReadOnly(true)
  const red = await eventually(
    () => readiness(server),
    ({ body }) => body.includes('takes no writes'),
  )
  t.equal(red.statusCode, 503)
  const refused = await signUp(server)
  t.equal(refused.statusCode, 503)
  t.match(refused.headers, { 'retry-after': /^[1-9]\d*$/ })
  t.match(await readiness(server), { statusCode: 503 }, 'and stays so while nothing can be written')
  await sql`set default_transaction_read_only = off`
  await setReadOnly(false)
  await eventually(
    () => readiness(server),
    ({ statusCode }) => statusCode === 200,
  )
  t.equal((await signUp(server)).statusCode, 201)
})

t.test('a server whose address leads to a standby is not ready until that is promoted', async (t) => {
  const database = await startReplicatedPostgres(t)
  const first = await startTestApp(t, { database, model: null }) // migrates the primary
  await createAccount(first)
  const [row] = await database.standby`select current_setting('port') as port`
  await eventually(
    () => database.standby`select to_regclass('users') as found`,
    ([found]) => found?.['found'] !== null,
  )
  await database.detach()
  const url = new URL(database.url)
  url.port = String(row?.['port'])
  const server = await startTestApp(t, {
    database,
    model: null,
    env: { DATABASE_URL: url.href, MIGRATE_ON_BOOT: 'false' },
  })
  t.match(await readiness(server), { statusCode: 503, body: /takes no writes.*standby/ })
  t.equal((await signUp(server)).statusCode, 503)
  t.ok(server.log.some((line) => line.includes('standby') && line.includes('without being ready')))
  await database.crash()
  await database.promote()
  await eventually(
    () => readiness(server),
    ({ statusCode }) => statusCode === 200,
  )
  const made = await eventually(
    () => signUp(server),
    ({ statusCode }) => statusCode !== 503,
  )
  t.equal(made.statusCode, 201)
})

t.test('a database that says nothing refuses requests as soon as it refuses sockets', async (t) => {
  const database = await createTestDatabase(t)
  const [, name = ''] = /\/([^/?]+)\?/.exec(database.url) ?? []
  const proxy = await startTcpProxy(database.socketDir)
  t.teardown(() => proxy.close())
  const mute = createServer((socket) => socket.on('error', () => undefined).resume())
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const server = await startTestApp(t, {
    database,
    model: null,
    env: { DATABASE_URL: `postgres://maeum@127.0.0.1:${proxy.port}/${name}?sslmode=disable` },
  })
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const headers = bearer(account.accessToken)
  const requests = [
    { method: 'GET', url: '/api/session', headers },
    { method: 'GET', url: `/api/session/${session.sessionId}`, headers },
    { method: 'GET', url: '/api/dashboard/summary', headers },
    { method: 'POST', url: '/api/session/start', headers },
    { method: 'POST', url: `/api/session/${session.sessionId}/end`, headers },
    { method: 'GET', url: '/api/user/preferences', headers },
    {
      method: 'POST',
      url: '/api/auth/login',
      payload: { email: account.email, password: account.password },
    },
  ] as const
  for (const request of requests.slice(0, 3)) await server.app.inject(request)
  proxy.leadTo((mute.address() as AddressInfo).port) // listening on TCP
  proxy.freeze()
  const from = performance.now()
  const after = () => Math.round(performance.now() - from)
  const [socketMs, ...answers] = await Promise.all([
    t.rejects(connect(t, session.wsUrls.session), /503/).then(after),
    ...requests.map(async (request) => {
      const { statusCode, headers: answered } = await server.app.inject(request)
      return { url: request.url, statusCode, retryAfter: String(answered['retry-after']), at: after() }
    }),
  ])
  for (const { url, statusCode, retryAfter, at } of answers) {
    t.equal(statusCode, 503, url)
    t.match(retryAfter, /^[1-9]\d*$/, url)
    t.ok(at < socketMs + 2000, `${url} after ${at} ms, the socket after ${socketMs} ms`)
  }
  proxy.leadTo(database.socketDir)
  proxy.cut()
  const again = await eventually(
    () => server.app.inject(requests[0]),
    ({ statusCode }) => statusCode !== 503,
  )
  t.equal(again.statusCode, 200, 'through new connections')
  t.notOk(server.log.some((line) => /reply.{0,20}already|reply\.sent/i.test(line)))
})
