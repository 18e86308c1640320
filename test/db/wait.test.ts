import t, { type Test } from 'tap'
import { openDatabase, waitForDatabase } from '../../src/db/client.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { startRefusing } from '../helpers/refusing-postgres.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

async function open(t: Test, url: string) {
  const database = await openDatabase({ url, dataDir: '.data', poolMax: 2 })
  t.teardown(() => database.close())
  return database
}

t.test('waits for a server that starts later', async (t) => {
  const { socketDir, sql } = await createTestDatabase(t, { migrated: false })
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const reserved = await startTcpProxy(socketDir)
  await reserved.close()
  const database = await open(t, `postgres://maeum@127.0.0.1:${reserved.port}/${row?.name ?? ''}`)

  const reasons: string[] = []
  let proxy: ReturnType<typeof startTcpProxy> | undefined
  t.teardown(async () => (await proxy)?.close())
  await waitForDatabase(database, {
    deadlineMs: 20_000,
    onRetry: (reason) => {
      reasons.push(reason)
      proxy ??= startTcpProxy(socketDir, reserved.port)
    },
  })
  t.equal(reasons[0], 'ECONNREFUSED')
  t.same(await database.sql`select 1 as one`, [{ one: 1 }])
})

t.test('gives up after the deadline with the reason', async (t) => {
  const reserved = await startTcpProxy('/nowhere')
  await reserved.close()
  const database = await open(t, `postgres://alice:s3cret@127.0.0.1:${reserved.port}/app`)
  await t.rejects(waitForDatabase(database, { deadlineMs: 300 }), {
    message: /^postgres at 127\.0\.0\.1:\d+\/app, no TLS: not reachable \(ECONNREFUSED\)/,
  })
})

t.test('retries a server that is starting', async (t) => {
  const { state, url } = await startRefusing(t, '57P03', 'the database system is starting up')
  await t.rejects(waitForDatabase(await open(t, url), { deadlineMs: 500 }), {
    message: /not reachable \(57P03\)/,
  })
  t.ok(state.calls > 1)
})

t.test('a permanent error fails immediately and names the setting', async (t) => {
  const refusals: [code: string, message: string, advice: RegExp][] = [
    ['28P01', 'password authentication failed for user "alice"', /check both in DATABASE_URL/],
    ['28000', 'no pg_hba.conf entry for user "alice"', /refuses the user or the password/],
    ['28000', 'no pg_hba.conf entry for host "10.0.0.1", user "alice", no encryption', /sslmode=require/],
    ['08P01', 'connection is insecure (try using `sslmode=require`)', /wants TLS/],
    ['3D000', 'database "app" does not exist', /no database of this name/],
    ['XX000', 'Tenant or user not found', /postgres\.<project>/],
    [
      'XX000',
      '(ENOTFOUND) tenant/user alice.abcdefghijklmnopqrst not found',
      /host and user from Connect.*postgres\.<project>.*cluster.*paused/,
    ],
    ['XX000', '(ENOIDENTIFIER) no tenant identifier provided', /postgres\.<project>/],
    ['42501', 'permission denied for database "app"', /refuses the connection \(42501: permission denied/],
  ]
  for (const [code, message, advice] of refusals) {
    const { state, url } = await startRefusing(t, code, message)
    const waiting = waitForDatabase(await open(t, url), { deadlineMs: 30_000 })
    await t.rejects(waiting, { message: advice }, code)
    await t.rejects(waiting, { message: /^(?!.*(alice|s3cret))[^\n]+$/ }, `${code}: one line without secrets`)
    t.equal(state.calls, 1, `${code}: asked once`)
  }
})

t.test('the message of the server is shown when the deadline passes', async (t) => {
  const said =
    '(EMAXCONNSESSION) max clients reached in session mode - max clients are limited to pool_size: 15'
  const { state, url } = await startRefusing(t, 'XX000', said)
  const sentences: unknown[] = []
  const waiting = waitForDatabase(await open(t, url), {
    deadlineMs: 500,
    onRetry: (_reason, _pauseMs, sentence) => sentences.push(sentence),
  })
  await t.rejects(waiting, {
    message: new RegExp(`not reachable \\(XX000\\): .*max clients reached in session mode`),
  })
  t.ok(state.calls > 1)
  t.equal(sentences[0], said)
})

t.test('a name with only IPv6 addresses, on a network without IPv6, is reported', async (t) => {
  const unreachable = (address: string) =>
    Object.assign(new Error(`connect ENETUNREACH ${address}:5432`), { code: 'ENETUNREACH', address })
  const away = (error: Error) => {
    const sql = () => Promise.reject(error)
    return waitForDatabase({ sql, description: 'postgres at db.example.com' } as never, { deadlineMs: 0 })
  }
  await t.rejects(away(unreachable('2001:db8::1')), { message: /IPv6 addresses alone.*session pooler/ })
  const both = Object.assign(new AggregateError([unreachable('2001:db8::1'), unreachable('192.0.2.1')]), {
    code: 'ENETUNREACH',
  })
  await t.rejects(away(both), { message: /^(?!.*IPv6).*ENETUNREACH/ })
})

t.test('a server without TLS does not count as unavailable', async (t) => {
  const { socketDir } = await createTestDatabase(t, { migrated: false })
  const proxy = await startTcpProxy(socketDir)
  t.teardown(() => proxy.close())
  const database = await open(t, `postgres://u@127.0.0.1:${proxy.port}/d?sslmode=verify-full`)
  await t.rejects(waitForDatabase(database, { deadlineMs: 30_000 }), { message: /append sslmode=disable/ })
})

t.test('does not wait for a closed database', async (t) => {
  const reserved = await startTcpProxy('/nowhere')
  await reserved.close()
  const database = await open(t, `postgres://u@127.0.0.1:${reserved.port}/d`)
  const waiting = waitForDatabase(database, { deadlineMs: 30_000, onRetry: () => void database.close() })
  await t.rejects(waiting, { message: /closed during the wait/ })
})
