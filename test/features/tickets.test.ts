import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { CHANNELS } from '../../src/domain/session.ts'
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

/** The outcome of a handshake: `admitted`, or the HTTP status of the refusal. */
const handshake = (t: Pick<Test, 'teardown'>, url: string): Promise<string> =>
  connect(t, url).then(
    () => 'admitted',
    (error: unknown) => /\d{3}/.exec(String(error))?.[0] ?? String(error),
  )

const ask = ({ app }: TestApp, account: Account, sessionId: string, payload?: object) =>
  app.inject({
    method: 'POST',
    url: `/api/session/${sessionId}/ticket`,
    headers: bearer(account.accessToken),
    ...(payload === undefined ? {} : { payload }),
  })

const url = ({ origin }: TestApp, channel: string, sessionId: string, ticket?: string) =>
  `${origin.replace('http', 'ws')}/ws/${channel}?sessionId=${sessionId}${ticket === undefined ? '' : `&ticket=${ticket}`}`

t.test('if tickets are required', async (t) => {
  const server = await startTestApp(t, { env: { WS_REQUIRE_TICKET: 'true' } })
  const { sql } = server.database
  const account = await createAccount(server)
  const { sessionId } = await startSession(server, account)
  const ticketFor = async (channel: string, session = sessionId) =>
    (await ask(server, account, session, { channel })).json<{ data: { ticket: string; expiresAt: number } }>()
      .data

  t.test('each channel requires a ticket', async (t) => {
    for (const channel of CHANNELS) {
      t.equal(await handshake(t, url(server, channel, sessionId)), '401')
      const { ticket } = await ticketFor(channel)
      t.equal(await handshake(t, url(server, channel, sessionId, ticket)), 'admitted', channel)
      t.equal(await handshake(t, url(server, channel, sessionId, ticket)), '401', 'once')
    }
    const { ticket } = await ticketFor('voice')
    const path = `${server.origin.replace('http', 'ws')}/ws/voice/${sessionId}?ticket=${ticket}`
    t.equal(await handshake(t, path), 'admitted', 'in both forms of the URL')
  })

  t.test('a ticket is valid for one channel of one session, for 30 seconds', async (t) => {
    const { ticket, expiresAt } = await ticketFor('session')
    t.ok(expiresAt > Date.now() - 60_000 && expiresAt <= Date.now() + 60_000)
    const [row] = await sql<{ ttl: number }[]>`
      select extract(epoch from expires_at - now()) as ttl from tickets order by expires_at desc limit 1`
    t.ok(Number(row?.ttl) <= 30)
    t.equal(await handshake(t, url(server, 'voice', sessionId, ticket)), '401')
    const other = await startSession(server, account)
    t.equal(await handshake(t, url(server, 'session', other.sessionId, ticket)), '401')
    for (const forged of [
      '',
      'x',
      ticket.slice(1),
      `${ticket.slice(0, -1)}'`,
      'x'.repeat(32),
      `${ticket}&ticket=${ticket}`,
    ])
      t.equal(await handshake(t, url(server, 'session', sessionId, forged)), '401')
    t.equal(
      await handshake(t, url(server, 'session', sessionId, ticket)),
      'admitted',
      'refused handshakes do not use up the ticket',
    )

    const late = await ticketFor('session')
    await sql`update tickets set expires_at = now() - interval '1 second'`
    t.equal(await handshake(t, url(server, 'session', sessionId, late.ticket)), '401')
  })

  t.test('of two concurrent handshakes with one ticket, on two instances, one is admitted', async (t) => {
    const second = await startTestApp(t, { env: { WS_REQUIRE_TICKET: 'true' }, database: server.database })
    const { ticket } = await ticketFor('session')
    const outcomes = await Promise.all(
      [server, second].map((on) => handshake(t, url(on, 'session', sessionId, ticket))),
    )
    t.same(outcomes.sort(), ['401', 'admitted'])
  })

  t.test('a ticket is stored as a hash and never logged', async (t) => {
    const { ticket } = await ticketFor('session')
    const rows = await sql<{ hash: string }[]>`select hash from tickets`
    t.notOk(rows.some(({ hash }) => hash === ticket))
    t.ok(rows.some(({ hash }) => hash === createHash('sha256').update(ticket).digest('base64url')))
    await handshake(t, url(server, 'session', sessionId, ticket))
    t.notMatch(server.log.join(''), ticket)
  })

  t.test('no ticket is issued for a session of another user or an ended session', async (t) => {
    const otherUser = await createAccount(server)
    const refused = await ask(server, otherUser, sessionId)
    t.match([refused.statusCode, refused.json()], [404, { error: { code: 'SESSION_NOT_FOUND' } }])
    t.equal((await ask(server, account, 'sess_never')).statusCode, 404)
    t.equal((await ask(server, account, sessionId, { channel: 'camera' })).statusCode, 400)
    const { sessionId: ended } = await startSession(server, account)
    await server.app.inject({
      method: 'POST',
      url: `/api/session/${ended}/end`,
      headers: bearer(account.accessToken),
    })
    t.match((await ask(server, account, ended)).json(), { error: { code: 'SESSION_ENDED' } })
  })
})

t.test('a logout closes the sockets of the device on sessions of other devices', async (t) => {
  const env = { WS_REQUIRE_TICKET: 'true' }
  const one = await startTestApp(t, { env })
  const { database } = one
  const two = await startTestApp(t, { env, database })
  const login = async ({ email, password }: Account): Promise<Account> => {
    const payload = { email, password }
    const answer = await one.app.inject({ method: 'POST', url: '/api/auth/login', payload })
    return { ...answer.json<{ data: Account }>().data, email, password }
  }
  const logout = (device: Account) =>
    one.app.inject({ method: 'POST', url: '/api/auth/logout', headers: bearer(device.accessToken) })
  const familyOf = ({ refreshToken }: Account) => refreshToken.split('.')[1] ?? ''
  const owner = await createAccount(one)
  const { sessionId } = await startSession(one, owner)
  const open = async (server: TestApp, device: Account, session = sessionId) => {
    const answer = await ask(server, device, session, { channel: 'session' })
    const { ticket } = answer.json<{ data: { ticket: string } }>().data
    return connect(t, url(server, 'session', session, ticket))
  }
  const mine = await open(two, owner)
  const isOpen = ({ socket }: { socket: { readyState: number; OPEN: number } }) =>
    socket.readyState === socket.OPEN

  t.test('on every instance; its own sessions end', async (t) => {
    const device = await login(owner)
    const sockets = [await open(one, device), await open(two, device)]
    const own = await open(two, device, (await startSession(one, device)).sessionId)
    await logout(device)
    for (const socket of sockets) {
      t.same(await socket.closed, { code: 1008, reason: 'LOGGED_OUT' })
      t.match(socket.messages.at(-1), { type: 'error', data: { code: 'INVALID_TOKEN', action: 'stop' } })
    }
    t.equal((await own.closed).code, 1000)
    t.ok(isOpen(mine))
  })

  t.test('also without a notice', async (t) => {
    const device = await login(owner)
    const socket = await open(two, device)
    await database.sql`update refresh_families set revoked_at = now() where id = ${familyOf(device)}`
    t.equal((await socket.closed).reason, 'LOGGED_OUT')
    t.ok(isOpen(mine))
  })

  t.test('and invalidates its tickets', async (t) => {
    const device = await login(owner)
    const answer = await ask(two, device, sessionId, { channel: 'session' })
    const { ticket } = answer.json<{ data: { ticket: string } }>().data
    await logout(device)
    t.equal(await handshake(t, url(two, 'session', sessionId, ticket)), '401')
  })

  t.test('a password change closes the sockets of other devices only', async (t) => {
    const [device, other] = [await login(owner), await login(owner)]
    // Without this, the session ends when the device that started it is logged out.
    await database.sql`update sessions set family_id = null where id = ${sessionId}`
    const [kept, lost] = [await open(two, device), await open(two, other)]
    const answer = await one.app.inject({
      method: 'POST',
      url: '/api/user/password',
      headers: bearer(device.accessToken),
      payload: { currentPassword: owner.password, newPassword: 'three small boats' },
    })
    const renamed = { ...device, ...answer.json<{ data: Account }>().data }
    t.equal((await lost.closed).reason, 'LOGGED_OUT')
    t.ok(isOpen(kept))
    await logout(renamed)
    t.equal((await kept.closed).reason, 'LOGGED_OUT', 'the instance knows the new name')
  })
})

t.test('if tickets are not required, sockets open without one', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const { sessionId } = await startSession(server, account)
  const answer = await ask(server, account, sessionId)
  t.equal(answer.statusCode, 201, 'the default channel is landmarks')
  const { ticket } = answer.json<{ data: { ticket: string } }>().data
  t.equal(await handshake(t, url(server, 'landmarks', sessionId, ticket)), 'admitted')
  t.equal(await handshake(t, url(server, 'session', sessionId, 'used-up-long-ago')), 'admitted')
  t.equal(await handshake(t, url(server, 'voice', sessionId)), 'admitted')
})

t.test('sockets are limited', async (t) => {
  const open = async (t: Pick<Test, 'teardown'>, env: Record<string, string>) => {
    const server = await startTestApp(t, { env })
    const [mine, other] = [await createAccount(server), await createAccount(server)]
    const socketOf = async (account: Account) => (await startSession(server, account)).wsUrls.session
    return { server, mine, other, socketOf }
  }

  t.test('per address, for all users together', async (t) => {
    const { server, mine, other, socketOf } = await open(t, { SOCKETS_PER_ADDRESS: '3' })
    const first = await connect(t, await socketOf(mine))
    await connect(t, await socketOf(other))
    t.equal(
      await handshake(t, url(server, 'session', 'sess_never')),
      'admitted',
      'the refusal is a message on the socket',
    )
    await eventually(
      () => handshake(t, first.socket.url),
      (outcome) => outcome === 'admitted',
    )
    t.equal(await handshake(t, first.socket.url), '429')
    first.socket.close()
    await eventually(
      () => handshake(t, first.socket.url),
      (outcome) => outcome === 'admitted',
    )
    t.match(
      await server.app.metrics.registry.metrics(),
      /maeum_sockets_refused_total\{reason="address"\} [1-9]/,
    )
  })

  t.test('per user, for all addresses together', async (t) => {
    const { mine, other, socketOf } = await open(t, { SOCKETS_PER_USER: '2' })
    const [first, second] = [await socketOf(mine), await socketOf(mine)]
    const socket = await connect(t, first)
    t.equal(await handshake(t, second), 'admitted')
    t.equal(await handshake(t, first), '429')
    t.equal(await handshake(t, await socketOf(other)), 'admitted', 'other users are not affected')
    socket.socket.terminate()
    await eventually(
      () => handshake(t, first),
      (outcome) => outcome === 'admitted',
    )
  })
})

t.test('messages beyond the rate are dropped and counted', async (t) => {
  const server = await startTestApp(t)
  const { wsUrls } = await startSession(server, await createAccount(server))
  const socket = await connect(t, wsUrls.session)
  await socket.next('connected')
  for (let i = 0; i < 1000; i++) socket.send({ type: 'ping' })
  await eventually(
    async () =>
      /dropped_total\{channel="session"\} (\d+)/.exec(await server.app.metrics.registry.metrics())?.[1],
    (count) => Number(count) >= 500,
  )
  t.equal(socket.socket.readyState, socket.socket.OPEN)
})
