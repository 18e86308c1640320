import { createHmac } from 'node:crypto'
import t from 'tap'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

const OLD = 'the secret of last year, of more than 32 characters'
const NEW = 'the secret of this year, of more than 32 characters'

const me = async ({ app }: TestApp, token: string) =>
  (await app.inject({ url: '/api/auth/me', headers: bearer(token) })).statusCode
const refresh = ({ app }: TestApp, refreshToken: string) =>
  app.inject({ method: 'POST', url: '/api/auth/refresh', payload: { refreshToken } })
const logout = ({ app }: TestApp, account: Account) =>
  app.inject({ method: 'POST', url: '/api/auth/logout', headers: bearer(account.accessToken) })
const start = async ({ app }: TestApp, account: Account) => {
  const answer = await app.inject({
    method: 'POST',
    url: '/api/session/start',
    headers: bearer(account.accessToken),
  })
  return answer.statusCode < 400 ? 'started' : answer.json<{ error: { code: string } }>().error.code
}
const part = (token: string, place: number) =>
  JSON.parse(Buffer.from(token.split('.')[place] ?? '', 'base64url').toString()) as Record<string, unknown>

t.test('a change of the secret logs nobody out', async (t) => {
  const before = await startTestApp(t, { env: { JWT_SECRET: OLD } })
  const { database } = before
  const during = await startTestApp(t, { env: { JWT_SECRET: NEW, JWT_SECRET_PREVIOUS: OLD }, database })
  const after = await startTestApp(t, { env: { JWT_SECRET: NEW }, database })
  const account = await createAccount(before)

  t.equal(await me(during, account.accessToken), 200)
  t.equal(await me(after, account.accessToken), 401, 'until the old secret is taken away')
  t.equal((await refresh(after, account.refreshToken)).statusCode, 401)
  const answer = await refresh(during, account.refreshToken)
  t.equal(answer.statusCode, 200)
  const pair = answer.json<{ data: Account }>().data
  t.equal(await me(after, pair.accessToken), 200, 'what is given out is signed with the new one')
  t.equal((await refresh(after, pair.refreshToken)).statusCode, 200)
  t.equal(await me(before, pair.accessToken), 401, 'which an instance that was not restarted does not know')

  const [old, present] = [part(account.accessToken, 0)['kid'], part(pair.accessToken, 0)['kid']]
  t.ok(typeof old === 'string' && typeof present === 'string' && old !== present)
  const forge = (kid: unknown, secret: string) => {
    const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid })).toString('base64url')
    const content = `${head}.${account.accessToken.split('.')[1]}`
    return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
  }
  t.equal(await me(during, forge(old, OLD)), 200, 'the forger knows how to write a good one')
  for (const [kid, secret] of [
    [old, NEW],
    [present, OLD],
    ['another', NEW],
    [7, NEW],
    [null, NEW],
    ['__proto__', NEW],
    [undefined, OLD],
  ] as const)
    t.equal(
      await me(during, forge(kid, secret)),
      401,
      `${String(kid)}: the key that is named is the one that counts`,
    )
})

t.test('a logout is felt on every instance', async (t) => {
  const one = await startTestApp(t)
  const two = await startTestApp(t, { database: one.database })
  const account = await createAccount(one)
  const bystander = await createAccount(one)
  const session = await startSession(two, account)
  const sockets = await Promise.all(
    [session.wsUrls.landmarks, session.wsUrls.voice, session.wsUrls.session].map((url) => connect(t, url)),
  )
  const others = await connect(t, (await startSession(two, bystander)).wsUrls.landmarks)
  t.equal(await me(two, account.accessToken), 200)

  t.equal((await logout(one, account)).statusCode, 200)
  for (const { closed } of sockets) t.equal((await closed).code, 1000)
  t.equal(await me(one, account.accessToken), 401, 'the access token is worth nothing from now on')
  await eventually(
    () => me(two, account.accessToken),
    (status) => status === 401,
  )
  t.equal(await start(two, account), 'INVALID_TOKEN')
  t.equal(others.socket.readyState, others.socket.OPEN)
  t.equal(await me(two, bystander.accessToken), 200)
})

t.test(
  'nothing begins with the token of a device that was logged out, whoever has heard of it',
  async (t) => {
    const server = await startTestApp(t)
    const { sql } = server.database
    const account = await createAccount(server)
    t.equal(await start(server, account), 'started')
    await sql`update refresh_families set revoked_at = now() where user_id = ${account.id}` // no notice of it
    t.equal(await start(server, account), 'INVALID_TOKEN')

    const gone = await createAccount(server)
    await sql`delete from users where id = ${gone.id}`
    t.equal(await start(server, gone), 'INVALID_TOKEN')
  },
)

t.test('a start that races a logout leaves no live session', async (t) => {
  const server = await startTestApp(t)
  const { sql } = server.database
  const live = async (account: Account) =>
    (await sql`select id from sessions where user_id = ${account.id} and status <> 'ended'`).length
  for (let round = 0; round < 10; round++) {
    const account = await createAccount(server)
    await Promise.all([
      start(server, account),
      start(server, account),
      logout(server, account),
      start(server, account),
    ])
    t.equal(await live(account), 0)
  }
})

t.test('when a token was stolen, what its device started is ended', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const { wsUrls } = await startSession(server, account)
  const socket = await connect(t, wsUrls.landmarks)
  const events: unknown[] = []
  server.app.securityEvents.subscribe((event) => events.push(event))
  const second = (await refresh(server, account.refreshToken)).json<{ data: Account }>().data
  await refresh(server, second.refreshToken)
  t.equal((await refresh(server, account.refreshToken)).statusCode, 401)
  t.equal((await socket.closed).code, 1000)
  t.equal(await me(server, second.accessToken), 401)
  t.match(events, [{ event: 'authn_token_reuse', userId: account.id }])
})

t.test('a session does not outlive the login of its device', async (t) => {
  const server = await startTestApp(t, { env: { SESSION_ABANDON_MS: '3000' } })
  const account = await createAccount(server)
  const { wsUrls } = await startSession(server, account)
  const socket = await connect(t, wsUrls.session)
  await server.database.sql`
    update refresh_families set expires_at = now() - interval '1 second' where user_id = ${account.id}`
  t.equal((await socket.closed).code, 1000)
  const [row] = await server.database.sql`select end_reason from sessions where user_id = ${account.id}`
  t.equal(row?.['end_reason'], 'logged_out')
})
