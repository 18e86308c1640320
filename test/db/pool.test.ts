import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/db/client.ts'
import { databaseFault } from '../../src/db/faults.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

/** A database behind a proxy, and a pool for it. */
async function setUp(t: Test, options: { poolMax?: number; answerDeadlineMs?: number } = {}) {
  const { socketDir, sql: admin } = await createTestDatabase(t, { migrated: false })
  const [row] = await admin<{ name: string }[]>`select current_database() as name`
  const proxy = await startTcpProxy(socketDir)
  t.teardown(() => proxy.close())
  const url = `postgres://maeum@127.0.0.1:${proxy.port}/${row?.name ?? ''}?sslmode=disable`
  const database = await openDatabase({ dataDir: '.data', poolMax: 1, ...options, url })
  t.teardown(() => database.close())
  /** Simulates a failover for every connection: a FATAL error, then the end. */
  const endAll = () =>
    admin`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`
  return { admin, proxy, endAll, url, database, ...database }
}

/** Callers that run queries until they are stopped; returns all wrong results. */
function startCallers(count: number, query: (number: number) => Promise<unknown>) {
  const wrong: unknown[] = []
  let isOver = false
  let refused = 0
  let answered = 0
  const callers = Array.from({ length: count }, async (_, caller) => {
    for (let number = caller; !isOver; number += count) {
      try {
        const answer = await query(number)
        answered++
        if (answer !== number) wrong.push({ number, answer })
      } catch (error) {
        refused++
        if (databaseFault(error)?.kind !== 'unavailable') wrong.push(error)
        await delay(1)
      }
    }
  })
  return {
    counts: () => ({ answered, refused }),
    stop: async () => {
      isOver = true
      await Promise.all(callers)
      return wrong
    },
  }
}

t.test(
  'repeated shutdowns of the server: no result reaches another caller, and later queries succeed',
  async (t) => {
    const { endAll, sql } = await setUp(t, { poolMax: 4 })
    const callers = startCallers(12, async (number) => {
      if (number % 3 > 0) return (await sql<{ number: number }[]>`select ${number}::int as number`)[0]?.number
      return sql.begin(async (tx) => (await tx`select ${number}::int as number`)[0]?.['number'] as unknown)
    })
    for (let i = 0; i < 12; i++) {
      const { answered } = callers.counts()
      await eventually(callers.counts, (now) => now.answered > answered + 24)
      await endAll()
    }
    const { refused } = callers.counts()
    t.same(await callers.stop(), [], 'each got its own answer, or an error that passes')
    t.ok(refused > 0, 'the ends were noticed')
    const numbers = Array.from({ length: 100 }, (_, number) => number)
    const answers = await Promise.all(numbers.map((number) => sql`select ${number}::int as number`))
    t.same(
      answers.map(([row]) => row?.['number'] as unknown),
      numbers,
    )
  },
)

t.test('if the server closes during connects, every query settles by its deadline', async (t) => {
  const { socketDir, sql: admin } = await createTestDatabase(t, { migrated: false })
  const [row] = await admin<{ name: string }[]>`select current_database() as name`
  /** Bytes of the server's answers that pass before the connection is closed; unset: all. */
  const passes = [0, 1, 9, 40, 200, 300, 420, undefined]
  let isBad = true
  let made = 0
  const server = createServer((client) => {
    const left = isBad ? passes[made++ % passes.length] : undefined
    const upstream = connect(`${socketDir}/.s.PGSQL.5432`)
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy())
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.pipe(upstream)
    let sent = 0
    upstream.on('data', (chunk) => {
      const part = left === undefined ? chunk : chunk.subarray(0, Math.max(0, left - sent))
      sent += chunk.length
      client.write(part)
      if (left !== undefined && sent > left) client.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo // listening on TCP
  const database = await openDatabase({
    url: `postgres://maeum@127.0.0.1:${port}/${row?.name ?? ''}?sslmode=disable`,
    dataDir: '.data',
    poolMax: 3,
    answerDeadlineMs: 2000,
  })
  t.teardown(() => database.close())
  const wrong: unknown[] = []
  for (let round = 0; round < 20; round++) {
    const numbers = Array.from({ length: 12 }, (_, place) => round * 100 + place)
    const outcomes = await Promise.all(
      numbers.map((number) =>
        database.sql`select ${number}::int as number`.then(
          ([found]) => (found?.['number'] === number ? 'own' : found),
          (error: unknown) => (databaseFault(error)?.kind === 'unavailable' ? 'later' : error),
        ),
      ),
    )
    wrong.push(...outcomes.filter((outcome) => outcome !== 'own' && outcome !== 'later'))
  }
  t.same(wrong, [])
  t.ok(made > passes.length, `${made} connections were tried`)
  isBad = false
  await eventually(
    () => database.sql`select 1 as one`.catch(() => []),
    ([found]) => found?.['one'] === 1,
  )
})

t.test('the reason of a lost connection reaches only the affected statement', async (t) => {
  const { endAll, sql } = await setUp(t)
  await sql`select 1`
  const asleep = sql`select pg_sleep(20)`.then(
    () => undefined,
    (error: unknown) => error,
  )
  await delay(50)
  await endAll()
  t.match(await asleep, { code: '57P01' })
  t.same(await sql`select 1 as one`, [{ one: 1 }])
  await endAll()
  await delay(50)
  t.same(await sql`select 1 as one`, [{ one: 1 }], 'between two statements it concerns none')
})

t.test('rows of an interrupted result do not reach the next statement', async (t) => {
  const { proxy, sql } = await setUp(t)
  await sql`select 1`
  const broken = sql`
    select repeat('x', 10000) as text, case when place = 300 then pg_sleep(20) end
    from generate_series(1, 300) place`
  const rejected = t.rejects(broken.execute())
  await delay(300) // rows arrive
  proxy.cut()
  await rejected
  t.same(await sql`select 1 as one`, [{ one: 1 }])
})

t.test('a transaction whose connection is lost does not continue on another', async (t) => {
  const { proxy, sql } = await setUp(t)
  await sql`create table kept (id int)`
  let late: Promise<unknown> = Promise.resolve()
  const done = sql.begin(async (tx) => {
    await tx`insert into kept values (1)`
    proxy.cut()
    await eventually(
      () =>
        sql`select 1`.then(
          () => true,
          () => false,
        ), // holds the connection of the pool by now
      (isBack) => isBack,
    )
    late = tx`insert into kept values (2)`.then(
      () => 'done',
      () => 'refused',
    )
    await late
  })
  await t.rejects(done)
  await eventually(
    () => late,
    (outcome) => outcome === 'refused',
  )
  t.same(await sql`select * from kept`, [])
})

t.test('a commit that the server does not confirm fails', async (t) => {
  const { sql } = await setUp(t)
  await sql`create table kept (id int)`
  await sql.begin((tx) => tx`insert into kept values (1)`)
  const forgetful = sql.begin(async (tx) => {
    await tx`insert into kept values (2)`
    await tx.unsafe('deallocate all')
  })
  await t.rejects(forgetful, { code: '26000' })
  t.same(await sql`select * from kept`, [{ id: 1 }])
})

t.test('a read-only connection, or one that has lost a statement, is not kept', async (t) => {
  const { sql } = await setUp(t)
  const pid = async () => (await sql<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid
  await sql`create table kept (id int)`
  const first = await pid()
  await sql.unsafe('set default_transaction_read_only = on')
  await t.rejects(sql`insert into kept values (1)`, { code: '25006' })
  const second = await pid()
  t.not(second, first)
  await sql.unsafe('deallocate all')
  await t.rejects(
    sql`select pg_backend_pid() as pid`.catch(async (error: unknown) => {
      t.not(await pid(), second)
      throw error
    }),
    { code: '26000' },
  )
})

t.test('a statement that leaves a transaction open does not share it', async (t) => {
  const { sql } = await setUp(t)
  await sql.unsafe('begin').catch(() => undefined)
  await t.rejects(sql`savepoint here`, { code: '25P01' })
})

t.test(
  'if the server does not answer, running and waiting queries fail by the deadline, and later ones succeed',
  async (t) => {
    const { proxy, sql } = await setUp(t, { poolMax: 2, answerDeadlineMs: 400 })
    await Promise.all([sql`select 1`, sql`select 1`])
    proxy.freeze()
    const startedAt = Date.now()
    const codes = await Promise.all(
      Array.from({ length: 20 }, () =>
        sql`select 1`.then(
          () => 'answered',
          (error: unknown) => (error as { code: string }).code,
        ),
      ),
    )
    t.ok(
      codes.every((code) => /^(ETIMEDOUT|CONNECT_TIMEOUT|answered)$/.test(code)),
      codes.join(),
    )
    t.ok(codes.includes('ETIMEDOUT'))
    t.ok(Date.now() - startedAt < 5_000)
    t.same(await sql`select 1 as one`, [{ one: 1 }])
  },
)

t.test('listening restarts after a lost connection, and notices arrive', async (t) => {
  const { admin, endAll, database } = await setUp(t)
  const received: string[] = []
  const failures: unknown[] = []
  let begun = 0
  database.listen({
    channel: 'news',
    onNotice: (payload) => received.push(payload),
    onListening: () => begun++,
    onFailure: (error) => failures.push(error),
  })
  const hears = async (times: number, text: string) => {
    await eventually(
      () => begun,
      (count) => count === times,
    )
    await admin`select pg_notify('news', ${text})`
    await eventually(
      () => received,
      (texts) => texts.includes(text),
    )
  }
  await hears(1, 'first')
  await endAll()
  await hears(2, 'second')
  t.same(received, ['first', 'second'])
  t.match(failures, [{ code: '57P01' }])
})

for (const apart of [false, true])
  t.test(
    `a server that takes no writes is no longer listened to${apart ? ', through an address of its own' : ''}`,
    async (t) => {
      const { admin, database: writing, sql, url } = await setUp(t, { poolMax: 2 })
      const database = apart
        ? await openDatabase({ dataDir: '.data', poolMax: 1, url, renewals: writing.renewals })
        : writing
      if (apart) t.teardown(() => database.close())
      const listeners = async () =>
        (await admin<{ pid: number }[]>`select pid from pg_stat_activity where query = 'listen news'`).map(
          ({ pid }) => pid,
        )
      let begun = 0
      database.listen({
        channel: 'news',
        onNotice: () => undefined,
        onListening: () => begun++,
        onFailure: () => undefined,
      })
      await eventually(
        () => begun,
        (count) => count === 1,
      )
      const before = await listeners()
      await sql`create table kept (id int)`
      await sql.unsafe('set default_transaction_read_only = on')
      await t.rejects(sql`insert into kept values (1)`, { code: '25006' })
      await eventually(
        () => begun,
        (count) => count === 2,
      )
      const after = await listeners()
      t.notSame(after, before)
    },
  )

t.test(
  'a pool whose connection was refused closes idle ones, so that another pool can connect',
  async (t) => {
    const { socketDir, sql: admin } = await createTestDatabase(t, { migrated: false })
    const [row] = await admin<{ name: string }[]>`select current_database() as name`
    const role = `crowded_${row?.name ?? ''}`
    await admin.unsafe(`create role ${role} login connection limit 4`)
    t.teardown(() => admin.unsafe(`drop role ${role}`))
    const url = `postgres://${role}@/${row?.name ?? ''}?host=${encodeURIComponent(socketDir)}`
    const open = async (poolMax: number) => {
      const options = { dataDir: '.data', poolMax, answerDeadlineMs: 1000, maxIdleMs: 12_000, url }
      const database = await openDatabase(options)
      t.teardown(() => database.close())
      return database.sql
    }
    const connected = async () =>
      (await admin`select pid from pg_stat_activity where usename = ${role}`).length
    const first = await open(8)
    await Promise.all(Array.from({ length: 8 }, () => first`select pg_sleep(0.1)`))
    t.equal(await connected(), 4, 'the first one has all that there are')
    const second = await open(1)
    const ask = () =>
      second`select 1 as one`.then(
        ([one]) => one,
        () => undefined,
      )
    t.match(await eventually(ask, (one) => one !== undefined), { one: 1 })
    t.match(await first`select 1 as one`, [{ one: 1 }])
  },
)
