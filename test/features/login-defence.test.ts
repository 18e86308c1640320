import type { LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import { AppError } from '../../src/protocol/errors.ts'
import { createAttempts, getDelayMs } from '../../src/features/auth/attempts.ts'
import { createDevice } from '../../src/features/auth/device-cookie.ts'
import { createRefreshTokens } from '../../src/features/auth/families/refresh-token.ts'
import { familyRepository } from '../../src/features/auth/families/repository.ts'
import { createPasswords } from '../../src/features/auth/passwords.ts'
import { accountRepository } from '../../src/features/auth/repository.ts'
import { createAuthService } from '../../src/features/auth/service.ts'
import type { SecurityEvent } from '../../src/http/security-event.ts'
import { createAccount, startTestApp, type TestApp } from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const LIMIT = 20

/** A hash without cost, in the format of argon2. */
const hashOf = (password: string, memory = 19_456) => `$argon2id$v=19$m=${memory},t=2,p=1$${password}`
const hasher = {
  hash: (password: string | Uint8Array) => Promise.resolve(hashOf(String(password))),
  verify: (stored: string | Uint8Array, password: string | Uint8Array) =>
    Promise.resolve(String(stored).endsWith(`$${String(password)}`)),
}

type Doubles = { readonly onVerify?: () => Promise<void>; readonly hash?: typeof hasher.hash }

/** One of the instances that share a database, with the delays that it applied. */
function instanceOn(database: TestDatabase, { onVerify, hash = hasher.hash }: Doubles = {}) {
  const rehashErrors: unknown[] = []
  const waits: number[] = []
  const events: SecurityEvent[] = []
  const pause = (ms: number) => Promise.resolve(void waits.push(ms))
  const service = createAuthService({
    database,
    accounts: accountRepository,
    families: familyRepository,
    passwords: createPasswords({
      pepper: null,
      hasher: {
        hash,
        verify: async (stored, password) => {
          await onVerify?.()
          return hasher.verify(stored, password)
        },
      },
    }),
    attempts: createAttempts({ secret: SECRET, pause }),
    refreshTokens: createRefreshTokens([SECRET]),
    createDataKey: () => new Uint8Array(),
    rememberDataKey: () => undefined,
    issueAccess: () => 'access',
    refreshTtlMs: 60_000,
    refusesCommon: false,
    onLogout: () => Promise.resolve(),
    onRenamed: () => undefined,
    onRehashFailed: (error) => void rehashErrors.push(error),
    emit: (event) => void events.push(event),
  })
  type Login = Parameters<typeof service.login>[0]
  /** The outcome of a login: `in`, or the error code. */
  const login = (attempt: Partial<Login>): Promise<string> =>
    service
      .login({
        email: 'owner@example.com',
        password: 'wrong',
        address: '::1',
        device: null,
        refreshToken: null,
        ...attempt,
      })
      .then(
        () => 'in',
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
  return { service, login, waits, events, rehashErrors }
}

let addresses = 0
const newAddress = () => `198.51.100.${++addresses}`

/** Two instances on one database, and the owner of an account. */
async function twoInstances(t: Pick<Test, 'teardown'>) {
  const database = await createTestDatabase(t)
  const [one, two] = [instanceOn(database), instanceOn(database)]
  const owner = { username: 'owner', email: 'owner@example.com', password: 'right password' }
  const { user, refreshToken } = await one.service.signup({ ...owner, address: newAddress() })
  /** Wrong guesses at the account, each from another address, alternating between the instances. */
  const attack = async (guesses: number) => {
    for (let i = 0; i < guesses; i++) await (i % 2 === 0 ? one : two).login({ address: newAddress() })
  }
  return { database, one, two, user, refreshToken, attack, right: { password: owner.password } }
}

t.test('each failure beyond the first five doubles the delay, up to a limit', (t) => {
  t.same([0, 4, 5, 6, 9, 10, 11, 1000].map(getDelayMs), [0, 0, 250, 500, 4000, 8000, 8000, 8000])
  t.end()
})

t.test('guesses at an account are counted over all instances and addresses', async (t) => {
  const { one, two, attack } = await twoInstances(t)
  await attack(5)
  t.same([...one.waits, ...two.waits], [])
  await two.login({ address: newAddress() })
  t.same(two.waits, [250])
  await one.login({ address: newAddress(), email: ' OWNER@example.com ' })
  t.same(one.waits, [500], 'also in another spelling of the e-mail')
  for (let i = 0; i < 6; i++) await one.login({ email: 'unknown@example.com', address: newAddress() })
  t.same(one.waits, [500, 250], 'an unknown e-mail is treated as a known one')
})

t.test('wrong passwords sent with a stolen token count as failed logins', async (t) => {
  const { one, two, user, right } = await twoInstances(t)
  const who = { userId: user.id, familyId: 'stolen', counter: 1 }
  const guess = (currentPassword: string) =>
    two.service.changePassword(who, { currentPassword, newPassword: 'quite another', address: newAddress() })
  for (let i = 0; i < LIMIT; i++) await t.rejects(guess('wrong'), { message: 'INVALID_CREDENTIALS' })
  await t.rejects(guess(right.password), { message: 'TOO_MANY_ATTEMPTS' }, 'right or wrong')
  t.equal(await one.login({ address: newAddress() }), 'INVALID_CREDENTIALS')
  t.same(one.waits, [8000])
  t.equal(two.events.filter(({ event }) => event === 'authn_login_fail').length, LIMIT)
})

t.test('the owner can always log in, from any address after the longest delay', async (t) => {
  const { one, two, attack, right } = await twoInstances(t)
  await attack(100)
  two.waits.length = 0
  t.equal(await two.login({ ...right, address: newAddress() }), 'in')
  t.same(two.waits, [8000])
  t.equal(await one.login({ ...right, address: newAddress() }), 'in')
  t.equal(await two.login({ ...right, address: newAddress() }), 'in')
  t.same(two.waits, [8000], 'no delay after that')
})

t.test('guesses of other clients do not delay a device that has logged in before', async (t) => {
  const { database, one, user, refreshToken, attack, right } = await twoInstances(t)
  const otherUser = await one.service.signup({
    username: 'other',
    email: 'other@example.com',
    password: 'another password',
    address: newAddress(),
  })
  const isDelayed = async (proof: Partial<Parameters<typeof one.login>[0]>) => {
    await attack(12) // again, because a login resets the counter
    one.waits.length = 0
    t.equal(await one.login({ ...right, address: newAddress(), ...proof }), 'in')
    return one.waits.length > 0
  }
  t.equal(await isDelayed({ device: createDevice(user.id) }), false)
  t.equal(await isDelayed({ refreshToken }), false)
  t.equal(
    await isDelayed({ device: createDevice(otherUser.user.id), refreshToken }),
    false,
    'own token, cookie of another user',
  )
  t.equal(
    await isDelayed({ device: createDevice(user.id), refreshToken: otherUser.refreshToken }),
    false,
    'own cookie, token of another user',
  )
  t.equal(await isDelayed({}), true, 'no cookie and no token')
  t.equal(await isDelayed({ device: createDevice(otherUser.user.id) }), true, "another account's device")
  t.equal(await isDelayed({ refreshToken: otherUser.refreshToken }), true, "another account's token")
  t.equal(await isDelayed({ refreshToken: refreshToken.replace('.1.', '.2.') }), true, 'a forged token')
  const familyId = refreshToken.split('.')[1] ?? ''
  const ahead = createRefreshTokens([SECRET]).write({ familyId, counter: 3 })
  t.equal(await isDelayed({ refreshToken: ahead }), false, 'a token of a rotation that the database has lost')
  await database.sql`update refresh_families set revoked_at = now() where user_id = ${user.id}`
  t.equal(await isDelayed({ refreshToken }), true, 'a token of a logged-out device')
})

t.test('failures of a known device count for that device only', async (t) => {
  const { one, user, right } = await twoInstances(t)
  const device = createDevice(user.id)
  const address = newAddress()
  for (let i = 0; i < LIMIT; i++) t.equal(await one.login({ device, address }), 'INVALID_CREDENTIALS')
  t.same(one.waits, [], 'no delay up to the limit')
  t.equal(await one.login({ ...right, address }), 'in', 'other clients of the address are not affected')
  for (let i = 0; i < 6; i++) await one.login({ device, address })
  t.same(one.waits, [250], 'beyond the limit it counts as an unknown device')
})

t.test('failures with a known token count for its device only, with any cookie', async (t) => {
  const { one, refreshToken } = await twoInstances(t)
  const address = newAddress()
  for (let i = 0; i < LIMIT + 5; i++)
    t.equal(await one.login({ refreshToken, device: createDevice(1000 + i), address }), 'INVALID_CREDENTIALS')
  t.same(one.waits, [], 'no delay up to the limit')
  await one.login({ refreshToken, device: createDevice(1000), address })
  t.same(one.waits, [250], 'beyond the limit it counts as an unknown device, also with a new cookie')
})

t.test('an address is refused after twenty failures in ten minutes, on every instance', async (t) => {
  const { database, one, two, user, right } = await twoInstances(t)
  const address = '203.0.113.1'
  for (let i = 0; i < LIMIT; i++)
    t.equal(
      await (i % 2 === 0 ? one : two).login({ address, email: `p${i}@example.com` }),
      'INVALID_CREDENTIALS',
    )
  for (const { login } of [one, two])
    t.equal(await login({ ...right, address }), 'TOO_MANY_ATTEMPTS', 'even with the right password')
  let hashes = 0
  const counting = instanceOn(database, {
    onVerify: () => {
      hashes++
      return Promise.resolve()
    },
  })
  await counting.login({ ...right, address })
  t.equal(hashes, 0, 'no hash is computed')
  t.equal(await one.login({ ...right, address: '203.0.113.2' }), 'in')
  t.equal(
    await one.login({ ...right, address, device: createDevice(user.id) }),
    'in',
    'a known device is not refused',
  )
  t.ok(one.events.some(({ event }) => event === 'authn_login_throttled'))

  await database.sql`update throttles set first_at = first_at - interval '11 minutes'`
  t.equal(await two.login({ ...right, address }), 'in', 'not refused later')
  t.equal(await two.login({ address }), 'INVALID_CREDENTIALS')
})

t.test('a large network is refused even if none of its addresses has reached the limit', async (t) => {
  const { database, one, two, user, right } = await twoInstances(t)
  const guessFrom = async (place: number) => {
    const address = `2001:db8:7:${place.toString(16)}::`
    const outcomes: string[] = []
    for (let i = 0; i < LIMIT; i++)
      outcomes.push(await (i % 2 === 0 ? one : two).login({ address, email: `p${i}@example.com` }))
    return outcomes
  }
  const first = await Promise.all(Array.from({ length: 10 }, (_, place) => guessFrom(place)))
  t.same(new Set(first.flat()), new Set(['INVALID_CREDENTIALS']))
  const more = await Promise.all(Array.from({ length: 20 }, (_, place) => guessFrom(10 + place)))
  const counts = [...first, ...more].flat().filter((outcome) => outcome === 'INVALID_CREDENTIALS').length
  t.equal(counts, 20 * LIMIT, 'as many as for twenty addresses')
  const address = '2001:db8:7:ffff::'
  for (const { login } of [one, two]) t.equal(await login({ ...right, address }), 'TOO_MANY_ATTEMPTS')
  let hashes = 0
  const counting = instanceOn(database, {
    onVerify: async () => {
      hashes++
    },
  })
  await counting.login({ ...right, address })
  t.equal(hashes, 0, 'no hash is computed')
  t.equal(await one.login({ ...right, address: '2001:db8:8::' }), 'in', 'another network is not refused')
  t.equal(
    await one.login({ ...right, address, device: createDevice(user.id) }),
    'in',
    'a known device is not refused',
  )
  const signup = { username: 'owner', email: 'owner@example.com', password: right.password }
  const probeFrom = (place: number) =>
    one.service
      .signup({ ...signup, address: `2001:db8:9:${place.toString(16)}::` })
      .catch((error: unknown) => (error instanceof Error ? error.message : ''))
  for (let i = 0; i < 20 * LIMIT; i++) await probeFrom(i)
  t.equal(await probeFrom(5000), 'TOO_MANY_ATTEMPTS', 'the network cannot probe for taken names')

  await database.sql`update throttles set first_at = first_at - interval '11 minutes'`
  t.equal(await two.login({ ...right, address }), 'in', 'not refused later')
})

t.test('a successful login does not reset the counter of an address', async (t) => {
  const { one, right } = await twoInstances(t)
  const address = '203.0.113.1'
  for (let i = 0; i < LIMIT - 1; i++) await one.login({ address, email: `p${i}@example.com` })
  t.equal(await one.login({ ...right, address }), 'in')
  t.equal(await one.login({ address }), 'INVALID_CREDENTIALS')
  t.equal(await one.login({ ...right, address }), 'TOO_MANY_ATTEMPTS')
})

t.test('concurrent guesses are all counted', async (t) => {
  const { database, one, right } = await twoInstances(t)
  const address = '203.0.113.1'
  const burst = await Promise.all(
    Array.from({ length: 60 }, (_, i) => one.login({ address, email: `p${i}@example.com` })),
  )
  t.equal(burst.filter((outcome) => outcome === 'INVALID_CREDENTIALS').length, LIMIT)
  t.equal(burst.filter((outcome) => outcome === 'TOO_MANY_ATTEMPTS').length, 40)

  const late = '203.0.113.9'
  const overtaken = instanceOn(database, {
    onVerify: async () => {
      for (let i = 0; i < LIMIT; i++) await one.login({ address: late, email: `q${i}@example.com` })
    },
  })
  t.equal(
    await overtaken.login({ ...right, address: late }),
    'TOO_MANY_ATTEMPTS',
    'a right password among them is refused too',
  )
})

t.test('waiting logins are limited, and end with the server', async (t) => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const attempts = createAttempts({
    secret: SECRET,
    pause: (_ms, signal) =>
      Promise.race([held, new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))]),
  })
  const outcomeOf = (waiting: Promise<void>) =>
    waiting.then(
      () => 'waited',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
  let accounts = 0
  const slow = (address: string, account = `account ${++accounts}`) =>
    outcomeOf(attempts.delay(30, { account, address }))
  const ofOne = Array.from({ length: 11 }, () => slow('203.0.113.1'))
  t.equal(await ofOne.at(-1), 'TOO_MANY_ATTEMPTS', 'per address')
  const atOne = Array.from({ length: 21 }, (_, i) => slow(`198.51.100.${i}`, 'one account'))
  t.equal(await atOne.at(-1), 'TOO_MANY_ATTEMPTS', 'per account, from different addresses')
  const nearOne = Array.from({ length: 201 }, (_, i) => slow(`2001:db8:1:${i.toString(16)}::`))
  t.equal(await nearOne.at(-1), 'TOO_MANY_ATTEMPTS', 'per large network')
  const others = Array.from({ length: 1771 }, (_, i) => slow(`address ${i}`))
  t.equal(await others.at(-1), 'SERVER_BUSY', 'in all')
  attempts.close()
  const outcomes = await Promise.all([...ofOne, ...atOne, ...nearOne, ...others])
  t.equal(outcomes.filter((outcome) => outcome === 'waited').length, 2000)
  release()
})

t.test('a password is rehashed with the current parameters at login', async (t) => {
  const { database, one, right } = await twoInstances(t)
  const stored = async () => {
    const [row] = await database.sql<{ hash: string }[]>`select password_hash as hash from users`
    return row?.hash
  }
  await database.sql`update users set password_hash = ${hashOf(right.password, 4096)}`
  await one.login({ address: newAddress() })
  t.match(await stored(), 'm=4096', 'not for a wrong password')
  t.equal(await one.login({ ...right, address: newAddress() }), 'in')
  t.equal(await stored(), hashOf(right.password))
})

t.test('a login succeeds even if the password cannot be rehashed', async (t) => {
  const { database, right } = await twoInstances(t)
  const old = hashOf(right.password, 4096)
  await database.sql`update users set password_hash = ${old}`
  const busy = instanceOn(database, {
    hash: (password) =>
      password === right.password ? Promise.reject(new AppError('SERVER_BUSY')) : hasher.hash(password),
  })
  t.equal(await busy.login({ ...right, address: newAddress() }), 'in')
  t.same(await database.sql`select password_hash as hash from users`, [{ hash: old }])
  t.match(busy.rehashErrors, [{ message: 'SERVER_BUSY' }], 'the error is reported')
})

t.test('counters contain neither e-mails nor addresses, and are deleted after they expire', async (t) => {
  const { database, one } = await twoInstances(t)
  await one.login({ address: '203.0.113.77', email: 'private-name@example.com' })
  const { sql } = database
  const keys = async () => JSON.stringify(await sql`select key from throttles`)
  t.notMatch(await keys(), /private-name|203\.0\.113/)
  await accountRepository.deleteStaleFailures(sql, 100)
  t.not(await keys(), '[]')
  await sql`update throttles set last_at = now() - interval '11 minutes'`
  await accountRepository.deleteStaleFailures(sql, 100)
  t.equal(await keys(), '[]')
})

type Options = { readonly headers?: Record<string, string>; readonly remoteAddress?: string }

const post = ({ app }: TestApp, route: string, payload: object, options: Options = {}) =>
  app.inject({ method: 'POST', url: `/api/auth/${route}`, payload, ...options })
const code = (answer: LightMyRequestResponse) =>
  answer.statusCode < 400
    ? String(answer.statusCode)
    : `${answer.statusCode} ${answer.json<{ error: { code: string } }>().error.code}`

/** The device cookie of a response: the pair that a browser sends back, and the attributes. */
const cookieOf = (answer: LightMyRequestResponse) => {
  const [pair = '', ...attributes] = String(answer.headers['set-cookie']).split('; ')
  return { pair, attributes }
}

t.test('over HTTP', async (t) => {
  const server = await startTestApp(t)
  const { email, password } = await createAccount(server)
  const events: SecurityEvent[] = []
  server.app.securityEvents.subscribe((event) => events.push(event))
  const spend = async (options: (i: number) => Options) => {
    for (let i = 0; i < LIMIT; i++)
      t.equal(
        code(await post(server, 'login', { email: `x${i}@example.com`, password }, options(i))).slice(0, 3),
        '401',
      )
  }

  t.test('a rotating forwarded address is ignored', async (t) => {
    const from = (i: number) => ({
      remoteAddress: '203.0.113.1',
      headers: {
        'x-forwarded-for': `198.51.100.${i}`,
        forwarded: `for=198.51.100.${i}`,
        'x-real-ip': '10.0.0.1',
      },
    })
    await spend(from)
    const refused = await post(server, 'login', { email, password }, from(99))
    t.equal(code(refused), '429 TOO_MANY_ATTEMPTS')
    const wait = Number(refused.headers['retry-after'])
    t.ok(wait > 0 && wait <= 600, `Retry-After is ${wait} s`)
    t.ok(events.some(({ event, address }) => event === 'authn_login_throttled' && address === '203.0.113.1'))
  })

  t.test('a device is recognised only by its signed cookie', async (t) => {
    const remoteAddress = '203.0.113.2'
    const first = await post(server, 'login', { email, password }, { remoteAddress })
    const { pair, attributes } = cookieOf(first)
    t.same(attributes.filter((name) => !name.startsWith('Max-Age')).sort(), [
      'HttpOnly',
      'Path=/api/auth',
      'SameSite=Lax',
    ])
    t.notMatch(first.body, pair)
    await spend(() => ({ remoteAddress }))
    const attempt = async (headers: Record<string, string>) =>
      code(await post(server, 'login', { email, password }, { remoteAddress, headers }))
    t.equal(await attempt({ cookie: pair }), '200')
    t.equal(await attempt({}), '429 TOO_MANY_ATTEMPTS')
    t.equal(await attempt({ 'x-device-id': pair.split('=')[1] ?? '' }), '429 TOO_MANY_ATTEMPTS')
    const [name = '', value = ''] = pair.split('=')
    for (const forged of [value.slice(0, -2), `1${value}`, value.split('.').slice(0, 3).join('.'), 'x', ''])
      t.equal(await attempt({ cookie: `${name}=${forged}` }), '429 TOO_MANY_ATTEMPTS', 'forged')
    const other = cookieOf(
      await post(server, 'signup', { username: 'other', email: 'other@example.com', password }),
    )
    t.equal(await attempt({ cookie: other.pair }), '429 TOO_MANY_ATTEMPTS', "another account's")
  })

  t.test('probing for taken names is limited', async (t) => {
    const signup = (remoteAddress: string, name: string) =>
      post(server, 'signup', { username: name, email, password }, { remoteAddress })
    for (let i = 0; i < LIMIT; i++) t.equal(code(await signup('203.0.113.3', `n${i}`)), '409 USER_EXISTS')
    t.equal(code(await signup('203.0.113.3', 'n20')), '429 TOO_MANY_ATTEMPTS')
    t.equal(code(await signup('203.0.113.4', 'n20')), '409 USER_EXISTS', 'not limited from another address')
  })

  t.test('security events are emitted, without passwords', (t) => {
    const emitted = new Set(events.map(({ event }) => event))
    t.match([...emitted].sort(), [
      'authn_login_fail',
      'authn_login_success',
      'authn_login_throttled',
      'user_created',
    ])
    t.notMatch(JSON.stringify(events), new RegExp(`${password}|${email}`))
    t.end()
  })
})

t.test('the cookie is Secure if the server is published over TLS', async (t) => {
  const server = await startTestApp(t, { env: { PUBLIC_URL: 'https://maeum.example.com' } })
  const { email, password } = await createAccount(server)
  t.ok(cookieOf(await post(server, 'login', { email, password })).attributes.includes('Secure'))
})

t.test('signups of one address are limited, with any bearer token', async (t) => {
  const server = await startTestApp(t, { env: { RATE_LIMIT_MAX: '30' } })
  const bearers: string[] = []
  for (let i = 0; i < LIMIT; i++) bearers.push((await createAccount(server)).accessToken)
  const signup = (i: number, options: Options) =>
    post(server, 'signup', { username: `p${i}`, email: 'no mail', password: 'x' }, options)
  const headers = (i: number) => ({ authorization: `Bearer ${bearers[i]}` })
  for (let i = 0; i < 5; i++) t.equal(code(await signup(i, { headers: headers(i) })), '429 RATE_LIMITED')
  t.equal(code(await signup(6, { remoteAddress: '203.0.113.6' })), '400 VALIDATION_ERROR')

  t.test('signups of a large network are limited', async (t) => {
    let admitted = 0
    for (let i = 0; admitted === i && i <= 20 * LIMIT; i++) {
      const answer = await signup(i, { remoteAddress: `2001:db8:1:${i.toString(16)}::1` })
      if (code(answer) === '400 VALIDATION_ERROR') admitted++
      else t.equal(code(answer), '429 RATE_LIMITED')
    }
    t.equal(admitted, 20 * LIMIT)
  })
})

t.test('routes without a login count for the address, with any bearer token', async (t) => {
  const server = await startTestApp(t, { env: { RATE_LIMIT_MAX: '40' } })
  const bearers: string[] = []
  for (let i = 0; i < 5; i++) bearers.push((await createAccount(server)).accessToken)
  let next = 0
  const ask = async (url: string, remoteAddress: string, payload: object = {}) => {
    const headers = { authorization: `Bearer ${bearers[next++ % 5]}` }
    const answer = await server.app.inject({ method: 'POST', url, payload, headers, remoteAddress })
    return answer.statusCode
  }
  for (const [url, remoteAddress] of [
    ['/api/auth/login', '203.0.113.1'],
    ['/api/auth/refresh', '203.0.113.2'],
    ['/api/nothing', '203.0.113.3'],
  ] as const) {
    for (let i = 0; i < 40; i++) t.not(await ask(url, remoteAddress), 429, url)
    t.equal(await ask(url, remoteAddress), 429, url)
  }
  for (let i = 0; i < 120; i++) t.not(await ask('/api/analytics/vitals', '203.0.113.4'), 429)
  t.equal(await ask('/api/analytics/vitals', '203.0.113.4'), 429)
  t.equal(await ask('/api/session/start', '203.0.113.1'), 201, 'routes with a login count for the user')
  for (let i = 0; i < 40; i++) t.not(await ask('/api/auth/logout', '203.0.113.5'), 429)
  t.equal(await ask('/api/auth/logout', '203.0.113.5'), 429)
})

t.test('bodies before a login are limited to 16 KiB', async (t) => {
  const server = await startTestApp(t)
  const payload = (size: number) => ({ email: 'x@example.com', password: 'x', more: 'x'.repeat(size) })
  for (const route of ['signup', 'login', 'refresh', 'logout']) {
    t.not((await post(server, route, payload(15_000))).statusCode, 413, route)
    t.equal(code(await post(server, route, payload(16_384))), '413 BODY_TOO_LARGE', route)
  }
})

t.test('common passwords are refused if configured', async (t) => {
  const server = await startTestApp(t, { env: { PASSWORD_BLOCKLIST: 'true' } })
  const signup = (username: string, password: string, headers: Record<string, string> = {}) =>
    post(server, 'signup', { username, email: `${username}@example.com`, password }, { headers })
  for (const common of ['password123', 'PassWord123', '12345678', 'qwertyuiop'])
    t.equal(code(await signup('common', common)), '400 VALIDATION_ERROR', common)
  t.match((await signup('common', 'password123', { 'accept-language': 'en' })).json(), {
    error: {
      details: [{ field: 'password', message: 'is a common password; choose a less common one' }],
    },
  })
  const fine = await signup('uncommon', '강물은 조용히 흐른다')
  t.equal(fine.statusCode, 201)
  t.equal(fine.json<{ data: { hints?: unknown } }>().data.hints, undefined)
})
