import { execFile } from 'node:child_process'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/db/client.ts'
import { expectedSchema } from '../../src/db/verify.ts'
import { bearer, connect, createAccount, startSession, startTestApp, type TestApp } from '../helpers/app.ts'
import { cli, cliJson } from '../helpers/cli.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { startDumpingPostgres } from '../helpers/dumping-postgres.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { startOwnPostgres } from '../helpers/own-postgres.ts'

const run = promisify(execFile)

const KEY = Buffer.alloc(32, 9).toString('base64')
const OTHER_KEY = Buffer.alloc(32, 8).toString('base64')
const ENV = {
  DATA_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
  ANALYSIS_INTERVAL_MS: '1000',
  ANALYSIS_DEADLINE_MS: '500',
}

type Check = { name: string; status: string; text: string }
type Restored = {
  restored: boolean
  database: string | null
  rows: number
  migrations: string[]
  checks: Check[]
}

const statusOf = ({ checks }: Restored) =>
  Object.fromEntries(checks.map(({ name, status }) => [name, status]))

/** Streams frames until a window of the session is answered. */
async function stream(t: Pick<Test, 'teardown'>, url: string) {
  const socket = await connect(t, url)
  for (const text of frames('happy', 5)) socket.send(text)
  return { socket, update: await socket.next('emotion_update') }
}

const endSession = ({ app }: TestApp, token: string, sessionId: string) =>
  app.inject({ method: 'POST', url: `/api/session/${sessionId}/end`, headers: bearer(token) })

/** The rows of all tables, as text in a fixed order. */
async function contentOf({ sql }: Pick<TestDatabase, 'sql'>): Promise<Record<string, string[]>> {
  const content: Record<string, string[]> = {}
  for (const { name } of expectedSchema()) {
    const rows = await sql.unsafe<{ row: string }[]>(`select t::text as row from "${name}" t order by 1`)
    content[name] = rows.map(({ row }) => row)
  }
  return content
}

t.test('a backup is restored into an empty database, and the server goes on where it was', async (t) => {
  const postgres = await startOwnPostgres(t)
  const server = await startTestApp(t, { database: postgres, env: ENV })
  const [stays, leaves] = [await createAccount(server), await createAccount(server)]
  const ended = await startSession(server, stays)
  const endedSocket = await stream(t, ended.wsUrls.landmarks)
  await endSession(server, stays.accessToken, ended.sessionId)
  await endedSocket.socket.closed
  await eventually(
    () => postgres.sql`select 1 from reports where session_id = ${ended.sessionId}`,
    (rows) => rows.length === 1,
  )
  const report = `/api/session/${ended.sessionId}/report`
  const reportBefore = (await server.app.inject({ url: report, headers: bearer(stays.accessToken) })).json<{
    data: unknown
  }>().data
  const live = await startSession(server, stays)
  const unwanted = await startSession(server, stays)
  const withdraws = await createAccount(server)
  const consent = { purpose: 'emotion_analysis', textVersion: '1', locale: 'ko' }
  for (const account of [stays, withdraws]) {
    const headers = bearer(account.accessToken)
    const given = await server.app.inject({
      method: 'POST',
      url: '/api/user/consent',
      payload: consent,
      headers,
    })
    t.equal(given.statusCode, 201)
  }
  const { update } = await stream(t, live.wsUrls.landmarks)
  await startSession(server, leaves)

  const folder = t.testdir()
  const file = join(folder, 'maeum.backup')
  const env = { ...ENV, BACKUP_KEY: KEY }
  const made = await cliJson<{ encrypted: boolean; dataKeys: string[]; bytes: number }>(
    t,
    postgres,
    ['backup', '--out', file],
    { env },
  )
  t.match(made, { exit: 0, encrypted: true, dataKeys: ['test'] })
  t.equal((await stat(file)).size, made.bytes)
  t.equal((await stat(file)).mode & 0o777, 0o600, 'only its owner may read it')

  // After the backup, users erase an account and a session and withdraw a consent over REST. The database is lost; the
  // log of the server is kept.
  const erased = await server.app.inject({
    method: 'DELETE',
    url: '/api/user',
    headers: bearer(leaves.accessToken),
    payload: { password: leaves.password },
  })
  t.equal(erased.statusCode, 200)
  const remove = async (url: string, { accessToken }: typeof stays) =>
    (await server.app.inject({ method: 'DELETE', url, headers: bearer(accessToken) })).statusCode
  t.equal(await remove(`/api/session/${unwanted.sessionId}`, stays), 200)
  t.equal(await remove('/api/user/consent', withdraws), 200)
  await eventually(() => server.log.some((line) => line.includes('a consent was withdrawn')), Boolean)
  const later = await createAccount(server)
  await server.app.close()
  const log = join(folder, 'maeum.log')
  await writeFile(log, server.log.join(''))

  const { sql } = postgres
  await sql`create database restored`
  const url = postgres.url.replace(/\/postgres\?/, '/restored?')
  const restored = await openDatabase({ url, dataDir: '.data', poolMax: 4 })
  t.teardown(() => restored.close())
  await restored.sql.unsafe(`
    create role anon; create role authenticated;
    grant usage on schema public to anon, authenticated;
    alter default privileges in schema public grant all on tables to anon, authenticated;
    alter default privileges in schema public grant all on sequences to anon, authenticated`)

  const line = ['restore', file, '--verify', '--erasures', log]
  const done = await cliJson<Restored>(t, { url }, line, { env })
  t.match(done, { exit: 0, restored: true, database: /\/restored/, migrations: [] })
  t.same(statusOf(done), {
    ...{ file: 'ok', rows: 'ok', schema: 'ok', rights: 'ok', keys: 'ok' },
    ...{ erasures: 'ok', audit: 'ok', receipts: 'ok' },
  })
  t.match(
    done.checks.map(({ text }) => text),
    [
      /^file: complete/,
      /^rows: /,
      /^schema: /,
      /were revoked$/,
      /^data keys: /,
      / 1 accounts and 1 sessions were erased again, 1 consents withdrawn again$/,
    ],
  )
  const open = await restored.sql`
    select c.relname from pg_class c cross join (values ('anon'), ('authenticated')) as r(role)
    where relnamespace = 'public'::regnamespace and relkind = 'r'
      and has_table_privilege(role, c.oid, 'select, insert, update, delete, truncate')`
  t.same(open, [], 'the public roles may read nothing')
  const idsOf = async (query: string) =>
    (await restored.sql.unsafe<{ id: string }[]>(query)).map(({ id }) => id).toSorted()
  const people = [stays.id, withdraws.id].map(String).toSorted()
  t.same(await idsOf('select id::text from users'), people, 'erased people stay erased')
  const sessions = [ended.sessionId, live.sessionId].toSorted()
  t.same(await idsOf('select id from sessions'), sessions, 'and so do deleted sessions')
  const consenting = await idsOf('select user_id::text as id from consents where withdrawn_at is null')
  t.same(consenting, [String(stays.id)], 'a withdrawn consent stays withdrawn')

  const again = await startTestApp(t, { database: { ...restored, url, socketDir: '' }, env: ENV })
  t.match((await again.app.inject('/api/health/ready')).json(), { status: 'ready' })
  const get = (path: string, token = stays.accessToken) =>
    again.app.inject({ url: path, headers: bearer(token) })
  t.same((await get(report)).json<{ data: unknown }>().data, reportBefore, 'the report is the same')
  t.equal((await get('/api/auth/me', leaves.accessToken)).statusCode, 401)
  t.equal(
    (await get('/api/auth/me', later.accessToken)).statusCode,
    401,
    'nor does a lost account open another one',
  )
  const landmarks = new URL(live.wsUrls.landmarks)
  landmarks.host = new URL(again.origin).host
  const next = await stream(t, landmarks.href)
  const numberOf = (message: typeof update) => Number(message.data['window'])
  t.ok(numberOf(next.update) > numberOf(update), 'the session in progress goes on with a later window')
  t.equal((await endSession(again, stays.accessToken, live.sessionId)).statusCode, 200)
  await next.socket.closed
  await again.app.close()
  t.match(await cli({ url }, ['audit', 'verify'], { env }), { code: 0 })
})

t.test('all values are the same after a restore, whatever the settings of the database', async (t) => {
  const source = await createTestDatabase(t)
  const server = await startTestApp(t, { database: source })
  const account = await createAccount(server)
  const { sessionId } = await startSession(server, account)
  await server.app.close()
  const { sql } = source
  const odd = 'tab\t, \\. and \\N, "quotes", 한글 \u0001, end\r\n of line'
  await sql`insert into conversations (session_id, message, response, source) values (${sessionId}, ${odd}, '', 'local')`
  await sql`
    insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion, confidence,
      uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures)
    select ${sessionId}, n, now(), 2, 1, 'happy', (1.0 / 3)::real, true, '{"a":"\\u0009"}', random(), -random(), 0, 'local',
      'x', 1, 'y', decode('00ff5c0a0d' || md5(n::text), 'hex') from generate_series(1, 4000) n`
  const [{ name } = { name: '' }] = await sql<{ name: string }[]>`select current_database() as name`
  await sql.unsafe(`alter database ${name} set bytea_output = 'escape'`)
  await sql.unsafe(`alter database ${name} set extra_float_digits = -10`)

  const file = join(t.testdir(), 'maeum.backup')
  t.match(await cli(source, ['backup', '--out', file]), { code: 0, err: [/not encrypted/] })
  const target = await createTestDatabase(t, { migrated: false })
  const done = await cliJson<Restored>(t, target, ['restore', file, '--verify'])
  t.equal(done.exit, 0)
  t.match(statusOf(done), { rows: 'ok', erasures: 'warn' }, 'and it is said that no erasures were replayed')
  const empty = await createTestDatabase(t, { migrated: false })
  const withoutReceipts = `${file}.log`
  await writeFile(withoutReceipts, 'a line without a receipt\n')
  const again = await cliJson<Restored>(t, empty, ['restore', file, '--erasures', withoutReceipts])
  t.match(statusOf(again), { erasures: 'warn' }, 'a file without any receipt may be the wrong one')
  const [before, after] = [await contentOf(source), await contentOf(target)]
  t.equal(after['emotion_windows']?.length, 4000)
  for (const name of Object.keys(before)) t.same(after[name], before[name], name)

  const nextId = async (database: TestDatabase) => {
    const rows = await database.sql`
      insert into conversations (session_id, message, response, source) values (${sessionId}, '', '', 'local') returning id`
    return Number(rows[0]?.['id'])
  }
  const lost = await nextId(source)
  t.ok((await nextId(target)) > lost, 'a number that was given out after the backup is not given out again')
  const journal = async (database: TestDatabase) =>
    database.sql`select hash, created_at from drizzle.__drizzle_migrations order by id`
  t.same(await journal(target), await journal(source))
})

t.test('a restore needs an empty database and changes nothing otherwise', async (t) => {
  const source = await createTestDatabase(t)
  const file = join(t.testdir(), 'maeum.backup')
  await cli(source, ['backup', '--out', file])
  t.match(await cli(source, ['restore', file]), {
    code: 2,
    err: [
      /^the database \(postgres at .*\) is not empty: drizzle.__drizzle_migrations, audit_log, .* Nothing was changed$/,
    ],
  })
  t.match(await cli(source, ['backup', '--out', file]), { code: 2, err: [/exists already/] })
  t.match(await cli(source, ['backup', '--out', join(file, 'in', 'a-file')]), {
    code: 2,
    err: [/: no such file or folder$/],
  })
  const other = await createTestDatabase(t, { migrated: false })
  const env = { DATABASE_DIRECT_URL: other.url }
  t.match(
    await cli(source, ['restore', file], { env }),
    { code: 2, err: [/leads to another database/] },
    'the two addresses have to name one database',
  )
  await other.sql`create table of_another_program (id int)`
  t.match(await cli(other, ['restore', file]), { code: 2, err: [/not empty: of_another_program\./] })
  t.match(await cli(other, ['backup']), {
    code: 2,
    err: [/^the database \(postgres at .*\) has no tables of maeum$/],
  })
})

t.test('a backup of an older schema is migrated after its rows were loaded', async (t) => {
  const source = await createTestDatabase(t)
  const { sql } = source
  await sql`insert into users (username, email, password_hash) values ('a', 'a@example.com', 'x')`
  // As before the newest migration, which adds columns.
  await sql`alter table users drop column role, drop column disabled_at`
  const [newest] = await sql`
    delete from drizzle.__drizzle_migrations
    where id = (select max(id) from drizzle.__drizzle_migrations) returning hash`
  const file = join(t.testdir(), 'maeum.backup')
  t.equal((await cli(source, ['backup', '--out', file])).code, 0)
  const target = await createTestDatabase(t, { migrated: false })
  const done = await cliJson<Restored>(t, target, ['restore', file, '--verify'])
  t.match(statusOf(done), { rows: 'ok', schema: 'ok' })
  t.same(done.migrations, ['0016_account_state'])
  t.same(await target.sql`select email, role from users`, [{ email: 'a@example.com', role: 'user' }])

  await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values (${String(newest?.['hash'])}, 1), ('of a newer version', 2)`
  t.match(await cli(source, ['backup', '--out', `${file}.2`]), {
    code: 2,
    err: [/1 migrations that this version does not know/],
  })
  t.same(await readdir(join(file, '..')), ['maeum.backup'], 'a failed backup leaves no file')
})

t.test('a damaged or cut backup, and a wrong key, are refused by name', async (t) => {
  const source = await createTestDatabase(t)
  await source.sql`insert into users (username, email, password_hash)
    select 'user' || n, n || '@example.com', md5(n::text) from generate_series(1, 4000) n`
  const folder = t.testdir()
  const sealed = join(folder, 'sealed')
  const plain = join(folder, 'plain')
  await cli(source, ['backup', '--out', sealed], { env: { BACKUP_KEY: KEY } })
  await cli(source, ['backup', '--out', plain])
  const target = await createTestDatabase(t, { migrated: false })
  const refused = async (content: Buffer, key: string | undefined, how: RegExp, name: string) => {
    const file = join(folder, 'other')
    await writeFile(file, content)
    const env = key === undefined ? {} : { BACKUP_KEY: key }
    for (const check of [['--check'], []]) {
      const { code, err } = await cli(target, ['restore', file, ...check], { env })
      t.same(code, 2, name)
      t.match(err.join('\n'), how, name)
    }
  }
  const bytes = await readFile(sealed)
  const flipped = (content: Buffer, at: number) => {
    const copy = Buffer.from(content)
    copy.writeUInt8(copy.readUInt8(at) ^ 1, at)
    return copy
  }
  const BLOCK = 64 * 1024 + 16
  const HEADER = 56
  t.ok(bytes.length > HEADER + 2 * BLOCK, 'it has several blocks')
  const [header, first, second] = [
    bytes.subarray(0, HEADER),
    bytes.subarray(HEADER, HEADER + BLOCK),
    bytes.subarray(HEADER + BLOCK, HEADER + 2 * BLOCK),
  ]
  const rest = bytes.subarray(HEADER + 2 * BLOCK)
  t.match(await cli(target, ['restore', sealed, '--check'], { env: { BACKUP_KEY: KEY } }), { code: 0 })
  await refused(bytes, OTHER_KEY, /^the backup was encrypted with another key$/, 'another key')
  await refused(bytes, undefined, /^the backup is encrypted: set BACKUP_KEY/, 'no key')
  await refused(
    flipped(bytes, HEADER + BLOCK + 5),
    KEY,
    /altered or is damaged \(encrypted block 1\)/,
    'a flipped bit',
  )
  await refused(
    Buffer.concat([header, second, first, rest]),
    KEY,
    /altered or is damaged/,
    'blocks that changed places',
  )
  await refused(Buffer.concat([header, first, rest]), KEY, /altered or is damaged/, 'a block that is missing')
  await refused(
    Buffer.concat([header, first, second]),
    KEY,
    /end of the backup is missing/,
    'cut after a block',
  )
  await refused(bytes.subarray(0, -1), KEY, /altered or is damaged/, 'cut within a block')
  await refused(Buffer.concat([bytes, bytes]), KEY, /altered or is damaged/, 'something behind it')

  const open = await readFile(plain)
  await refused(
    open.subarray(0, 60_000),
    undefined,
    /end of the backup is missing/,
    'unencrypted, cut in a part',
  )
  const manifest = open.lastIndexOf('manifest.json')
  await refused(open.subarray(0, manifest), undefined, /not complete|end .* missing/, 'without its manifest')
  const row = open.indexOf('tables/users/000001') + 512 + 2000
  await refused(flipped(open, row), undefined, /rows of users are not those/, 'unencrypted, a flipped bit')
  await refused(Buffer.from('nothing of the kind'.repeat(100)), undefined, /not a backup/, 'another file')
  t.same(
    await target.sql`select 1 from pg_class where relnamespace = 'public'::regnamespace`,
    [],
    'nothing was left',
  )
  t.match(await cli(target, ['restore', join(folder, 'none'), '--check']), {
    code: 2,
    err: [/none cannot be read$/],
  })
  const wrong = join(folder, 'key')
  await writeFile(wrong, 'too short')
  t.match(await cli(source, ['backup', '--out', `${sealed}.2`, '--key-file', wrong]), {
    code: 2,
    err: [/not a key of 32 bytes/],
  })
})

t.test('the rows of a plain backup can be read with tar and gzip', async (t) => {
  const source = await createTestDatabase(t)
  await source.sql`insert into users (username, email, password_hash) values ('Haneul', 'haneul@example.com', 'x')`
  const folder = t.testdir()
  await cli(source, ['backup', '--out', join(folder, 'maeum.backup')])
  const shell = 'tar -xOf maeum.backup --wildcards "tables/users/*" | gunzip'
  const { stdout } = await run('sh', ['-c', shell], { cwd: folder })
  t.match(stdout, /^\d+\tHaneul\thaneul@example.com\t/)
})

t.test('a plain pg_dump of the schema public is restored and adopted', async (t) => {
  const postgres = await startDumpingPostgres(t)
  if (postgres === undefined) {
    t.comment('SKIPPED: no pg_dump with a server of its version in /usr/lib/postgresql')
    t.pass('skipped: pg_dump is not installed')
    return
  }
  const { url, bin } = postgres
  const source = await openDatabase({ url, dataDir: '.data', poolMax: 2 })
  t.teardown(() => source.close())
  const server = await startTestApp(t, { database: { ...source, url, socketDir: '' } })
  const account = await createAccount(server)
  await server.app.close()
  await source.sql`create database restored`
  const target = url.replace(/\/postgres\?/, '/restored?')
  const address = (of: string) => of.split('?')[0] ?? ''
  const file = join(t.testdir(), 'dump')
  await run(join(bin, 'pg_dump'), ['-Fc', '-n', 'public', '-d', address(url), '-f', file])
  await run(join(bin, 'psql'), ['-qd', address(target), '-c', 'drop schema public cascade'])
  await run(join(bin, 'pg_restore'), ['--no-owner', '-d', address(target), file])
  t.match(await cli({ url: target }, ['backup', '--out', `${file}.2`]), {
    code: 2,
    err: [/journal of the migrations is missing: run maeum migrate first/],
  })
  t.match(await cliJson(t, { url: target }, ['migrate']), { exit: 0, journalWritten: true, applied: [] })
  t.match(await cli({ url: target }, ['audit', 'verify']), { code: 0 })
  const restored = await openDatabase({ url: target, dataDir: '.data', poolMax: 2 })
  t.teardown(() => restored.close())
  const again = await startTestApp(t, { database: { ...restored, url: target, socketDir: '' } })
  const me = await again.app.inject({ url: '/api/auth/me', headers: bearer(account.accessToken) })
  t.match(me.json(), { data: { user: { email: account.email } } })
})
