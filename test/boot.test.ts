import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { parseDatabaseUrl } from '../src/db/url.ts'
import { startTestApp } from './helpers/app.ts'
import { blockedQuery } from './helpers/blocked-query.ts'
import { createTestDatabase, type TestDatabase } from './helpers/database.ts'
import { eventually } from './helpers/eventually.ts'
import { type ServerProcess, startProcess, temporaryFolder } from './helpers/server-process.ts'
import { startTcpProxy } from './helpers/tcp-proxy.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const ACCOUNT = { username: 'boot', email: 'boot@example.com', password: 'password123' }

const post = (origin: string, path: string, body: object) =>
  fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

/** A start that fails: one exit code, words on standard error, no stack. */
async function refusal({ ended, output }: ServerProcess): Promise<{ code: number | null; lines: string[] }> {
  const code = await ended
  return { code, lines: output.stderr.trimEnd().split('\n') }
}

t.test(
  'bad values are one line each and exit code 1; a file .env is read below the environment',
  async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, '.env'), 'LOG_LEVEL=loud\nRATE_LIMIT_MAX=none\n')
    const server = startProcess(t, folder, { LOG_LEVEL: 'info', PORT: 'eighty' })
    t.same(await refusal(server), {
      code: 1,
      lines: [
        'PORT: must be a whole number from 0 to 65535 (for example PORT=8000)',
        'RATE_LIMIT_MAX: must be a whole number from 1 to 100000000 (for example RATE_LIMIT_MAX=600)',
      ],
    })
    t.equal(server.output.stdout, '')
  },
)

t.test('without any setting it starts, says where, and goes on after a restart', async (t) => {
  const folder = await temporaryFolder(t)
  const first = startProcess(t, folder, {})
  const port = await first.listening()
  const block = first.output.stdout
  t.match(block, new RegExp(`^ +address +http://localhost:${port} `, 'm'))
  t.match(block, /^ +database +embedded PostgreSQL \d+\.\d+, data in .*\(DATABASE_URL\)$/m)
  t.match(block, /^ +analyser +local +\(GEMINI_API_KEY\)$/m)

  for (const host of ['127.0.0.1', '[::1]', 'localhost'])
    t.equal((await fetch(`http://${host}:${port}/health`)).status, 200, host)
  t.equal((await fetch(`http://localhost:${port}/api/health/ready`)).status, 200)

  const file = join(folder, '.data', 'jwt-secret')
  const secret = await readFile(file, 'utf8')
  t.ok(secret.length >= 32)
  t.equal((await stat(file)).mode & 0o777, 0o600, 'only its owner may read it')
  t.notMatch(block + first.output.stderr, secret)

  const signup = await post(`http://localhost:${port}`, '/api/auth/signup', ACCOUNT)
  const { data } = (await signup.json()) as { data: { accessToken: string } }
  first.child.kill('SIGTERM')
  t.equal(await first.ended, 0)

  const second = startProcess(t, folder, {})
  const origin = `http://localhost:${await second.listening()}`
  t.equal(await readFile(file, 'utf8'), secret)
  const me = await fetch(`${origin}/api/auth/me`, {
    headers: { authorization: `Bearer ${data.accessToken}` },
  })
  t.equal(me.status, 200, 'nobody is logged out by a restart, and nothing is lost')
  second.child.kill('SIGINT')
  t.equal(await second.ended, 0)
})

t.test('a signal lets the request in flight be answered', async (t) => {
  const database = await createTestDatabase(t)
  const folder = await temporaryFolder(t)
  const { child, ended, listening, output } = startProcess(t, folder, {
    NODE_ENV: 'production',
    DATABASE_URL: database.url,
    JWT_SECRET: SECRET,
  })
  const origin = `http://127.0.0.1:${await listening()}`
  const answer = await database.sql.begin(async (tx) => {
    await tx`lock table users in access exclusive mode`
    const login = post(origin, '/api/auth/login', { email: 'a@b.kr', password: 'x' })
    await blockedQuery(database)
    child.kill('SIGTERM')
    await eventually(
      () => output.stdout,
      (text) => text.includes('the process ends'),
    )
    return { login }
  })
  const response = await answer.login
  t.equal(response.status, 401, 'it was served to its end')
  t.equal(response.headers.get('connection'), 'close')
  t.equal(await ended, 0)
  await t.rejects(fetch(`${origin}/health`), 'and nobody answers any more')
  t.equal(output.stderr, '')
  for (const line of output.stdout.trim().split('\n'))
    t.type(JSON.parse(line), 'object', 'in production each line is JSON')
})

t.test('before the port closes a balancer sees red, and a second signal changes nothing', async (t) => {
  const database = await createTestDatabase(t)
  const { child, ended, listening, output } = startProcess(t, await temporaryFolder(t), {
    NODE_ENV: 'production',
    DATABASE_URL: database.url,
    JWT_SECRET: SECRET,
    DRAIN_DELAY_MS: '3000',
  })
  const origin = `http://127.0.0.1:${await listening()}`
  child.kill('SIGTERM')
  await eventually(
    async () => (await fetch(`${origin}/api/health/ready`)).status,
    (status) => status === 503,
  )
  child.kill('SIGTERM')
  const login = await post(origin, '/api/auth/login', { email: 'a@b.kr', password: 'x' })
  t.equal(login.status, 401, 'requests are served as before')
  t.equal(await ended, 0)
  t.equal(output.stderr, '')
})

t.test('no plugin ends a boot that waits', async (t) => {
  const { app } = await startTestApp(t)
  t.equal(app.initialConfig.pluginTimeout, 0)
})

t.test('two addresses of different databases are told before anything is migrated', async (t) => {
  const one = await createTestDatabase(t, { migrated: false })
  const other = await createTestDatabase(t, { migrated: false })
  const starting = startTestApp(t, { database: one, env: { DATABASE_DIRECT_URL: other.url } })
  await t.rejects(starting, { message: /DATABASE_DIRECT_URL leads to another database/ })
  t.same(await tablesOf(one), [])
  t.same(await tablesOf(other), [])
})

t.test('a port that is taken is named', async (t) => {
  const database = await createTestDatabase(t)
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo // listening on TCP
  const env = { DATABASE_URL: database.url, HOST: '127.0.0.1', PORT: String(port) }
  const { code, lines } = await refusal(startProcess(t, await temporaryFolder(t), env))
  t.equal(code, 1)
  t.equal(lines.length, 1)
  t.match(lines[0], new RegExp(`^maeum cannot start: .*:${port}.* PORT`))
})

t.test('a database that cannot be reached is told without its password', async (t) => {
  const env = { DATABASE_URL: 'postgres://maeum:hunter2@127.0.0.1:1/maeum', DATABASE_WAIT_MS: '0' }
  const server = startProcess(t, await temporaryFolder(t), env)
  const { code, lines } = await refusal(server)
  t.equal(code, 1)
  t.equal(lines.length, 1)
  t.match(lines[0], /^maeum cannot start: postgres at 127\.0\.0\.1:1\/maeum.*ECONNREFUSED.*DATABASE_URL/)
  t.notMatch(server.output, { stdout: /hunter2/ })
  t.notMatch(lines[0], 'hunter2')
})

/** Everything that an operator could have in a database. */
const tablesOf = async ({ sql }: TestDatabase) => {
  const rows = await sql<{ name: string }[]>`
    select schemaname || '.' || tablename as name from pg_tables
    where schemaname not in ('pg_catalog', 'information_schema') order by 1`
  return rows.map(({ name }) => name)
}

t.test('a table of somebody else stops the start and is not touched', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  await database.sql`create table users (id int, note text)`
  await database.sql`insert into users values (1, 'mine')`
  const { code, lines } = await refusal(
    startProcess(t, await temporaryFolder(t), { DATABASE_URL: database.url }),
  )
  t.equal(code, 1)
  t.match(lines.join('\n'), /^maeum cannot start: .*\busers\b.*Nothing was changed/)
  t.notMatch(lines.join('\n'), /^ +at /m)
  t.same(await tablesOf(database), ['public.users'])
  t.same(await database.sql`select * from users`, [{ id: 1, note: 'mine' }])
})

t.test('an empty database that must not be migrated stops the start with what is missing', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const { code, lines } = await refusal(
    startProcess(t, await temporaryFolder(t), { DATABASE_URL: database.url, MIGRATE_ON_BOOT: 'false' }),
  )
  t.equal(code, 1)
  const text = lines.join('\n')
  for (const missing of ['migration 0000_init', 'table users', 'table sessions', 'table emotion_windows'])
    t.match(text, missing)
  t.notMatch(text, /^ +at /m)
  t.same(await tablesOf(database), [])
})

t.test('SCHEMA_MISMATCH=unready serves, red, with the same list', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const { app } = await startTestApp(t, {
    database,
    env: { MIGRATE_ON_BOOT: 'false', SCHEMA_MISMATCH: 'unready' },
  })
  t.equal((await app.inject({ url: '/health' })).statusCode, 200)
  const ready = await app.inject({ url: '/api/health/ready' })
  t.equal(ready.statusCode, 503)
  const report = ready.json<{ status: string; checks: { schema: { ok: boolean; details: string[] } } }>()
  t.equal(report.status, 'not_ready')
  t.match(report, { checks: { database: { ok: true }, schema: { ok: false } } })
  const details = report.checks.schema.details.join('\n')
  for (const missing of ['migration 0000_init', 'table users', 'table sessions']) t.match(details, missing)
  t.same(await tablesOf(database), [])
})

t.test('a database that breaks under a running server is noticed', async (t) => {
  const { app, database } = await startTestApp(t)
  const ready = async () => {
    const answer = await app.inject({ url: '/api/health/ready' })
    type Report = { checks: { schema: { details: string[] } } }
    return { status: answer.statusCode, details: answer.json<Report>().checks.schema.details.join('\n') }
  }
  t.match(await ready(), { status: 200, details: '' })
  await database.sql`alter table sessions drop column landmark_count`
  t.match(await ready(), { status: 503, details: /column sessions\.landmark_count: missing column/ })

  await database.sql`drop table users cascade`
  t.match(await ready(), { status: 503, details: /table users: missing table/ })
  const login = await app.inject({
    method: 'POST',
    url: '/api/auth/login',
    payload: { email: 'a@b.kr', password: 'x' },
  })
  t.equal(login.statusCode, 503)
  t.match(login.json(), { success: false, error: { code: 'DATABASE_NOT_READY' } })
  t.match(login.headers, { 'retry-after': /^\d+$/ })
  t.notMatch(login.body, /users|relation|select/i)
})

t.test('a database that goes away comes back', async (t) => {
  const database = await createTestDatabase(t)
  const proxy = await startTcpProxy(database.socketDir)
  t.teardown(() => proxy.close())
  const { database: name } = parseDatabaseUrl(database.url)
  const { app, log } = await startTestApp(t, {
    database,
    env: { DATABASE_URL: `postgres://maeum:hunter2@127.0.0.1:${proxy.port}/${name}` },
  })
  const login = () =>
    app.inject({ method: 'POST', url: '/api/auth/login', payload: { email: 'a@b.kr', password: 'x' } })
  t.equal((await login()).statusCode, 401)

  await proxy.close()
  const refused = await login()
  t.equal(refused.statusCode, 503)
  t.match(refused.json(), { success: false, error: { code: 'DATABASE_UNAVAILABLE' } })
  t.match(refused.headers, { 'retry-after': /^\d+$/ })
  const ready = await app.inject({ url: '/api/health/ready' })
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { status: 'not_ready', checks: { database: { ok: false } } })
  t.equal((await app.inject({ url: '/health' })).statusCode, 200, 'the process itself is alive')

  const back = await startTcpProxy(database.socketDir, proxy.port)
  t.teardown(() => back.close())
  await eventually(login, ({ statusCode }) => statusCode === 401)
  t.equal((await app.inject({ url: '/api/health/ready' })).statusCode, 200)
  t.notMatch(log.join(''), 'hunter2')
})
