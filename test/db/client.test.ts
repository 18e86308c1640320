import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { openDatabase, waitForDatabase } from '../../src/db/client.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

const OPTIONS = { dataDir: '.data', poolMax: 3 }

t.test('a pool behind a network', async (t) => {
  const { socketDir, sql } = await createTestDatabase(t, { migrated: false })
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const openThrough = async (t: Test, options = {}, query = '') => {
    const proxy = await startTcpProxy(socketDir)
    t.teardown(() => proxy.close())
    const url = `postgres://maeum@127.0.0.1:${proxy.port}/${row?.name ?? ''}${query}`
    const database = await openDatabase({ ...OPTIONS, ...options, url })
    t.teardown(() => database.close())
    return { proxy, database }
  }

  t.test('answers queries and describes itself without the user', async (t) => {
    const { proxy, database } = await openThrough(t)
    t.same(await database.sql`select ${41}::int + 1 as answer`, [{ answer: 42 }])
    t.equal(database.description, `postgres at 127.0.0.1:${proxy.port}/${row?.name ?? ''}, no TLS`)
  })

  t.test('keeps deadlines on the server', async (t) => {
    const { database } = await openThrough(t)
    t.same(await database.sql`show statement_timeout`, [{ statement_timeout: '15s' }])
    t.same(await database.sql`show idle_in_transaction_session_timeout`, [
      { idle_in_transaction_session_timeout: '15s' },
    ])
  })

  t.test('sends no such parameters through a transaction pooler', async (t) => {
    const { database } = await openThrough(t, {}, '?pgbouncer=true')
    t.same(await database.sql`show statement_timeout`, [{ statement_timeout: '0' }])
  })

  t.test('settles every query when connections break under load, and recovers', async (t) => {
    const { proxy, database } = await openThrough(t)
    await database.sql`select 1`
    let toRetry = 0
    const queries = Array.from({ length: 100 }, async () => {
      const query = () => database.sql`select pg_sleep(0.005)`
      await query().catch(() => {
        toRetry++
        return query().catch(() => undefined) // started while the broken connection is being closed
      })
    })
    await queries[0]
    proxy.cut()
    await Promise.all(queries)
    t.ok(toRetry > 0, 'the cut was felt')
    await waitForDatabase(database, { deadlineMs: 60_000 })
  })

  t.test('ends the connection to a server that stops answering', async (t) => {
    const { proxy, database } = await openThrough(t, { answerDeadlineMs: 200 })
    await database.sql`select 1`
    proxy.freeze()
    await t.rejects(database.sql`select 1`, { code: 'ETIMEDOUT' })
  })

  t.test('keeps a connection that only waits for notices', async (t) => {
    const { database } = await openThrough(t, { answerDeadlineMs: 500 })
    const [before] = await database.sql`select pg_backend_pid() as pid`
    await new Promise((resolve) => setTimeout(resolve, 2000)) // four deadlines of silence
    t.same((await database.sql`select pg_backend_pid() as pid`)[0], before)
  })

  t.test('reports that the server does not offer TLS', async (t) => {
    const { database } = await openThrough(t, {}, '?sslmode=require')
    await t.rejects(database.sql`select 1`, { code: 'TLS_NOT_OFFERED' })
  })

  t.test('warns of a certificate that is not verified', async (t) => {
    const notices: string[] = []
    await openThrough(t, { onNotice: (text: string) => notices.push(text) }, '?sslmode=no-verify')
    t.match(notices, [/certificate .* not verified/])
  })

  t.test('closes while a query runs', async (t) => {
    const { database } = await openThrough(t)
    await database.sql`select 1`
    const rejected = t.rejects(database.sql`select pg_sleep(14)`.execute(), { code: 'CONNECTION_DESTROYED' })
    const startedAt = Date.now()
    await database.close()
    await rejected
    t.ok(Date.now() - startedAt < 8_000, 'within its deadline')
  })
})

t.test(
  'a query fails, instead of retrying permanently, when a proxy accepts and closes connections',
  async (t) => {
    let calls = 0
    const server = createServer((socket) => {
      calls++
      socket.end()
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const database = await openDatabase({ ...OPTIONS, url: `postgres://u@127.0.0.1:${port ?? 0}/d` })
    t.teardown(() => database.close())
    await t.rejects(database.sql`select 1`, { code: 'ECONNRESET' })
    t.equal(calls, 1)
  },
)

t.test('an unreadable certificate file is named', async (t) => {
  const opening = openDatabase({
    ...OPTIONS,
    url: 'postgres://u@db.example.com/d',
    caCertFile: '/nowhere/ca.pem',
  })
  await t.rejects(opening, { message: 'DATABASE_CA_CERT: the file /nowhere/ca.pem cannot be read' })
})

t.test('a certificate file without a certificate is named', async (t) => {
  const opening = openDatabase({
    ...OPTIONS,
    url: 'postgres://u@db.example.com/d',
    caCertFile: fileURLToPath(import.meta.url),
  })
  await t.rejects(opening, { message: /^DATABASE_CA_CERT: the file .* holds no certificate/ })
})

t.test('times arrive as text through sql', async (t) => {
  const { sql } = await createTestDatabase(t, { migrated: false })
  t.same(await sql`select timestamptz '2026-01-02T03:04:05Z' at time zone 'UTC' as at`, [
    { at: '2026-01-02 03:04:05' },
  ])
})
