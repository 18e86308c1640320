import t, { type Test } from 'tap'
import { openDatabase } from '../../src/db/client.ts'
import { describeFinding, expectedSchema, verifySchema } from '../../src/db/verify.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { MIGRATIONS, uniqueName } from '../helpers/test-server.ts'

const tables = expectedSchema().map(({ name }) => name)

/** A connection of a role that owns nothing; the role goes with the test. */
async function openAsGuest(t: Test, { sql, url }: TestDatabase) {
  const role = uniqueName('restricted')
  await sql.unsafe(`create role ${role} login`)
  t.teardown(() => sql.unsafe(`drop owned by ${role}; drop role ${role}`))
  const restricted = await openDatabase({
    url: url.replace('maeum@', `${role}@`),
    dataDir: '.data',
    poolMax: 1,
  })
  t.teardown(() => restricted.close())
  return { role, restricted }
}

t.test('a migrated database is what the code expects', async (t) => {
  const { sql } = await createTestDatabase(t)
  t.ok(tables.includes('sessions'))
  t.same(await verifySchema(sql), [])
})

t.test('each difference is reported', async (t) => {
  const { sql } = await createTestDatabase(t)
  await sql.unsafe(`
    drop table reports;
    alter table users drop column profile_image;
    alter table sessions alter column interval_ms type bigint;
    alter table conversations alter column source drop not null;
    alter table feedbacks alter column note set not null;
    alter table emotion_windows drop constraint emotion_windows_pkey;
    drop index users_username_key`)
  const findings = await verifySchema(sql, MIGRATIONS)
  t.same(
    findings.map(describeFinding).sort(),
    [
      'column conversations.source: wrong nullability, expected not null, found null allowed (migration 0000_init)',
      'column feedbacks.note: wrong nullability, expected null allowed, found not null (migration 0000_init)',
      'column sessions.interval_ms: wrong type, expected integer, found bigint (migration 0000_init)',
      'column users.profile_image: missing column, expected text, found none (migration 0000_init)',
      'table emotion_windows: missing key, expected a unique key on (session_id, window), found none (migration 0000_init)',
      'table reports: missing table, expected a table, found none (migration 0000_init)',
      'table users: missing key, expected a unique key on (lower(username)), found none (migration 0000_init)',
    ].sort(),
  )
})

t.test('an empty database lacks every table', async (t) => {
  const { sql } = await createTestDatabase(t, { migrated: false })
  const findings = await verifySchema(sql)
  t.same(
    findings.map(({ table, problem }) => ({ table, problem })),
    tables.map((table) => ({ table, problem: 'missing_table' })),
  )
})

t.test('row level security that hides rows from the role is reported', async (t) => {
  const database = await createTestDatabase(t)
  const { role, restricted } = await openAsGuest(t, database)
  await database.sql.unsafe(`grant all on all tables in schema public to ${role}`)
  const findings = await verifySchema(restricted.sql)
  t.same(new Set(findings.map(({ problem }) => problem)), new Set(['rows_hidden']))
  t.equal(findings.length, tables.length)
})

t.test('missing privileges of a read-only role are reported', async (t) => {
  const database = await createTestDatabase(t)
  const { role, restricted } = await openAsGuest(t, database)
  await database.sql.unsafe(`
    alter table sessions disable row level security;
    grant all on all tables in schema public to ${role};
    revoke insert, delete on sessions from ${role}`)
  t.match(
    (await verifySchema(restricted.sql)).filter(({ table }) => table === 'sessions'),
    [{ column: null, problem: 'no_privilege', found: 'no insert, delete' }],
  )
})

t.test('a read-only database is a finding until it is writable again', async (t) => {
  const { sql, url } = await createTestDatabase(t)
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const name = row?.name ?? ''
  const findings = async () => {
    const fresh = await openDatabase({ url, dataDir: '.data', poolMax: 1 })
    try {
      return (await verifySchema(fresh.sql, MIGRATIONS)).map(describeFinding)
    } finally {
      await fresh.close()
    }
  }
  await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`)
  t.same(await findings(), [
    'the database takes no writes: expected a primary that may be written to, found read only',
  ])
  await sql.unsafe('set default_transaction_read_only = off')
  await sql.unsafe(`alter database ${name} reset default_transaction_read_only`)
  t.same(await findings(), [])
})
