import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { migrate as migrateWithDrizzle } from 'drizzle-orm/postgres-js/migrator'
import t, { type Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { ADVISORY_LOCKS } from '../../src/db/locks.ts'
import { migrate, readMigrations, SchemaConflictError } from '../../src/db/migrate.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { MIGRATIONS, uniqueName } from '../helpers/test-server.ts'

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

/** A copy of the migrations that a test may extend. */
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

t.test('ten processes that boot concurrently apply every migration once', async (t) => {
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

t.test('listing pending migrations changes nothing', async (t) => {
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

t.test('tables of another program are named and nothing is changed', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  await database.sql`create table users (id int)`
  await database.sql`create table reports (id int)`
  const error = await migrate(database, ALL).catch((reason: unknown) => reason)
  t.ok(error instanceof SchemaConflictError)
  t.match(error, { tables: ['reports', 'users'], message: /reports, users.*MIGRATE_ON_BOOT=false/ })
  t.same(await listRelations(database), ['public.reports', 'public.users'])
})

t.test('a failed migration changes nothing', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const { folder, add } = await copyMigrations(t)
  await add('9999_broken', Date.now(), 'CREATE TABLE "half" ();--> statement-breakpoint\nSELECT nonsense;')
  await t.rejects(migrate(database, { folder, apply: true }), {
    code: '42703',
    message: /^migration 9999_broken failed and was undone: .*nonsense/,
  })
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

t.test('a migration with other line ends is the same migration', async (t) => {
  const database = await createTestDatabase(t)
  const windows = await copyMigrations(t)
  for (const tag of tags) {
    const file = join(windows.folder, `${tag}.sql`)
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('\n', '\r\n'))
  }
  const NOTHING = { applied: [], pending: [], unknown: 0 }
  t.same(await migrate(database, { folder: windows.folder, apply: true }), NOTHING)

  const other = await createTestDatabase(t, { migrated: false })
  t.same((await migrate(other, { folder: windows.folder, apply: true })).applied, tags)
  t.same(await migrate(other, ALL), NOTHING)
  t.same((await readJournal(other)).length, tags.length)

  // As an earlier version has stored it.
  const hashes = await Promise.all(
    tags.map(async (tag) =>
      createHash('sha256')
        .update(await readFile(join(windows.folder, `${tag}.sql`)))
        .digest('hex'),
    ),
  )
  await other.sql`delete from drizzle.__drizzle_migrations`
  for (const hash of hashes) await other.sql`insert into drizzle.__drizzle_migrations (hash) values (${hash})`
  t.same(await migrate(other, ALL), NOTHING)
})

t.test('tables without a journal are adopted when nothing is missing', async (t) => {
  const database = await createTestDatabase(t)
  await database.sql`drop schema drizzle cascade`
  t.match(await migrate(database, { folder: MIGRATIONS, apply: false }), {
    pending: tags,
    withoutJournal: true,
  })
  await t.rejects(startTestApp(t, { database, env: { MIGRATE_ON_BOOT: 'false' } }), {
    message: /journal of the migrations \(schema drizzle\) is missing/,
  })
  t.match(await migrate(database, ALL), { applied: [], pending: [], withoutJournal: true })
  t.same(await migrate(database, ALL), { applied: [], pending: [], unknown: 0 })
})

for (const [what, statement] of [
  ['a trigger', 'drop trigger audit_log_rows_stay on audit_log'],
  ['an index', 'drop index sessions_changed_idx'],
  ['a constraint', 'alter table feedbacks drop constraint feedbacks_rating_range'],
  ['a column', 'alter table tickets drop column family_id'],
] as const) {
  t.test(`tables without a journal that lack ${what} are not changed`, async (t) => {
    const database = await createTestDatabase(t)
    await database.sql`drop schema drizzle cascade`
    await database.sql.unsafe(statement)
    await t.rejects(migrate(database, ALL), { message: /restore it with the journal.*schema drizzle/ })
    t.same(await database.sql`select from pg_namespace where nspname = 'drizzle'`, [])
  })
}

t.test('an error about a missing privilege contains the statement that grants it', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const { sql, url } = database
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const role = uniqueName('restricted')
  await sql.unsafe(`create role ${role} login`)
  t.teardown(() => sql.unsafe(`drop owned by ${role}; drop role ${role}`))
  const restricted = await openDatabase({
    url: url.replace('maeum@', `${role}@`),
    dataDir: '.data',
    poolMax: 1,
  })
  t.teardown(() => restricted.close())

  const grants = async (): Promise<string[]> => {
    const error = await migrate(restricted, ALL).catch((reason: unknown) => reason)
    const [, list = ''] =
      /may not apply migrations: (.*)/.exec(error instanceof Error ? error.message : '') ?? []
    return list.split('; ').filter((grant) => grant !== '')
  }
  const first = await grants()
  t.match(first, [
    /^GRANT USAGE, CREATE ON SCHEMA public TO/,
    new RegExp(`^GRANT CREATE ON DATABASE "${row?.name}"`),
  ])
  await sql.unsafe(first[0] ?? '')
  await sql.unsafe(`create schema drizzle authorization ${role}`)
  t.same((await migrate(restricted, ALL)).applied, tags, 'an existing schema is sufficient for the journal')

  await sql.unsafe(
    `alter schema drizzle owner to maeum; alter table drizzle.__drizzle_migrations owner to maeum`,
  )
  const unreadable = await migrate(restricted, { folder: MIGRATIONS, apply: false }).catch(
    (reason: unknown) => reason,
  )
  t.match(unreadable, {
    message: /may not read the journal.*GRANT USAGE ON SCHEMA drizzle TO .*; GRANT SELECT ON drizzle/,
  })
})

t.test('a process waits for another one that migrates', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const waits: number[] = []
  const migrating = await database.sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${ADVISORY_LOCKS.migration})`
    const begun = migrate(database, { ...ALL, onWait: () => waits.push(1) })
    await eventually(
      () => waits,
      ({ length }) => length > 0,
    )
    return { begun }
  })
  t.same((await migrating.begun).applied, tags)
  t.equal(waits.length, 1, 'said once')
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
    const address = url.replace('maeum@', 'maeum:any@') // drizzle-kit requires a password; the server does not
    return promisify(execFile)(join(root, 'node_modules', '.bin', 'drizzle-kit'), ['migrate'], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', DATABASE_URL: address, DATABASE_DIRECT_URL: address },
      timeout: 120_000,
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
