import t, { type Test } from 'tap'
import { openDatabase } from '../../src/db/client.ts'
import { verifyServer } from '../../src/db/verify-server.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { asAdmin, testUrl, uniqueName } from '../helpers/test-server.ts'

const nameOf = async ({ sql }: TestDatabase) =>
  (await sql<{ name: string }[]>`select current_database() as name`)[0]?.name ?? ''

async function open(t: Test, url: string) {
  const database = await openDatabase({ url, dataDir: '.data', poolMax: 1 })
  t.teardown(() => database.close())
  return database.sql
}

/** Settings that an operator or a host may have changed for a database. */
const SETTINGS = [
  "datestyle = 'SQL, DMY'",
  "intervalstyle = 'sql_standard'",
  "bytea_output = 'escape'",
  "timezone = 'Asia/Kolkata'",
  'extra_float_digits = -2',
  'standard_conforming_strings = off',
  "default_transaction_isolation = 'serializable'",
  'search_path = app, public',
]

t.test('what a database sets is set right by each direct connection', async (t) => {
  const database = await createTestDatabase(t)
  const name = await nameOf(database)
  await database.sql`create schema app`
  for (const setting of SETTINGS) await database.sql.unsafe(`alter database ${name} set ${setting}`)
  const sql = await open(t, database.url)
  t.same((await verifyServer(sql)).settings, [])
  const [row] = await sql`
    select timestamptz '2026-03-02T08:00:00Z' as at, interval '1 day 2 hours' as span, '\\x00ff'::bytea as bytes,
      0.1::float8 + 0.2 as sum, current_schema() as schema, current_setting('transaction_isolation') as isolation`
  t.match(row, {
    at: '2026-03-02 08:00:00+00',
    span: '1 day 02:00:00',
    bytes: Buffer.from([0, 255]),
    sum: 0.1 + 0.2,
    schema: 'public',
    isolation: 'read committed',
  })
  const { app } = await startTestApp(t, { database })
  t.equal((await app.inject({ url: '/api/health/ready' })).statusCode, 200)
})

t.test('behind a pooler it is named, with the statement that sets it right', async (t) => {
  const database = await createTestDatabase(t)
  const name = await nameOf(database)
  await database.sql`create schema app`
  for (const setting of SETTINGS) await database.sql.unsafe(`alter database ${name} set ${setting}`)
  const pooled = `${database.url}&pgbouncer=true`
  const { settings } = await verifyServer(await open(t, pooled))
  const names = ['IntervalStyle', 'bytea_output', 'default_transaction_isolation', 'extra_float_digits']
  t.same(
    settings.map((line) => line.split(' ')[0]),
    [...names, 'search_path', 'standard_conforming_strings'],
    'dates and the time zone pass every pooler',
  )
  await t.rejects(startTestApp(t, { database, env: { DATABASE_URL: pooled } }), {
    message: /bytea_output is escape and has to be hex: ALTER ROLE "maeum" IN DATABASE/,
  })
  const red = await startTestApp(t, { database, env: { DATABASE_URL: pooled, SCHEMA_MISMATCH: 'unready' } })
  const ready = await red.app.inject({ url: '/api/health/ready' })
  t.equal(ready.statusCode, 503)
  t.match(ready.json(), { checks: { database: { ok: false } } })
  t.match(ready.body, /search_path leads to app/)

  for (const line of settings) await database.sql.unsafe(line.slice(line.indexOf('ALTER ROLE')))
  t.same((await verifyServer(await open(t, pooled))).settings, [])
})

t.test('a database of another encoding is refused by name', async (t) => {
  const { socketDir } = await createTestDatabase(t, { migrated: false })
  const name = uniqueName('korean')
  const admin = (text: string) => asAdmin(socketDir, 'postgres', (sql) => sql.unsafe(text))
  await admin(`create database ${name} template template0 encoding 'EUC_KR' locale 'C'`)
  t.teardown(() => admin(`drop database ${name} with (force)`))
  const { settings } = await verifyServer(await open(t, testUrl(socketDir, name)))
  t.match(settings, [/encoding of the database is EUC_KR and has to be UTF8/])
})

t.test('clocks that differ by seconds are a word, by minutes a fault', async (t) => {
  const { sql } = await createTestDatabase(t, { migrated: false })
  const shifted = (ms: number) => verifyServer(sql, () => Date.now() + ms)
  t.match(await shifted(0), { faults: [], doubts: [] })
  t.match(await shifted(-20_000), { faults: [], doubts: [/database is \d+ s ahead of the clock of this/] })
  t.match(await shifted(20_000), { faults: [], doubts: [/ s behind the clock/] })
  t.match(await shifted(3_600_000), {
    faults: [/3\d\d\d s behind the clock of this machine: set both by NTP/],
  })
})
