import t, { type Test } from 'tap'
import { createChainHash } from '../../src/features/audit/chain.ts'
import { auditRepository } from '../../src/features/audit/repository.ts'
import { verifyTrail } from '../../src/features/audit/verify.ts'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { cli, cliJson, SECRET } from '../helpers/cli.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'

const PASSWORD = 'a long passphrase of several words'

const logIn = async ({ app }: TestApp, email: string, password: string) => {
  const answer = await app.inject({ method: 'POST', url: '/api/auth/login', payload: { email, password } })
  const { error } = answer.json<{ error?: { code: string } }>()
  return error === undefined ? answer.statusCode : `${answer.statusCode} ${error.code}`
}
const me = async ({ app }: TestApp, { accessToken }: Account) =>
  (await app.inject({ url: '/api/auth/me', headers: bearer(accessToken) })).statusCode
const refresh = async ({ app }: TestApp, { refreshToken }: Account) =>
  (await app.inject({ method: 'POST', url: '/api/auth/refresh', payload: { refreshToken } })).statusCode

/** Events of the operator in the trail, with their details. */
const trailOf = async ({ sql }: TestDatabase) => {
  const rows = await sql`
    select event, subject is not null as has_subject, details::text as details from audit_log
    where actor = 'operator' order by at, chain, place`
  return rows.map((row) => ({
    event: String(row['event']),
    hasSubject: row['has_subject'],
    details: JSON.parse(String(row['details'])) as Record<string, unknown>,
  }))
}
const isTrailIntact = async (t: Test, { orm }: TestDatabase) =>
  t.same(
    (await verifyTrail({ orm, repository: auditRepository, hashes: [createChainHash(SECRET)] })).findings,
    [],
  )

/** Until the running server has heard of it: at once by notice, within a second from the rows. */
const refused = (server: TestApp, account: Account) =>
  eventually(
    () => me(server, account),
    (status) => status === 401,
  )

t.test('an account is created with a password from standard input, a file or a generator', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const create = ['user', 'create']
  const first = await cli(database, [...create, 'One@example.com', 'one'], { input: `${PASSWORD}\n` })
  t.match(first, { code: 0, out: [/^created one@example\.com \(id \d+\)$/], err: [] })
  t.equal(await logIn(server, 'one@example.com', PASSWORD), 200)

  const folder = t.testdir({ password: `${PASSWORD}\r\n` })
  const file = ['--password-file', `${folder}/password`]
  t.match(await cli(database, [...create, 'two@example.com', '둘째', ...file]), { code: 0 })
  t.equal(await logIn(server, 'two@example.com', PASSWORD), 200)

  const third = await cliJson<{ password?: string; commonPassword: boolean }>(t, database, [
    ...[...create, 'three@example.com', 'three', '--generate-password'],
  ])
  t.match(third, { exit: 0, commonPassword: false })
  t.equal(await logIn(server, 'three@example.com', third.password ?? ''), 200)

  const typed = [
    ['Password: ', PASSWORD],
    ['Password again: ', PASSWORD],
  ] as const
  const fourth = await cli(database, [...create, 'four@example.com', 'four'], { typed })
  t.match(fourth, { code: 0 })
  t.equal(await logIn(server, 'four@example.com', PASSWORD), 200)
  for (const { out, err } of [first, fourth])
    t.notOk([...out, ...err].join('\n').includes(PASSWORD), 'it is not echoed')

  const devices = await database.sql`select 1 from refresh_families`
  t.equal(devices.length, 4, 'only the logins are devices')
  const events = await trailOf(database)
  t.same(
    events.filter(({ event }) => event === 'user_created'),
    Array(4).fill({ event: 'user_created', hasSubject: true, details: { by: 'operator' } }),
  )
  await isTrailIntact(t, database)
})

t.test('an account is not created against the rules of sign-up', async (t) => {
  const database = await createTestDatabase(t)
  const create = (email: string, name: string, input: string, env = {}) =>
    cli(database, ['user', 'create', email, name], { input, env })
  t.match(await create('one@example.com', 'one', PASSWORD), { code: 0 })
  const refusals: [Awaited<ReturnType<typeof create>>, RegExp][] = [
    [await create('one@example.com', 'two', PASSWORD), /^This e-mail is already registered\.$/],
    [await create('two@example.com', 'ONE', PASSWORD), /^This name is already taken\.$/],
    [await create('two@example.com', 'two', 'short'), /^Field "password" must have at least 8 characters\.$/],
    [await create('no address', 'two', PASSWORD), /^Field "email" is not valid\.$/],
    [
      await create('two@example.com', 'two', 'password123', { PASSWORD_BLOCKLIST: 'true' }),
      /^Field "password" is a common password/,
    ],
  ]
  for (const [refused, reason] of refusals) t.match(refused, { code: 2, out: [], err: [reason] })
  t.match(await create('two@example.com', 'two', 'password123'), {
    code: 0,
    out: [/^created/, /common one/],
  })
  const different = [
    ['Password: ', PASSWORD],
    ['Password again: ', `${PASSWORD}.`],
  ] as const
  const typed = await cli(database, ['user', 'create', 'three@example.com', 'three'], { typed: different })
  t.match(typed, { code: 2 })
  t.equal(typed.err.at(-1), 'the two passwords differ')
  t.equal((await database.sql`select 1 from users`).length, 2)
})

t.test('accounts are listed page by page and shown', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const [one, two] = [await createAccount(server), await createAccount(server)]
  await startSession(server, two)
  await cli(database, ['user', 'disable', one.email])
  type Page = { users: { id: number; email: string; disabledAt: string | null }[]; next: number | null }
  const all = await cliJson<Page>(t, database, ['user', 'list'])
  t.same(
    all.users.map(({ email }) => email),
    [two.email, one.email],
    'newest first',
  )
  t.equal(all.next, null)
  const first = await cliJson<Page>(t, database, ['user', 'list', '--limit', '1'])
  t.equal(first.next, two.id)
  const rest = await cliJson<Page>(t, database, ['user', 'list', '--limit', '1', '--after', String(two.id)])
  t.match(rest, { users: [{ id: one.id }], next: null })
  const disabled = await cliJson<Page>(t, database, ['user', 'list', '--disabled'])
  t.same(
    disabled.users.map(({ id }) => id),
    [one.id],
  )
  t.match(await cliJson(t, database, ['user', 'list', '--role', 'admin']), { users: [] })

  const shown = await cliJson(t, database, ['user', 'show', two.email.toUpperCase()])
  t.match(shown, { id: two.id, role: 'user', disabledAt: null, devices: 1, sessions: { total: 1, live: 1 } })
  const table = await cli(database, ['user', 'list'])
  t.match(table.out[0], /^ID +E-MAIL +NAME +ROLE +CREATED +DISABLED$/)
  t.equal(table.out.length, 3)
  t.match(await cli(database, ['user', 'show', '17']), { code: 2, err: ['there is no such account: 17'] })
})

t.test('a disabled account is logged out everywhere and cannot log in until it is enabled', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const [account, other] = [await createAccount(server), await createAccount(server)]
  const session = await startSession(server, account)
  const othersSession = await startSession(server, other)
  const socket = await connect(t, session.wsUrls.session)
  t.equal(await me(server, account), 200)

  const disable = ['user', 'disable', account.email]
  t.match(await cliJson(t, database, disable), { exit: 0, user: account.id, changed: true, devices: 1 })
  t.match(await socket.closed, { code: 1000 })
  await refused(server, account)
  t.equal(await refresh(server, account), 401)
  t.equal(await logIn(server, account.email, account.password), '401 INVALID_CREDENTIALS')
  t.same(await database.sql`select id, status, end_reason from sessions order by started_at`, [
    { id: session.sessionId, status: 'ended', end_reason: 'logged_out' },
    { id: othersSession.sessionId, status: 'active', end_reason: null },
  ])
  t.equal(await me(server, other), 200, 'other accounts are not affected')
  t.match(await cliJson(t, database, disable), { exit: 0, changed: false }, 'it may be repeated')

  const enable = ['user', 'enable', String(account.id)]
  t.match(await cliJson(t, database, enable), { exit: 0, changed: true })
  t.match(await cliJson(t, database, enable), { exit: 0, changed: false })
  t.equal(await logIn(server, account.email, account.password), 200)
  t.equal(await me(server, account), 401, 'its former devices stay logged out')
  t.match(
    (await trailOf(database)).filter(({ event }) => event !== 'user_created'),
    [
      { event: 'user_disabled', hasSubject: true, details: { by: 'operator', devices: 1 } },
      { event: 'user_enabled', hasSubject: true, details: { by: 'operator' } },
    ],
  )
  await isTrailIntact(t, database)
})

t.test('a login that is in progress while the account is disabled gets no device', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const account = await createAccount(server)
  const login = await database.sql.begin(async (sql) => {
    await sql`update users set disabled_at = now() where id = ${account.id}`
    const pending = logIn(server, account.email, account.password)
    await blockedQuery(database, 'insert into refresh_families')
    return { pending }
  })
  t.match(await login.pending, /^4/)
  t.equal((await database.sql`select 1 from refresh_families`).length, 1, 'only that of the sign-up')
})

t.test('logout and a new password end all devices and their sessions', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const [one, two] = [await createAccount(server), await createAccount(server)]
  const sockets = []
  for (const account of [one, two])
    sockets.push(await connect(t, (await startSession(server, account)).wsUrls.session))

  t.match(await cli(database, ['user', 'logout', one.email]), {
    code: 0,
    out: [`${one.email}: all devices are logged out`],
  })
  await refused(server, one)
  t.equal(await logIn(server, one.email, one.password), 200)

  const reset = await cliJson<{ password: string }>(t, database, [
    ...['user', 'reset-password', two.email, '--generate-password'],
  ])
  t.match(reset, { exit: 0, user: two.id, devices: 1 })
  await refused(server, two)
  t.equal(await logIn(server, two.email, two.password), '401 INVALID_CREDENTIALS')
  t.equal(await logIn(server, two.email, reset.password), 200)
  for (const socket of sockets) t.match(await socket.closed, { code: 1000 })
  t.match(await cli(database, ['user', 'reset-password', two.email], { input: 'short' }), {
    code: 2,
    err: [/^Field "password" must have at least 8 characters\.$/],
  })
  t.same(
    (await trailOf(database)).map(({ event }) => event),
    ['authn_logout', 'authn_password_change'],
  )
})

t.test('only the known roles are granted', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const { email, id } = await createAccount(server)
  const counsellor = ['user', 'role', email, 'counsellor']
  t.match(await cliJson(t, database, counsellor), { changed: true, role: 'counsellor' })
  t.match(await cliJson(t, database, counsellor), { changed: false })
  t.match(await cliJson(t, database, ['user', 'show', String(id)]), { role: 'counsellor' })
  await t.rejects(database.sql`update users set role = 'king'`, /users_role_known/)
  t.match(await trailOf(database), [
    { event: 'authz_change', details: { from: 'user', to: 'counsellor', by: 'operator' } },
  ])
})
