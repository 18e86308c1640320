import { hash } from '@node-rs/argon2'
import t, { type Test } from 'tap'
import { startTestApp } from '../helpers/app.ts'
import { cli, cliJson } from '../helpers/cli.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { blocksOf, readText } from '../helpers/markdown.ts'
import { VARIABLE_NAMES } from '../../src/config/variables.ts'

const GUIDE = 'docs/migrating.md'
const [move = '', importAccounts = '', moveBack = ''] = blocksOf(GUIDE)
  .filter(({ info }) => info === 'sql')
  .map(({ code }) => code)

const PASSWORD = 'password123'
const BCRYPT = '$2b$12$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8/LewKpGe2oL9jZ.8wu'

/** A database with tables of another program, some of them with our names. */
async function formerDatabase(t: Test): Promise<TestDatabase> {
  const database = await createTestDatabase(t, { migrated: false })
  await database.sql.unsafe(`
    create table users (
      id serial primary key, username text unique, email text unique, password_hash text, created timestamptz default now()
    );
    create table sessions (id uuid primary key default gen_random_uuid(), user_id integer references users (id));
    create table monitors (name text)`)
  await database.sql`
    insert into users (username, email, password_hash) values
      ('haneul', ' Haneul@Example.com', ${await hash(PASSWORD)}), ('bada', 'bada@example.com', ${BCRYPT})`
  return database
}

const tablesOf = async ({ sql }: TestDatabase, schema: string) =>
  (
    await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = ${schema} order by tablename`
  ).map(({ name }) => name)

t.test('tables of another program are refused by name, and nothing is changed', async (t) => {
  const database = await formerDatabase(t)
  const refused = await cli(database, ['migrate'])
  t.equal(refused.code, 2)
  t.match(refused.err.join(' '), /already has tables of these names.*sessions, users/)
  t.same(await tablesOf(database, 'public'), ['monitors', 'sessions', 'users'])
  t.same(await tablesOf(database, 'drizzle'), [])
})

t.test('moved tables make room, accounts are imported, and the way back is open', async (t) => {
  const database = await formerDatabase(t)
  await database.sql.unsafe(move)
  t.same(await tablesOf(database, 'former'), ['monitors', 'sessions', 'users'])
  const { applied } = await cliJson<{ applied: string[] }>(t, database, ['migrate'])
  t.ok(applied.length > 0)
  await database.sql.unsafe(importAccounts)

  const { app } = await startTestApp(t, { database })
  const login = async (email: string, password: string) => {
    const payload = { email, password }
    return (await app.inject({ method: 'POST', url: '/api/auth/login', payload })).statusCode
  }
  t.equal(await login('haneul@example.com', PASSWORD), 200, 'an argon2id hash continues to work')
  t.equal(await login('haneul@example.com', 'another one'), 401)
  t.equal(await login('bada@example.com', PASSWORD), 401, 'another hash matches no password')
  const line = ['user', 'reset-password', 'bada@example.com', '--generate-password']
  const { password } = await cliJson<{ password: string }>(t, database, line)
  t.equal(await login('bada@example.com', password), 200, 'until the operator has set a new one')
  await app.close()

  const ours = await tablesOf(database, 'public')
  await database.sql.unsafe(moveBack)
  t.same(await tablesOf(database, 'public'), ['monitors', 'sessions', 'users'])
  t.same(await tablesOf(database, 'maeum'), ours)
  t.equal((await database.sql`select from users where email = 'bada@example.com'`).length, 1)
})

t.test('the variables that the guide names exist, in both languages', async (t) => {
  const namesIn = (path: string) =>
    [...readText(path).matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name = '']) => name),
    )
  const names = namesIn(GUIDE)
  t.ok(names.length > 12)
  for (const name of names)
    t.ok(
      VARIABLE_NAMES.some((known) => known === name),
      name,
    )
  t.same(namesIn('docs/ko/migrating.md'), names)
})

t.test('the guide speaks of no other product', async (t) => {
  for (const path of [GUIDE, 'docs/ko/migrating.md'])
    t.notMatch(readText(path), /supabase|express|socket\.io/i, path)
})
