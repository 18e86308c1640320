import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { migrate } from '../../src/db/migrate.ts'
import { conversationRepository as repository } from '../../src/features/conversation/repository.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { MIGRATIONS } from '../helpers/test-server.ts'

const AT = new Date('2026-11-29T12:00:00.123Z')
const finding = (at: Date, isCrisis = false) => ({
  sessionId: 'sess_1',
  at,
  detections: [],
  intervention: null,
  isCrisis,
})

async function withSession(database: TestDatabase) {
  await database.sql`
    insert into users (id, username, email, password_hash) overriding system value values (1, 'a', 'a@example.com', 'x')`
  await database.sql`insert into sessions (id, user_id, interval_ms) values ('sess_1', 1, 10000)`
  return database
}

t.test('a finding whose first write is late is stored once', async (t) => {
  const database = await withSession(await createTestDatabase(t))
  const { sql, orm } = database
  let second: Promise<void> | undefined
  await orm.transaction(async (tx) => {
    await repository.insertFindings(tx, [finding(AT)], false)
    second = repository.insertFindings(orm, [finding(AT), finding(new Date(AT.getTime() + 1))], false)
    await blockedQuery(database, 'cbt_findings')
  })
  await second
  t.equal((await sql`select 1 from cbt_findings`).length, 2)
})

t.test('a flag of self-harm is stored beside another finding of the same time', async (t) => {
  const { sql, orm } = await withSession(await createTestDatabase(t))
  await repository.insertFindings(orm, [finding(AT)], false)
  await repository.insertFindings(orm, [finding(AT, true)], false)
  await repository.insertFindings(orm, [finding(AT)], false)
  t.same([...(await sql`select is_crisis from cbt_findings`)], [{ is_crisis: true }])
})

/** The migrations from before findings were unique. */
async function earlierMigrations(t: { teardown(work: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'maeum-migrations-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  await cp(MIGRATIONS, folder, { recursive: true })
  const file = join(folder, 'meta', '_journal.json')
  const journal = JSON.parse(await readFile(file, 'utf8')) as { entries: { tag: string }[] }
  const first = journal.entries.findIndex(({ tag }) => tag.endsWith('_findings_once_and_attestations'))
  await writeFile(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, first) }))
  return folder
}

t.test('duplicate findings do not stop the migration, and one of each is kept', async (t) => {
  const database = await createTestDatabase(t, { migrated: false })
  const { sql } = database
  await migrate(database, { folder: await earlierMigrations(t), apply: true })
  await withSession(database)
  await sql`
    insert into cbt_findings (session_id, at, detections, is_crisis)
    values ('sess_1', ${AT.toISOString()}, '[]', false), ('sess_1', ${AT.toISOString()}, '[]', true),
      ('sess_1', ${AT.toISOString()}, '[]', true), ('sess_1', now(), '[]', false)`
  await migrate(database, { folder: MIGRATIONS, apply: true })
  const rows = await sql`select id::int as id, is_crisis from cbt_findings order by id`
  t.same(
    [...rows],
    [
      { id: 2, is_crisis: true },
      { id: 4, is_crisis: false },
    ],
  )
})
