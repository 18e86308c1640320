import t, { type Test } from 'tap'
import { openDatabase } from '../../src/db/client.ts'
import { FUNCTIONS, findOpened } from '../../src/db/api-roles.ts'
import { migrate, readMigrations } from '../../src/db/migrate.ts'
import { expectedSchema } from '../../src/db/verify.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { MIGRATIONS } from '../helpers/test-server.ts'

/** Roles through which a hosted Postgres publishes the schema `public` to any client. */
const ROLES = ['anon', 'authenticated'] as const

const DENIED = '42501'

/** Prepares a database like such a host: the roles exist and get all privileges on all future tables. */
async function openHosted(t: Pick<Test, 'teardown'>): Promise<TestDatabase> {
  const database = await createTestDatabase(t, { migrated: false })
  for (const role of ROLES) {
    await database.sql.unsafe(`create role ${role} login`)
    t.teardown(() => database.sql.unsafe(`drop owned by ${role} cascade; drop role ${role}`))
    await database.sql.unsafe(`
      grant usage on schema public to ${role};
      alter default privileges in schema public grant all on tables to ${role};
      alter default privileges in schema public grant all on sequences to ${role};
      alter default privileges in schema public grant all on functions to ${role}`)
  }
  await migrate(database, { folder: MIGRATIONS, apply: true })
  return database
}

const openAs = async (t: Pick<Test, 'teardown'>, { url }: TestDatabase, role: string) => {
  const restricted = await openDatabase({
    url: url.replace('maeum@', `${role}@`),
    dataDir: '.data',
    poolMax: 1,
  })
  t.teardown(() => restricted.close())
  return restricted.sql
}

/** The SQLSTATE of a refusal, else `allowed`. */
const outcome = (query: Promise<unknown>): Promise<string> =>
  query.then(
    () => 'allowed',
    (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
  )

t.test('the public roles of a hosted database', async (t) => {
  const database = await openHosted(t)
  const { sql } = database
  const rows = await sql<
    { name: string }[]
  >`select tablename as name from pg_tables where schemaname = 'public'`
  const tables = rows.map(({ name }) => name)
  for (const { name } of expectedSchema()) t.ok(tables.includes(name), name)
  await sql`insert into users (username, email, password_hash) values ('a', 'a@example.com', 'x')`
  const guests = await Promise.all(
    ROLES.map(async (role) => ({ role, restricted: await openAs(t, database, role) })),
  )

  t.test('can neither read nor write any table', async (t) => {
    for (const { role, restricted } of guests)
      for (const table of tables)
        for (const query of [
          `select * from ${table}`,
          `select count(*) from ${table}`,
          `insert into ${table} default values`,
          `delete from ${table}`,
          `truncate ${table} cascade`,
          `create index on ${table} ((1))`,
        ])
          t.equal(await outcome(restricted.unsafe(query)), DENIED, `${role}: ${query}`)
    for (const { role, restricted } of guests) {
      t.equal(await outcome(restricted.unsafe(`update users set email = 'b'`)), DENIED, role)
      t.equal(await outcome(restricted.unsafe(`select nextval('users_id_seq')`)), DENIED, role)
    }
  })

  t.test('see no row and write none even with all privileges', async (t) => {
    for (const { role, restricted } of guests) {
      await sql.unsafe(`grant all on all tables in schema public to ${role}`)
      await sql.unsafe(`grant all on all sequences in schema public to ${role}`)
      for (const table of expectedSchema().map(({ name }) => name)) {
        t.same(await restricted.unsafe(`select * from ${table}`), [], `${role} reads ${table}`)
        t.equal((await restricted.unsafe(`delete from ${table}`)).count, 0, `${role} deletes from ${table}`)
      }
      const insert = `insert into users (username, email, password_hash) values ('b', 'b@example.com', 'x')`
      t.equal(await outcome(restricted.unsafe(insert)), DENIED, role)
      t.equal((await restricted.unsafe(`update users set email = 'b@example.com'`)).count, 0, role)
    }
    t.equal((await sql`select from users where email = 'a@example.com'`).length, 1)
  })
})

t.test(
  'privileges that a restore has granted again are reported, and revoked at the next boot',
  async (t) => {
    const database = await openHosted(t)
    const { sql } = database
    await sql.unsafe('grant all on all tables in schema public to anon, authenticated')
    await sql.unsafe('grant all on all sequences in schema public to anon')
    await sql.unsafe('grant execute on all functions in schema public to public')
    const ready = async (env: Record<string, string>) => {
      const { app, log } = await startTestApp(t, { database, env })
      const answer = await app.inject({ url: '/api/health/ready' })
      await app.close()
      return { status: answer.statusCode, body: answer.body, log: log.join('') }
    }
    const shown = await ready({ MIGRATE_ON_BOOT: 'false' })
    t.equal(shown.status, 503)
    t.match(
      shown.body,
      /the roles anon, authenticated have privileges on .* and \d+ more: REVOKE ALL ON ALL TABLES/,
    )

    const closed = await ready({})
    t.equal(closed.status, 200)
    t.match(closed.log, /privileges of public API roles were revoked/)
    t.same(await findOpened(sql), [])

    await sql`grant select (email) on users to authenticated`
    t.match(
      await findOpened(sql),
      [{ role: 'authenticated', kind: 'table', name: 'users' }],
      'of a column as well',
    )
  },
)

t.test('every function of a migration is listed', async (t) => {
  const statements = (await readMigrations(MIGRATIONS)).flatMap(({ statements }) => statements)
  const made = statements.flatMap((text) =>
    [...text.matchAll(/CREATE (?:OR REPLACE )?FUNCTION "(\w+)"/g)].map(([, name]) => name),
  )
  t.same(made, FUNCTIONS)
})
