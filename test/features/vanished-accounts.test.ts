import { randomBytes } from 'node:crypto'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { type Account, bearer, createAccount, startTestApp, type TestApp } from '../helpers/app.ts'
import type { TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'

// A failover to a lagging replica, or a restored backup, loses accounts and resets id sequences.

const DATA_KEYS = `k1:${randomBytes(32).toString('base64')}`
const PAGES = ['/api/auth/me', '/api/user/export', '/api/session', '/api/dashboard/summary']

const start = (t: Pick<Test, 'teardown'>, database?: TestDatabase) =>
  startTestApp(t, { env: { DATA_KEYS }, ...(database === undefined ? {} : { database }) })

const open = async ({ app }: TestApp, { accessToken }: Account, url: string) =>
  (await app.inject({ url, headers: bearer(accessToken) })).statusCode

const openAll = async (server: TestApp, account: Account) => {
  const statuses: number[] = []
  for (const url of PAGES) statuses.push(await open(server, account, url))
  return statuses
}
const ALL_REFUSED = PAGES.map(() => 401)
const ALL_OPEN = PAGES.map(() => 200)

const lose = async ({ sql }: TestDatabase, { id }: Account) => {
  await sql`delete from users where id = ${id}`
  await sql`select setval(pg_get_serial_sequence('users', 'id'), 1, false)`
}

/** Like another program or an older version: the same id for another user. */
const insertWithId = async ({ sql }: TestDatabase, id: number) => {
  await sql`
    insert into users (id, username, email, password_hash) overriding system value
    values (${id}, 'another person', 'another@example.com', 'none')`
  await sql`insert into user_preferences (user_id, preferences) values (${id}, '{"note": "private"}')`
}

const breakListening = ({ sql }: TestDatabase) => sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()`

t.test('the id of an account is not reused', async (t) => {
  const server = await start(t)
  const { database } = server
  const first = await createAccount(server)
  t.same(await openAll(server, first), ALL_OPEN)
  await lose(database, first)
  const second = await createAccount(server)
  t.ok(Number.isSafeInteger(second.id))
  t.not(second.id, first.id)
  for (const url of ['/api/auth/me', '/api/user/export'])
    t.equal(await open(server, first, url), 401, `${url}, where the token was used before`)
  const fresh = await start(t, database)
  t.same(await openAll(fresh, first), ALL_REFUSED, 'in a process that sees the token for the first time')
  for (const on of [server, fresh]) t.same(await openAll(on, second), ALL_OPEN)
})

t.test('the token of a lost account is invalid after the connection was lost', async (t) => {
  const server = await start(t)
  const { app, database } = server
  const first = await createAccount(server)
  t.same(await openAll(server, first), ALL_OPEN)
  await lose(database, first)
  await insertWithId(database, first.id)
  await breakListening(database)
  await eventually(
    () => openAll(server, first),
    (statuses) => statuses.every((status) => status === 401),
  )
  const preferences = { url: '/api/user/preferences', headers: bearer(first.accessToken) }
  t.equal((await app.inject(preferences)).statusCode, 401)
  const change = { method: 'PUT', payload: { preferences: { fontScale: 'xl' } }, ...preferences } as const
  t.equal((await app.inject(change)).statusCode, 401)
  for (const url of ['/api/session/start', '/api/counselings'])
    t.equal(
      (await app.inject({ method: 'POST', url, headers: preferences.headers, payload: { type: 'x' } }))
        .statusCode,
      401,
      url,
    )
  const refresh = { method: 'POST', url: '/api/auth/refresh' } as const
  const refreshed = await app.inject({ ...refresh, payload: { refreshToken: first.refreshToken } })
  t.equal(refreshed.statusCode, 401)
})

t.test('it is invalid after a minute, if no connection was lost', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const server = await start(t)
  const { database } = server
  const [first, bystander] = [await createAccount(server), await createAccount(server)]
  for (const account of [first, bystander]) t.same(await openAll(server, account), ALL_OPEN)
  await lose(database, first)
  await insertWithId(database, first.id)
  mock.timers.tick(60_000)
  await eventually(
    () => openAll(server, first),
    (statuses) => statuses.every((status) => status === 401),
  )
  t.same(await openAll(server, bystander), ALL_OPEN)
})

t.test('it is invalid at its first use in a process', async (t) => {
  const server = await start(t)
  const first = await createAccount(server)
  await lose(server.database, first)
  await insertWithId(server.database, first.id)
  const fresh = await start(t, server.database)
  for (const url of PAGES) t.equal(await open(fresh, first, url), 401, url)
})
