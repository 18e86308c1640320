import { createHmac } from 'node:crypto'
import { mock } from 'node:test'
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

t.test('a change of the secret logs no device out', async (t) => {
  const before = await startTestApp(t, { env: { JWT_SECRET: OLD } })
  const { database } = before
  const during = await startTestApp(t, { env: { JWT_SECRET: NEW, JWT_SECRET_PREVIOUS: OLD }, database })
  const after = await startTestApp(t, { env: { JWT_SECRET: NEW }, database })
  const account = await createAccount(before)

  t.equal(await me(during, account.accessToken), 200)
  t.equal(await me(after, account.accessToken), 401, 'invalid once the old secret is removed')
  t.equal((await refresh(after, account.refreshToken)).statusCode, 401)
  const answer = await refresh(during, account.refreshToken)
  t.equal(answer.statusCode, 200)
  const pair = answer.json<{ data: Account }>().data
  t.equal(await me(after, pair.accessToken), 200, 'new tokens are signed with the new secret')
  t.equal((await refresh(after, pair.refreshToken)).statusCode, 200)
  t.equal(await me(before, pair.accessToken), 401, 'an instance without the new secret rejects them')

  const [old, present] = [part(account.accessToken, 0)['kid'], part(pair.accessToken, 0)['kid']]
  t.ok(typeof old === 'string' && typeof present === 'string' && old !== present)
  const forge = (kid: unknown, secret: string) => {
    const head = Buffer.from(JSON.stringify({ alg: 'HS256', typ: 'JWT', kid })).toString('base64url')
    const content = `${head}.${account.accessToken.split('.')[1]}`
    return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
  }
  t.equal(await me(during, forge(old, OLD)), 200, 'a token with the right secret is accepted')
  for (const [kid, secret] of [
    [old, NEW],
    [present, OLD],
    ['another', NEW],
    [7, NEW],
    [null, NEW],
    ['__proto__', NEW],
    [undefined, OLD],
  ] as const)
    t.equal(await me(during, forge(kid, secret)), 401, `${String(kid)}: only the key named by kid is used`)
})

t.test('a logout takes effect on every instance', async (t) => {
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
  t.equal(await me(one, account.accessToken), 401, 'the access token is invalid')
  await eventually(
    () => me(two, account.accessToken),
    (status) => status === 401,
  )
  t.equal(await start(two, account), 'INVALID_TOKEN')
  t.equal(others.socket.readyState, others.socket.OPEN)
  t.equal(await me(two, bystander.accessToken), 200)
})

t.test('a logout takes effect on an instance that was started later or got no notice', async (t) => {
  const one = await startTestApp(t)
  const { database } = one
  const [early, late] = [await createAccount(one), await createAccount(one)]
  t.equal((await logout(one, early)).statusCode, 200)
  const two = await startTestApp(t, { database })
  await eventually(
    () => me(two, early.accessToken),
    (status) => status === 401,
  )
  t.equal(await me(two, late.accessToken), 200)

  const revoke = (account: Account) =>
    database.sql`update refresh_families set revoked_at = now() where user_id = ${account.id}`
  await revoke(late)
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()`
  await eventually(
    () => me(two, late.accessToken),
    (status) => status === 401,
  )
  const unheard = await createAccount(one)
  await revoke(unheard)
  await me(two, unheard.accessToken)
  await eventually(
    () => me(two, unheard.accessToken),
    (status) => status === 401,
  )
})

t.test('a logout without a notice is found within a minute', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const server = await startTestApp(t)
  const account = await createAccount(server)
  t.equal(await me(server, account.accessToken), 200)
  await eventually(
    () => server.database.sql`select 1 from refresh_families where confirmed`,
    (rows) => rows.length > 0,
  )
  await server.database.sql`update refresh_families set revoked_at = now() where user_id = ${account.id}`
  t.equal(await me(server, account.accessToken), 200)
  mock.timers.tick(60_000)
  await eventually(
    () => me(server, account.accessToken),
    (status) => status === 401,
  )
})

t.test('a password change without a notice invalidates old tokens within a minute', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const server = await startTestApp(t)
  const account = await createAccount(server)
  t.equal(await me(server, account.accessToken), 200)
  // A password change on another instance whose notice is lost.
  await server.database
    .sql`update refresh_families set id = 'another name of it' where user_id = ${account.id}`
  t.equal(await me(server, account.accessToken), 200)
  mock.timers.tick(60_000)
  await eventually(
    () => me(server, account.accessToken),
    (status) => status === 401,
  )
})

t.test('the token of a logged-out device starts no session, also without a notice', async (t) => {
  const server = await startTestApp(t)
  const { sql } = server.database
  const account = await createAccount(server)
  t.equal(await start(server, account), 'started')
  await sql`update refresh_families set revoked_at = now() where user_id = ${account.id}` // sends no notice
  t.equal(await start(server, account), 'INVALID_TOKEN')

  const gone = await createAccount(server)
  await sql`delete from users where id = ${gone.id}`
  t.equal(await start(server, gone), 'INVALID_TOKEN')
})

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

t.test('a stolen refresh token ends the sessions of its device', async (t) => {
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

t.test('a refresh token ahead of its row is accepted: the database has lost the last rotation', async (t) => {
  const one = await startTestApp(t)
  const { database } = one
  const two = await startTestApp(t, { database })
  const account = await createAccount(one)
  const socket = await connect(t, (await startSession(one, account)).wsUrls.landmarks)
  const events: unknown[] = []
  two.app.securityEvents.subscribe((event) => events.push(event))
  const renew = async (server: TestApp, token: string) => {
    const answer = await refresh(server, token)
    t.equal(answer.statusCode, 200)
    return answer.json<{ data: Account }>().data
  }
  const second = await renew(one, account.refreshToken)
  const third = await renew(one, second.refreshToken)
  t.equal(await me(one, third.accessToken), 200)
  await database.sql`update refresh_families set counter = counter - 1 where user_id = ${account.id}`
  t.equal(await me(two, third.accessToken), 200)
  const fourth = await renew(two, third.refreshToken)
  t.equal(await me(two, fourth.accessToken), 200)
  const again = await renew(two, third.refreshToken)
  t.equal(again.refreshToken, fourth.refreshToken, 'a second tab gets the same pair')
  t.same(events, [])
  t.equal(socket.socket.readyState, socket.socket.OPEN, 'no session was ended')

  t.equal(
    (await refresh(two, account.refreshToken)).statusCode,
    401,
    'an older token is still treated as stolen',
  )
  t.match(events, [{ event: 'authn_token_reuse', userId: account.id }])
  t.equal((await socket.closed).code, 1000)
})

t.test('a logout of all devices', async (t) => {
  const server = await startTestApp(t)
  const { sql } = server.database
  const login = async ({ email, password }: Account) => {
    const payload = { email, password }
    const answer = await server.app.inject({ method: 'POST', url: '/api/auth/login', payload })
    return { ...answer.json<{ data: Account }>().data, email, password }
  }
  const twoDevices = async () => {
    const here = await createAccount(server)
    return { here, elsewhere: await login(here) }
  }
  const logoutAll = async (shown: { accessToken?: string; refreshToken?: string }) => {
    const { accessToken, refreshToken } = shown
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/auth/logout',
      payload: { all: true, ...(refreshToken === undefined ? {} : { refreshToken }) },
      ...(accessToken === undefined ? {} : { headers: bearer(accessToken) }),
    })
    t.equal(answer.statusCode, 200)
  }
  const expired = (token: string) => {
    const [head = ''] = token.split('.')
    const claims = Buffer.from(JSON.stringify({ ...part(token, 1), exp: 1_700_000_000 })).toString(
      'base64url',
    )
    const mac = createHmac('sha256', 'a secret for tests, of more than 32 characters')
    return `${head}.${claims}.${mac.update(`${head}.${claims}`).digest('base64url')}`
  }

  t.test('requires a currently valid token', async (t) => {
    for (const shown of ['accessToken', 'refreshToken'] as const) {
      const { here, elsewhere } = await twoDevices()
      await logoutAll({ [shown]: here[shown] })
      for (const device of [here, elsewhere]) t.equal(await me(server, device.accessToken), 401, shown)
    }
    const { here, elsewhere } = await twoDevices()
    await logoutAll({ accessToken: expired(here.accessToken), refreshToken: here.refreshToken })
    t.equal(await me(server, elsewhere.accessToken), 401, 'an expired token with a valid refresh token')
  })

  t.test('with an expired token ends only its own device', async (t) => {
    const { here, elsewhere } = await twoDevices()
    t.equal(await me(server, expired(here.accessToken)), 401)
    await logoutAll({ accessToken: expired(here.accessToken) })
    t.equal(await me(server, here.accessToken), 401)
    t.equal(await me(server, elsewhere.accessToken), 200)
    await logoutAll({ accessToken: expired(here.accessToken) })
    t.equal(await me(server, elsewhere.accessToken), 200, 'also if that device is logged out already')
  })

  t.test('with a token of a logged-out device ends nothing', async (t) => {
    const { here, elsewhere } = await twoDevices()
    await logout(server, here)
    await logoutAll({ accessToken: here.accessToken })
    await logoutAll({ refreshToken: here.refreshToken })
    t.equal(await me(server, elsewhere.accessToken), 200)
    const [row] =
      await sql`select revoked_at from refresh_families where id = ${String(part(elsewhere.accessToken, 1)['fam'])}`
    t.equal(row?.['revoked_at'], null)
  })

  t.test('with an old refresh token ends only its own device', async (t) => {
    const { here, elsewhere } = await twoDevices()
    const second = (await refresh(server, here.refreshToken)).json<{ data: Account }>().data
    await refresh(server, second.refreshToken)
    await logoutAll({ refreshToken: here.refreshToken })
    t.equal(await me(server, second.accessToken), 401)
    t.equal(await me(server, elsewhere.accessToken), 200)
  })
})

t.test('a session ends when its device is logged out', async (t) => {
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

t.test('a password change', async (t) => {
  const one = await startTestApp(t)
  const { database } = one
  const two = await startTestApp(t, { database })
  const NEW_PASSWORD = 'three small boats'
  const change = async (server: TestApp, token: string, body: object) => {
    const answer = await server.app.inject({
      method: 'POST',
      url: '/api/user/password',
      headers: bearer(token),
      payload: body,
    })
    const { data, error } = answer.json<{ data?: Account; error?: { code: string; details?: object } }>()
    return { status: answer.statusCode, code: error?.code, details: error?.details, data }
  }
  const login = async ({ email }: Account, password: string) => {
    const answer = await one.app.inject({
      method: 'POST',
      url: '/api/auth/login',
      payload: { email, password },
    })
    return answer.statusCode === 200 ? { ...answer.json<{ data: Account }>().data, email, password } : null
  }

  t.test('logs out all other devices, on every instance, and keeps this one logged in', async (t) => {
    const account = await createAccount(one)
    const elsewhere = await login(account, account.password)
    if (elsewhere === null) return t.fail('the second device is logged in')
    const bystander = await createAccount(one)
    const events: unknown[] = []
    one.app.securityEvents.subscribe((event) => events.push(event))
    const here = await connect(t, (await startSession(two, account)).wsUrls.landmarks)
    const away = await connect(t, (await startSession(two, elsewhere)).wsUrls.landmarks)
    const others = await connect(t, (await startSession(two, bystander)).wsUrls.landmarks)
    t.equal(await me(two, elsewhere.accessToken), 200)

    const { status, data } = await change(one, account.accessToken, {
      currentPassword: account.password,
      newPassword: NEW_PASSWORD,
    })
    t.equal(status, 200)
    if (data === undefined) return t.fail('there are new tokens')
    t.equal((await away.closed).code, 1000)
    for (const old of [account, elsewhere]) {
      t.equal(await me(one, old.accessToken), 401)
      await eventually(
        () => me(two, old.accessToken),
        (found) => found === 401,
      )
      t.equal((await refresh(two, old.refreshToken)).statusCode, 401, 'copies of old tokens are invalid')
    }
    t.equal(await me(two, data.accessToken), 200, 'a use of old tokens does not end the new ones')
    for (const socket of [here, others]) t.equal(socket.socket.readyState, socket.socket.OPEN)
    const renewed = (await refresh(two, data.refreshToken)).json<{ data: Account }>().data
    t.equal(await start(two, { ...account, ...renewed }), 'started')
    t.equal(await me(two, bystander.accessToken), 200)

    t.equal(await login(account, account.password), null)
    t.ok(await login(account, NEW_PASSWORD))
    t.match(events, [{ event: 'authn_password_change', userId: account.id, details: { devices: 1 } }])
    const trail = await eventually(
      () =>
        database.sql`select details::text as details from audit_log where event = 'authn_password_change'`,
      (rows) => rows.length > 0,
    )
    t.notMatch(JSON.stringify([trail, one.log, two.log]), NEW_PASSWORD)

    // A logout ends the sessions that this device started before the change.
    await logout(one, { ...account, ...renewed })
    t.equal((await here.closed).code, 1000)
  })

  t.test('requires the current password and validates the new one as at signup', async (t) => {
    const account = await createAccount(one)
    const { accessToken, password } = account
    const wrong = await change(one, accessToken, { currentPassword: 'wrong', newPassword: NEW_PASSWORD })
    t.match(wrong, { status: 401, code: 'INVALID_CREDENTIALS' })
    t.equal(await me(one, accessToken), 200, 'a wrong password logs no device out')
    for (const newPassword of ['short', 'x'.repeat(129), 7, undefined])
      t.match(await change(one, accessToken, { currentPassword: password, newPassword }), {
        status: 400,
        code: 'VALIDATION_ERROR',
        details: [{ field: 'newPassword' }],
      })
    t.ok(await login(account, password), 'nothing has changed')
    t.match(
      await change(one, accessToken, { currentPassword: password, newPassword: 'PASSWORD123' }),
      { status: 200, data: { hints: [{ field: 'newPassword' }] } },
      'a common password is accepted with a hint',
    )
    const strict = await startTestApp(t, { database, env: { PASSWORD_BLOCKLIST: 'true' } })
    const careful = await createAccount(one)
    t.match(
      await change(strict, careful.accessToken, { currentPassword: password, newPassword: 'PASSWORD123' }),
      { status: 400, code: 'VALIDATION_ERROR', details: [{ field: 'newPassword' }] },
    )
  })

  t.test('succeeds once if two are concurrent', async (t) => {
    const blocked = async () =>
      (
        await database.sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
      ).length
    for (let round = 0; round < 3; round++) {
      const account = await createAccount(one)
      const second = await login(account, account.password)
      if (second === null) return t.fail('the second device is logged in')
      const wanted = ['the first of two', 'the second of two'] as const
      const currentPassword = account.password
      const both = await database.sql.begin(async (tx) => {
        // Both wait for the row, after their password check succeeded.
        await tx`select 1 from users where id = ${account.id} for update`
        const asked = [
          change(one, account.accessToken, { currentPassword, newPassword: wanted[0] }),
          change(two, second.accessToken, { currentPassword, newPassword: wanted[1] }),
        ]
        await eventually(blocked, (count) => count === 2)
        return { asked }
      })
      const answers = await Promise.all(both.asked)
      t.same(answers.map(({ status }) => status).toSorted(), [200, 401])
      const won = answers.findIndex(({ status }) => status === 200)
      t.ok(await login(account, wanted[won] ?? ''))
      t.equal(await login(account, wanted[1 - won] ?? ''), null)
      const devices = await database.sql`
        select 1 from refresh_families where user_id = ${account.id} and revoked_at is null`
      t.equal(devices.length, 2, 'the device that changed it, and the new login')
    }
  })

  t.test('fails for a logged-out device, also without a notice', async (t) => {
    const account = await createAccount(one)
    await database.sql`update refresh_families set revoked_at = now() where user_id = ${account.id}` // sends no notice
    t.match(
      await change(one, account.accessToken, {
        currentPassword: account.password,
        newPassword: NEW_PASSWORD,
      }),
      { status: 401, code: 'INVALID_TOKEN' },
    )
    t.ok(await login(account, account.password))
  })
})
