import t, { type Test } from 'tap'
import { migrate } from '../../src/db/migrate.ts'
import { findUnavailability } from '../../src/db/wait.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { startOwnPostgres, urlAt } from '../helpers/own-postgres.ts'
import { findPgbouncer, startPgbouncer } from '../helpers/pgbouncer.ts'
import { startRefusing } from '../helpers/refusing-postgres.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { asAdmin, MIGRATIONS, testUrl, uniqueName } from '../helpers/test-server.ts'
import { makeCertificates, skipTls, startTlsServer } from '../helpers/tls-postgres.ts'
import { type Expected, examine, expectFinding } from './kit.ts'

const nameOf = async ({ sql }: Pick<TestDatabase, 'sql'>) =>
  (await sql<{ name: string }[]>`select current_database() as name`)[0]?.name ?? ''

t.test('a correct installation has no fault and no warning', async (t) => {
  const { url } = await createTestDatabase(t)
  const findings = await examine({ DATABASE_URL: url })
  t.same(
    findings.filter(({ status }) => status !== 'ok'),
    [],
  )
  expectFinding(t, findings, ['database.connection', 'ok', /^postgres at /])
  expectFinding(t, findings, ['database.listen', 'ok', /a NOTIFY arrived after \d+ ms/])
  expectFinding(t, findings, ['database.role', 'ok', /the role maeum/])
})

type Unreachable = readonly [fault: string, url: (t: Test) => Promise<string>, cause: RegExp, mend: RegExp]

const refuse = (code: string, message: string) => async (t: Test) =>
  (await startRefusing(t, code, message)).url

const UNREACHABLE: readonly Unreachable[] = [
  ['nothing listens', async () => 'postgres://u:s3cret@127.0.0.1:1/d', /ECONNREFUSED/, /check that it runs/],
  [
    'the host does not exist',
    async () => 'postgres://u:s3cret@db.invalid/d?sslmode=disable',
    /ENOTFOUND|EAI_AGAIN/,
    /DATABASE_URL/,
  ],
  [
    'a wrong password',
    refuse('28P01', 'password authentication failed for user "alice"'),
    /refuses the user or the password/,
    /check both in DATABASE_URL/,
  ],
  [
    'TLS is required',
    refuse('28000', 'no pg_hba.conf entry for host "10.0.0.1", user "alice", no encryption'),
    /wants TLS/,
    /sslmode=require/,
  ],
  [
    'a missing database',
    async (t) => testUrl((await createTestDatabase(t, { migrated: false })).socketDir, 'nothing'),
    /no database of this name/,
    /create it/,
  ],
  [
    'TLS is not offered',
    async (t) => {
      const { socketDir } = await createTestDatabase(t, { migrated: false })
      const proxy = await startTcpProxy(socketDir)
      t.teardown(() => proxy.close())
      return `postgres://u:s3cret@127.0.0.1:${proxy.port}/d?sslmode=require`
    },
    /does not offer TLS/,
    /sslmode=disable/,
  ],
]

t.test('the reason for an unreachable database is found; what depends on it is skipped', async (t) => {
  for (const [fault, findUrl, cause, mend] of UNREACHABLE) {
    await t.test(fault, async (t) => {
      const findings = await examine({ DATABASE_URL: await findUrl(t) })
      expectFinding(t, findings, ['database.connection', 'fail', cause, mend])
      for (const name of ['database.server', 'database.schema', 'database.direct', 'privileges.defaults'])
        expectFinding(t, findings, [name, 'skipped', /^database\.connection has not succeeded$/])
      t.notMatch(JSON.stringify(findings), /s3cret|alice/)
    })
  }
})

t.test('a host that has only IPv6, on a network without IPv6, is reported', async (t) => {
  const error = Object.assign(new Error('connect ENETUNREACH 2001:db8::1:5432'), {
    code: 'ENETUNREACH',
    address: '2001:db8::1',
  })
  const sql = () => Promise.reject(error)
  t.match(await findUnavailability({ sql } as never, 'DATABASE_URL'), {
    cause: /IPv6 addresses alone/,
    mend: /an IPv4 address in DATABASE_URL/,
  })
})

t.test('the certificate of the server', { skip: skipTls }, async (t) => {
  const { authority, ...certificate } = await makeCertificates(t)
  const database = await createTestDatabase(t)
  const server = await startTlsServer(t, { socketDir: database.socketDir, ...certificate })
  const name = await nameOf(database)
  const examineAt = (host: string, settings: Record<string, string>, now = Date.now) =>
    examine(
      {
        DATABASE_URL: `postgres://maeum@${host}:${server.port}/${name}?sslmode=verify-full`,
        ...settings,
      },
      { now },
    )
  const trusted = { DATABASE_CA_CERT: authority }
  expectFinding(t, await examineAt('localhost', {}), [
    'database.connection',
    'fail',
    /not trusted/,
    /DATABASE_CA_CERT/,
  ])
  expectFinding(t, await examineAt('127.0.0.1', trusted), [
    'database.connection',
    'fail',
    /for another name/,
    /a name that the certificate has/,
  ])
  const near: Expected = ['database.certificate', 'warn', /ends in \d days/, /renew/]
  expectFinding(t, await examineAt('localhost', trusted), near)
  const later = () => Date.now() + 10 * 24 * 3_600_000
  const past: Expected = ['database.certificate', 'fail', /ended \d days ago/, /renew/]
  expectFinding(t, await examineAt('localhost', trusted, later), past)
  const file = t.testdir({ 'ca.pem': 'no certificate' })
  expectFinding(t, await examineAt('localhost', { DATABASE_CA_CERT: `${file}/ca.pem` }), [
    'database.connection',
    'fail',
    /DATABASE_CA_CERT: the file .* holds no certificate/,
  ])
})

type Planted = readonly [
  fault: string,
  plant: (database: TestDatabase, name: string) => Promise<unknown>,
  expected: readonly Expected[],
  settings?: Readonly<Record<string, string>>,
]

const run = (text: string) => (database: TestDatabase) => database.sql.unsafe(text)

const PLANTED: readonly Planted[] = [
  [
    'a read-only database',
    ({ sql }, name) => sql.unsafe(`alter database ${name} set default_transaction_read_only = on`),
    [
      ['database.writes', 'fail', /read-only/, /RESET default_transaction_read_only/],
      ['database.schema', 'ok', /as expected/],
    ],
  ],
  [
    'a missing column',
    run('alter table feedbacks drop column note'),
    [
      ['database.schema', 'fail', /feedbacks\.note: missing column/, /undo the change/],
      ['audit.triggers', 'skipped', /database\.schema/],
    ],
  ],
  [
    'no journal of the migrations',
    run('drop schema drizzle cascade'),
    [['database.migrations', 'fail', /journal of the migrations/, /MIGRATE_ON_BOOT=true/]],
  ],
  [
    'a newer version',
    run("insert into drizzle.__drizzle_migrations (hash) values ('of the future')"),
    [['database.migrations', 'warn', /newer version has applied 1/, /that version/]],
  ],
  [
    'triggers that are off',
    run('alter table audit_log disable trigger user'),
    [['audit.triggers', 'fail', /missing or disabled/, /ENABLE TRIGGER USER/]],
  ],
  [
    'a data key of an unknown key',
    run(
      `insert into users (username, email, password_hash, data_key)
       values ('a', 'a@example.com', 'x', '\\x036f6c6400')`,
    ),
    [['data-keys', 'fail', /lacks the key old, .* 1 users/, /DATA_KEYS/]],
  ],
  [
    'a pool that does not fit',
    run('select 1'),
    [['database.connections', 'fail', /201 connections needed/, /DATABASE_POOL_MAX/]],
    { DATABASE_POOL_MAX: '200' },
  ],
]

t.test('each fault of a database is found, with what to do', async (t) => {
  for (const [fault, plant, expected, settings = {}] of PLANTED) {
    await t.test(fault, async (t) => {
      const database = await createTestDatabase(t)
      await plant(database, await nameOf(database))
      const findings = await examine({ DATABASE_URL: database.url, ...settings })
      for (const one of expected) expectFinding(t, findings, one)
    })
  }
})

t.test('pending migrations are applied at the next start, or not', async (t) => {
  const { url, sql } = await createTestDatabase(t, { migrated: false })
  const atBoot = await examine({ DATABASE_URL: url })
  expectFinding(t, atBoot, ['database.migrations', 'warn', /\d+ migrations .*0000_init/, /maeum migrate/])
  expectFinding(t, atBoot, ['database.schema', 'skipped', /pending migrations/])
  expectFinding(t, atBoot, ['data-keys', 'skipped', /database\.schema/])
  const never = await examine({ DATABASE_URL: url, MIGRATE_ON_BOOT: 'false' })
  expectFinding(t, never, ['database.migrations', 'fail', /MIGRATE_ON_BOOT is false/, /maeum migrate/])
  t.same(await sql`select from pg_namespace where nspname = 'drizzle'`, [], 'nothing was applied')
})

t.test('clocks that differ are found earlier than by readiness', async (t) => {
  const { url } = await createTestDatabase(t)
  const shifted = (ms: number) => examine({ DATABASE_URL: url }, { now: () => Date.now() + ms })
  expectFinding(t, await shifted(0), ['database.clock', 'ok', /differ by \d+ ms/])
  expectFinding(t, await shifted(30_000), ['database.clock', 'warn', /s behind the clock/, /NTP/])
  expectFinding(t, await shifted(-90_000), ['database.clock', 'fail', /s ahead of the clock/, /NTP/])
})

t.test('an encoding and settings that change the parsing are found', async (t) => {
  const database = await createTestDatabase(t)
  const { socketDir, url, sql } = database
  const name = uniqueName('korean')
  const admin = (text: string) => asAdmin(socketDir, 'postgres', (sql) => sql.unsafe(text))
  await admin(`create database ${name} template template0 encoding 'EUC_KR' locale 'C'`)
  t.teardown(() => admin(`drop database ${name} with (force)`))
  expectFinding(t, await examine({ DATABASE_URL: testUrl(socketDir, name) }), [
    'database.settings',
    'fail',
    /encoding of the database is EUC_KR/,
    /CREATE DATABASE/,
  ])
  await sql.unsafe(`alter database ${await nameOf(database)} set bytea_output = 'escape'`)
  const pooled = await examine({ DATABASE_URL: `${url}&pgbouncer=true` })
  expectFinding(t, pooled, ['database.settings', 'fail', /bytea_output is escape/, /ALTER ROLE/])
  expectFinding(t, pooled, ['database.pooler', 'warn', /transaction pooler/, /DATABASE_DIRECT_URL/])
})

t.test('a direct address must be reachable and lead to the same database', async (t) => {
  const [one, other] = [await createTestDatabase(t), await createTestDatabase(t)]
  const examineDirect = (url: string) => examine({ DATABASE_URL: one.url, DATABASE_DIRECT_URL: url })
  const wrong = await examineDirect(other.url)
  expectFinding(t, wrong, ['database.direct', 'fail', /leads to another database/, /the same database/])
  expectFinding(t, wrong, ['database.listen', 'skipped', /database\.direct/])
  expectFinding(t, await examineDirect('postgres://u@127.0.0.1:1/d'), [
    'database.direct',
    'fail',
    /ECONNREFUSED/,
    /DATABASE_DIRECT_URL/,
  ])
  const right = await examineDirect(`${one.url}&application_name=direct`)
  expectFinding(t, right, ['database.direct', 'ok', /^postgres at /])
  expectFinding(t, right, ['database.listen', 'ok', /arrived/])
})

t.test('the missing rights of the role are found, with the statements that grant them', async (t) => {
  const database = await createTestDatabase(t)
  const role = uniqueName('limited')
  await database.sql.unsafe(`create role ${role} login`)
  t.teardown(() => database.sql.unsafe(`drop owned by ${role} cascade; drop role ${role}`))
  const url = database.url.replace('maeum@', `${role}@`)
  const limited = await examine({ DATABASE_URL: url })
  expectFinding(t, limited, [
    'database.role',
    'fail',
    /may not read the journal/,
    /GRANT USAGE ON SCHEMA drizzle/,
  ])
  expectFinding(t, limited, ['database.role', 'fail', /may not use .*users/, /GRANT SELECT, INSERT/])
  expectFinding(t, limited, ['database.migrations', 'skipped', /database\.role/])
  await database.sql.unsafe(`
    grant usage on schema drizzle to ${role}; grant select on drizzle.__drizzle_migrations to ${role};
    grant select, insert, update, delete on all tables in schema public to ${role};
    alter role ${role} connection limit 5`)
  const hidden = await examine({ DATABASE_URL: url })
  expectFinding(t, hidden, ['database.role', 'fail', /row level security hides/, /BYPASSRLS/])
  expectFinding(t, hidden, ['database.connections', 'fail', /only 5 allowed/, /CONNECTION LIMIT/])
})

t.test('privileges of the API roles are found, also those of future tables', async (t) => {
  const { sql, port } = await startOwnPostgres(t)
  const url = urlAt(port)
  await sql.unsafe(`
    create role anon; create role authenticated;
    alter default privileges in schema public grant all on tables to anon, authenticated`)
  await migrate({ sql }, { folder: MIGRATIONS, apply: true })
  await sql.unsafe('grant select on users to anon')
  const findings = await examine({ DATABASE_URL: url })
  expectFinding(t, findings, [
    'privileges.api-roles',
    'fail',
    /anon.* have privileges on .*users/,
    /REVOKE ALL ON ALL TABLES/,
  ])
  const defaults: Expected = [
    'privileges.defaults',
    'warn',
    /anon, authenticated access to new tables of maeum/,
    /ALTER DEFAULT PRIVILEGES FOR ROLE maeum IN SCHEMA public REVOKE ALL ON TABLES FROM anon, authenticated/,
  ]
  expectFinding(t, findings, defaults)
  const mends = findings.flatMap(({ name, status, mend }) =>
    name.startsWith('privileges.') && status !== 'ok' ? [mend ?? ''] : [],
  )
  for (const mend of mends) await sql.unsafe(mend)
  const after = await examine({ DATABASE_URL: url })
  expectFinding(t, after, ['privileges.api-roles', 'ok', /no privileges/])
  expectFinding(t, after, ['privileges.defaults', 'ok', /no privileges/])
})

const program = findPgbouncer()
const skip =
  program === undefined && 'PGBOUNCER IS NOT INSTALLED: notices through a transaction pooler are NOT TESTED'

t.test('behind a transaction pooler notices do not arrive', { skip }, async (t) => {
  const database = await createTestDatabase(t)
  const { socketDir } = database
  const pooled = { program: program ?? '', socketDir, database: await nameOf(database), port: 5497 }
  const url = await startPgbouncer(t, pooled)
  const alone = await examine({ DATABASE_URL: url })
  expectFinding(t, alone, ['database.pooler', 'warn', /transaction pooler/, /DATABASE_DIRECT_URL/])
  expectFinding(t, alone, ['database.listen', 'warn', /did not arrive/, /DATABASE_DIRECT_URL/])
  expectFinding(t, alone, ['database.connections', 'ok', /the pooler limits/])
  const both = await examine({ DATABASE_URL: url, DATABASE_DIRECT_URL: database.url })
  expectFinding(t, both, ['database.pooler', 'ok', /DATABASE_DIRECT_URL is set/])
  expectFinding(t, both, ['database.listen', 'ok', /arrived/])
})
