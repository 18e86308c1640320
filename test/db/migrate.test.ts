import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { migrate as migrateWithDrizzle } from 'drizzle-orm/postgres-js/migrator'
import t, { type Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { migrate, readMigrations, SchemaConflictError } from '../../src/db/migrate.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { MIGRATIONS } from '../helpers/test-server.ts'

const ALL = { folder: MIGRATIONS, apply: true }
const tags = (await readMigrations(MIGRATIONS)).map(({ tag }) => tag)

const listRelations = async ({ sql }: Pick<Database, 'sql'>) => {
  const rows = await sql<{ name: string }[]>`
    select nspname || '.' || relname as name from pg_class join pg_namespace n on n.oid = relnamespace
    where relkind = 'r' and nspname in ('public', 'drizzle') order by name`
  return rows.map(({ name }) => name)
}
const readJournal = ({ sql }: Pick<Database, 'sql'>) =>
  sql`select hash, created_at from drizzle.__drizzle_migrations order by id`

/** A copy of the migrations to which a test may add. */
async function copyMigrations(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'maeum-migrations-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await cp(MIGRATIONS, folder, { recursive: true })
  const add = async (tag: string, when: number, text: string) => {
    const file = join(folder, 'meta', '_journal.json')
    const journal = JSON.parse(await readFile(file, 'utf8'))
    journal.entries.push({ idx: journal.entries.length, version: '7', when, tag, breakpoints: true })
    await writeFile(file, JSON.stringify(journal))
    await writeFile(join(folder, `${tag}.sql`), text)
  }
  return { folder, add }
}

t.test('ten processes that boot at once apply every migration once', async (t) => {
  const { url, sql } = await createTestDatabase(t, { migrated: false })
  const reports = await Promise.all(
    Array.from({ length: 10 }, async () => {
      const database = await openDatabase({ url, dataDir: '.data', poolMax: 1 })
      t.teardown(() => database.close())
      return migrate(database, ALL)
    }),
  )
  t.same(
    reports.flatMap(({ applied }) => applied),
    tags,
  )
  t.equal((await readJournal({ sql })).length, tags.length)
})

t.test('asking what is pending changes nothing', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const report = await migrate(database, { folder: MIGRATIONS, apply: false })
  t.same(report, { applied: [], pending: tags, unknown: 0 })
  t.same(await listRelations(database), [])
  t.same(await database.sql`select 1 from pg_namespace where nspname = 'drizzle'`, [])
})

t.test('a migrated database has nothing pending', async (t) => {
  const database = await createTestDatabase(t)
  t.same(await migrate(database, ALL), { applied: [], pending: [], unknown: 0 })
})

t.test('tables that something else made are named and nothing is touched', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  await database.sql`create table users (id int)`
  await database.sql`create table reports (id int)`
  const error = await migrate(database, ALL).catch((reason: unknown) => reason)
  t.ok(error instanceof SchemaConflictError)
  t.match(error, { tables: ['reports', 'users'], message: /reports, users.*MIGRATE_ON_BOOT=false/ })
  t.same(await listRelations(database), ['public.reports', 'public.users'])
})

t.test('a migration that fails leaves nothing behind', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const { folder, add } = await copyMigrations(t)
  await add('9999_broken', Date.now(), 'CREATE TABLE "half" ();--> statement-breakpoint\nSELECT nonsense;')
  await t.rejects(migrate(database, { folder, apply: true }), { code: '42703' })
  t.same(await listRelations(database), [])
})

t.test('a migration merged late with an older date is not skipped', async (t) => {
  const database = await createTestDatabase(t)
  const { folder, add } = await copyMigrations(t)
  await add('9999_late', 1_000, 'CREATE TABLE "late" ();')
  t.same(await migrate(database, { folder, apply: true }), {
    applied: ['9999_late'],
    pending: [],
    unknown: 0,
  })
  t.ok((await listRelations(database)).includes('public.late'))
  t.equal((await migrate(database, ALL)).unknown, 1, 'an older version sees that it is older')
})

t.test("drizzle-orm's own migrator and ours continue each other", async (t) => {
  const ours = await createTestDatabase(t)
  await migrateWithDrizzle(ours.orm, { migrationsFolder: MIGRATIONS })
  t.equal((await readJournal(ours)).length, tags.length, 'theirs finds nothing to do after ours')

  const theirs = await createTestDatabase(t, { migrated: false })
  await migrateWithDrizzle(theirs.orm, { migrationsFolder: MIGRATIONS })
  t.same(
    await migrate(theirs, ALL),
    { applied: [], pending: [], unknown: 0 },
    'ours finds nothing after theirs',
  )
  t.same(await readJournal(ours), await readJournal(theirs), 'and the journals are the same')
})

t.test('drizzle-kit migrate and ours continue each other', async (t) => {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const runKit = ({ url }: { url: string }) => {
    const address = url.replace('maeum@', 'maeum:any@') // it insists on a password; the server asks for none
    return promisify(execFile)(join(root, 'node_modules', '.bin', 'drizzle-kit'), ['migrate'], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: address, DATABASE_DIRECT_URL: address },
      timeout: 30_000,
    })
  }
  const ours = await createTestDatabase(t)
  const theirs = await createTestDatabase(t, { migrated: false })
  await runKit(ours)
  await runKit(theirs)
  t.equal((await readJournal(ours)).length, tags.length, 'theirs finds nothing to do after ours')
  t.same(
    await migrate(theirs, ALL),
    { applied: [], pending: [], unknown: 0 },
    'ours finds nothing after theirs',
  )
})
