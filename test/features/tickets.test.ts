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

/** How a handshake ends: `admitted`, or the HTTP status of the refusal. */
const knock = (t: Pick<Test, 'teardown'>, url: string): Promise<string> =>
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

t.test('where tickets are required', async (t) => {
  const server = await startTestApp(t, { env: { WS_REQUIRE_TICKET: 'true' } })
  const { sql } = server.database
  const account = await createAccount(server)
  const { sessionId } = await startSession(server, account)
  const ticketFor = async (channel: string, session = sessionId) =>
    (await ask(server, account, session, { channel })).json<{ data: { ticket: string; expiresAt: number } }>()
      .data

  t.test('each channel opens with one, and not without', async (t) => {
    for (const channel of CHANNELS) {
      t.equal(await knock(t, url(server, channel, sessionId)), '401')
      const { ticket } = await ticketFor(channel)
      t.equal(await knock(t, url(server, channel, sessionId, ticket)), 'admitted', channel)
      t.equal(await knock(t, url(server, channel, sessionId, ticket)), '401', 'once')
    }
    const { ticket } = await ticketFor('voice')
    const path = `${server.origin.replace('http', 'ws')}/ws/voice/${sessionId}?ticket=${ticket}`
    t.equal(await knock(t, path), 'admitted', 'in either form of the address')
  })

  t.test('it opens its own channel of its own session, for half a minute', async (t) => {
    const { ticket, expiresAt } = await ticketFor('session')
    t.ok(expiresAt > Date.now() - 60_000 && expiresAt <= Date.now() + 60_000)
    const [row] = await sql<{ ttl: number }[]>`
      select extract(epoch from expires_at - now()) as ttl from tickets order by expires_at desc limit 1`
    t.ok(Number(row?.ttl) <= 30)
    t.equal(await knock(t, url(server, 'voice', sessionId, ticket)), '401')
    const other = await startSession(server, account)
    t.equal(await knock(t, url(server, 'session', other.sessionId, ticket)), '401')
    for (const forged of [
      '',
      'x',
      ticket.slice(1),
      `${ticket.slice(0, -1)}'`,
      'x'.repeat(32),
      `${ticket}&ticket=${ticket}`,
    ])
      t.equal(await knock(t, url(server, 'session', sessionId, forged)), '401')
    t.equal(
      await knock(t, url(server, 'session', sessionId, ticket)),
      'admitted',
      'and is still good after that',
    )

    const late = await ticketFor('session')
    await sql`update tickets set expires_at = now() - interval '1 second'`
    t.equal(await knock(t, url(server, 'session', sessionId, late.ticket)), '401')
  })

  t.test('of two who show it at once, on two instances, one is admitted', async (t) => {
    const second = await startTestApp(t, { env: { WS_REQUIRE_TICKET: 'true' }, database: server.database })
    const { ticket } = await ticketFor('session')
    const outcomes = await Promise.all(
      [server, second].map((on) => knock(t, url(on, 'session', sessionId, ticket))),
    )
    t.same(outcomes.sort(), ['401', 'admitted'])
  })

  t.test('it is stored as a hash and never logged', async (t) => {
    const { ticket } = await ticketFor('session')
    const rows = await sql<{ hash: string }[]>`select hash from tickets`
    t.notOk(rows.some(({ hash }) => hash === ticket))
    t.ok(rows.some(({ hash }) => hash === createHash('sha256').update(ticket).digest('base64url')))
    await knock(t, url(server, 'session', sessionId, ticket))
    t.notMatch(server.log.join(''), ticket)
  })

  t.test('nobody gets one for a session that is not theirs, or has ended', async (t) => {
    const stranger = await createAccount(server)
    const refused = await ask(server, stranger, sessionId)
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

t.test('a device that is logged out loses the sockets that it opened on sessions of others', async (t) => {
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

  t.test('on every instance; its own sessions end as ever', async (t) => {
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

  t.test('also where no notice of it came', async (t) => {
    const device = await login(owner)
    const socket = await open(two, device)
    await database.sql`update refresh_families set revoked_at = now() where id = ${familyOf(device)}`
    t.equal((await socket.closed).reason, 'LOGGED_OUT')
    t.ok(isOpen(mine))
  })

  t.test('and its tickets', async (t) => {
    const device = await login(owner)
    const answer = await ask(two, device, sessionId, { channel: 'session' })
    const { ticket } = answer.json<{ data: { ticket: string } }>().data
    await logout(device)
    t.equal(await knock(t, url(two, 'session', sessionId, ticket)), '401')
  })

  t.test('but not when it changes the password, which logs out the others', async (t) => {
    const [device, other] = [await login(owner), await login(owner)]
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
    t.equal((await kept.closed).reason, 'LOGGED_OUT', 'under its new name it is known here')
  })
})

t.test('where they are not, sockets open without one', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const { sessionId } = await startSession(server, account)
  const answer = await ask(server, account, sessionId)
  t.equal(answer.statusCode, 201, 'without a body it is for the landmarks')
  const { ticket } = answer.json<{ data: { ticket: string } }>().data
  t.equal(await knock(t, url(server, 'landmarks', sessionId, ticket)), 'admitted')
  t.equal(await knock(t, url(server, 'session', sessionId, 'used-up-long-ago')), 'admitted')
  t.equal(await knock(t, url(server, 'voice', sessionId)), 'admitted')
})

t.test('sockets of an address and of a user are limited', async (t) => {
  const open = async (t: Pick<Test, 'teardown'>, env: Record<string, string>) => {
    const server = await startTestApp(t, { env })
    const [mine, other] = [await createAccount(server), await createAccount(server)]
    const socketOf = async (account: Account) => (await startSession(server, account)).wsUrls.session
    return { server, mine, other, socketOf }
  }

  t.test('of an address, whoever they belong to', async (t) => {
    const { server, mine, other, socketOf } = await open(t, { SOCKETS_PER_ADDRESS: '3' })
    const first = await connect(t, await socketOf(mine))
    await connect(t, await socketOf(other))
    t.equal(await knock(t, url(server, 'session', 'sess_never')), 'admitted', 'to be told that it is dead')
    await eventually(
      () => knock(t, first.socket.url),
      (outcome) => outcome === 'admitted',
    )
    t.equal(await knock(t, first.socket.url), '429')
    first.socket.close()
    await eventually(
      () => knock(t, first.socket.url),
      (outcome) => outcome === 'admitted',
    )
    t.match(
      await server.app.metrics.registry.metrics(),
      /maeum_sockets_refused_total\{reason="address"\} [1-9]/,
    )
  })

  t.test('of a user, from whatever address', async (t) => {
    const { mine, other, socketOf } = await open(t, { SOCKETS_PER_USER: '2' })
    const [first, second] = [await socketOf(mine), await socketOf(mine)]
    const socket = await connect(t, first)
    t.equal(await knock(t, second), 'admitted')
    t.equal(await knock(t, first), '429')
    t.equal(await knock(t, await socketOf(other)), 'admitted', 'nobody else feels it')
    socket.socket.terminate()
    await eventually(
      () => knock(t, first),
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
