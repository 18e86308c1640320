import t, { type Test } from 'tap'
import { openDatabase, waitForDatabase } from '../../src/db/client.ts'
import { migrate } from '../../src/db/migrate.ts'
import { verifySchema } from '../../src/db/verify.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { findPgbouncer, startPgbouncer } from '../helpers/pgbouncer.ts'
import { MIGRATIONS } from '../helpers/test-server.ts'

const PORT = 6432
/** A port that the address does not identify as that of a pooler. */
const OTHER_PORT = 5499

const program = findPgbouncer()

const startPooler = (
  t: Test,
  options: { socketDir: string; database: string; port?: number; more?: string },
) => startPgbouncer(t, { program: program ?? '', port: PORT, ...options })

const skip =
  program === undefined &&
  'PGBOUNCER IS NOT INSTALLED: boots and queries through a transaction pooler are NOT TESTED here'

t.test('behind a transaction pooler', { skip }, async (t) => {
  const { socketDir, sql } = await createTestDatabase(t, { migrated: false })
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const url = await startPooler(t, { socketDir, database: row?.name ?? '' })
  const open = async () => {
    const database = await openDatabase({ url, dataDir: '.data', poolMax: 5 })
    t.teardown(() => database.close())
    return database
  }

  t.test('eight processes boot concurrently', async (t) => {
    const applied = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const database = await open()
        await waitForDatabase(database, { deadlineMs: 60_000 })
        const report = await migrate(database, { folder: MIGRATIONS, apply: true })
        t.same(await verifySchema(database.sql), [])
        return report.applied.length
      }),
    )
    t.equal(applied.filter((count) => count > 0).length, 1, 'one of them migrates')
  })

  t.test('two hundred parallel queries and transactions each get their own result', async (t) => {
    const database = await open()
    t.match(database.description, /transaction pooler$/)
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        if (index % 4 > 0) return (await database.sql`select ${index}::int as answer`)[0]?.answer
        return database.sql.begin(async (tx) => (await tx`select ${index}::int as answer`)[0]?.answer)
      }),
    )
    t.same(
      answers,
      answers.map((_, index) => index),
    )
  })
})

const IGNORED =
  'ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout,lock_timeout,intervalstyle,bytea_output,default_transaction_isolation,extra_float_digits,search_path'
for (const [how, more] of [
  ['refuses parameters that it does not keep', ''],
  ['ignores them', IGNORED],
] as const) {
  t.test(`a pooler on another port that ${how} is detected`, { skip }, async (t) => {
    const { socketDir, sql } = await createTestDatabase(t, { migrated: false })
    const [row] = await sql<{ name: string }[]>`select current_database() as name`
    const url = await startPooler(t, { socketDir, database: row?.name ?? '', port: OTHER_PORT, more })
    const notices: string[] = []
    const database = await openDatabase({
      url,
      dataDir: '.data',
      poolMax: 5,
      onPooler: (text) => notices.push(text),
    })
    t.teardown(() => database.close())
    await waitForDatabase(database, { deadlineMs: 60_000 })
    t.match(database.description, /, pooler$/)

    await sql`create table kept (id int primary key)`
    const numbers = Array.from({ length: 120 }, (_, number) => number)
    const answers = await Promise.all(
      numbers.map(async (number) => {
        if (number % 2 === 0) return (await database.sql`select ${number}::int as number`)[0]?.['number']
        return database.sql.begin(async (tx) => {
          await tx`insert into kept values (${number})`
          return number
        })
      }),
    )
    t.same(answers, numbers, 'each gets its own answer')
    t.equal((await sql`select from kept`).length, 60, 'and what was committed is there')
    t.match(notices, [/pooler before the database.*prepared statements are not used/], 'said once')
  })
}

t.test(
  'a server that listens through a transaction pooler logs that no notices arrive',
  { skip },
  async (t) => {
    const database = await createTestDatabase(t)
    const { socketDir, sql } = database
    const [row] = await sql<{ name: string }[]>`select current_database() as name`
    const url = await startPooler(t, { socketDir, database: row?.name ?? '', port: OTHER_PORT })
    const warned = (log: string[]) =>
      log.filter((line) => /notices of other instances do not arrive/.test(line))

    const behind = await startTestApp(t, { database, env: { DATABASE_URL: url } })
    await eventually(
      () => warned(behind.log),
      (lines) => lines.length > 0,
    )
    t.match(warned(behind.log), [/DATABASE_DIRECT_URL/], 'once')
    t.equal((await behind.app.inject({ url: '/api/health/ready' })).statusCode, 200)

    const beside = await startTestApp(t, {
      database,
      env: { DATABASE_URL: url, DATABASE_DIRECT_URL: database.url },
    })
    const heard: unknown[] = []
    beside.app.notices.onNotice((notice) => heard.push(notice))
    await eventually(
      () => {
        behind.app.notices.send({ kind: 'deleted', sessionId: 'sess_1' })
        return heard
      },
      (notices) => notices.length > 0,
    )
    t.same(warned(beside.log), [])
  },
)

t.test('a direct connection is not taken for a pooler', async (t) => {
  const { url } = await createTestDatabase(t, { migrated: false })
  const notices: string[] = []
  const database = await openDatabase({
    url,
    dataDir: '.data',
    poolMax: 2,
    onPooler: (text) => notices.push(text),
  })
  t.teardown(() => database.close())
  await waitForDatabase(database, { deadlineMs: 60_000 })
  t.same(await database.sql`show bytea_output`, [{ bytea_output: 'hex' }])
  t.notMatch(database.description, /pooler/)
  t.same(notices, [])
})
