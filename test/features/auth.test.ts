import { createHmac } from 'node:crypto'
import * as argon2 from '@node-rs/argon2'
import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { createAttempts } from '../../src/features/auth/attempts.ts'
import { createRefreshTokens } from '../../src/features/auth/families/refresh-token.ts'
import { familyRepository } from '../../src/features/auth/families/repository.ts'
import { createPasswords } from '../../src/features/auth/passwords.ts'
import { accountRepository } from '../../src/features/auth/repository.ts'
import { createAuthService } from '../../src/features/auth/service.ts'
import { bearer, connect, createAccount, startSession, startTestApp, type TestApp } from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const HS256 = { alg: 'HS256', typ: 'JWT' }
const WRONG_LOGIN = '이메일 또는 비밀번호가 올바르지 않습니다.'

type Pair = { accessToken: string; refreshToken: string }
type User = { id: number; username: string; email: string; profileImage: string | null }
type Refusal = { error: { code: string; message: string; details?: { field: string; message: string }[] } }

/** Calls to the account routes of one server. */
function caller({ app }: Pick<TestApp, 'app'>) {
  const post =
    (route: string) =>
    (payload?: object, headers: Record<string, string> = {}, remoteAddress = '127.0.0.1') =>
      app.inject({
        method: 'POST',
        url: `/api/auth/${route}`,
        headers,
        remoteAddress,
        ...(payload === undefined ? {} : { payload }),
      })
  return {
    signup: post('signup'),
    login: post('login'),
    refresh: post('refresh'),
    logout: post('logout'),
    me: (token: string) => app.inject({ url: '/api/auth/me', headers: bearer(token) }),
    profile: (token: string, payload: object) =>
      app.inject({ method: 'PUT', url: '/api/auth/profile', headers: bearer(token), payload }),
  }
}

/** Each route returns some of these fields. */
const data = (answer: LightMyRequestResponse) =>
  answer.json<{ data: Pair & { user: User; hints?: object[] } }>().data
const code = (answer: LightMyRequestResponse) =>
  answer.statusCode < 400
    ? String(answer.statusCode)
    : `${answer.statusCode} ${answer.json<Refusal>().error.code}`

let people = 0
const person = (overrides: object = {}) => {
  people++
  return {
    username: `person ${people}`,
    email: `person${people}@example.com`,
    password: 'password123',
    ...overrides,
  }
}

/** Creates a token with any claims, signed with the algorithm of its header. */
function forge(payload: object, header: { alg: string; typ?: string } = HS256, secret = SECRET): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const content = `${part(header)}.${part(payload)}`
  const hash = header.alg === 'HS512' ? 'sha512' : 'sha256'
  return `${content}.${createHmac(hash, secret).update(content).digest('base64url')}`
}

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>

t.test('signup', async (t) => {
  const server = await startTestApp(t)
  const { signup, login } = caller(server)

  t.test('creates an account and logs in', async (t) => {
    const answer = await signup({
      username: ' 하늘 ',
      email: ' Haneul@Example.COM ',
      password: 'password123',
    })
    t.equal(answer.statusCode, 201)
    const { user, accessToken, refreshToken, hints, ...rest } = data(answer)
    t.same(user, { id: user.id, username: '하늘', email: 'haneul@example.com', profileImage: null })
    t.type(user.id, 'number')
    t.same(rest, {})
    t.not(accessToken, refreshToken)
    t.match(hints, [{ field: 'password', message: /흔히 사용되는/ }], 'a common password')
    t.notMatch(answer.body, /password123|hash|argon/i)
    t.equal((await caller(server).me(accessToken)).statusCode, 200)
    const [row] = await server.database.sql<{ hash: string }[]>`
      select password_hash as hash from users where id = ${user.id}`
    t.match(row?.hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  })

  t.test('refuses a taken e-mail or name, also in another spelling', async (t) => {
    const first = person({ username: 'Bada', email: 'bada@example.com' })
    await signup(first)
    t.equal(code(await signup(person({ email: 'BADA@example.com' }))), '409 USER_EXISTS')
    t.equal(code(await signup(person({ email: '  bada@example.com ' }))), '409 USER_EXISTS')
    t.equal(code(await signup(person({ username: 'bADA' }))), '409 USERNAME_EXISTS')
    t.equal(code(await signup(person({ username: ' bada ' }))), '409 USERNAME_EXISTS')
    t.equal(code(await signup(first)), '409 USER_EXISTS', 'both taken: the e-mail is reported')
    await signup(person({ username: 'é하늘' }))
    t.equal(code(await signup(person({ username: 'é하늘'.normalize('NFD') }))), '409 USERNAME_EXISTS')
  })

  t.test('of two concurrent signups one succeeds and the other gets an error', async (t) => {
    const same = person()
    const byEmail = await Promise.all([signup(same), signup({ ...same, username: 'another one' })])
    t.same(byEmail.map((answer) => answer.statusCode).toSorted(), [201, 409])
    t.ok(byEmail.some((answer) => code(answer) === '409 USER_EXISTS'))

    const named = person()
    const byName = await Promise.all([signup(named), signup({ ...named, email: 'else@example.com' })])
    t.same(byName.map((answer) => answer.statusCode).toSorted(), [201, 409])
    t.ok(byName.some((answer) => code(answer) === '409 USERNAME_EXISTS'))
  })

  t.test('lists each invalid field', async (t) => {
    const faults: [overrides: object, fields: string[]][] = [
      [{ username: 'a' }, ['username']],
      [{ username: '   ' }, ['username']],
      [{ username: ' a ' }, ['username']],
      [{ username: '가'.repeat(51) }, ['username']],
      [{ username: ['aa'] }, ['username']],
      [{ username: '\u3164\u3164' }, ['username']],
      [{ username: 'mi\u200dna' }, ['username']],
      [{ username: 'mina\u202e' }, ['username']],
      [{ email: 'a\u200b@example.com' }, ['email']],
      [{ email: 'mina\u202e@example.com' }, ['email']],
      [{ email: 'no-at-sign' }, ['email']],
      [{ email: 'no body@example.com' }, ['email']],
      [{ email: `${'x'.repeat(96)}@b.kr` }, ['email']],
      [{ email: null }, ['email']],
      [{ password: 'short12' }, ['password']],
      [{ password: 'x'.repeat(129) }, ['password']],
      [{ password: 12345678 }, ['password']],
      [{ username: 'a', email: 'x', password: 'y' }, ['email', 'password', 'username']],
      [{ username: undefined, email: undefined, password: undefined }, ['email', 'password', 'username']],
    ]
    for (const [overrides, fields] of faults) {
      const answer = await signup(person(overrides))
      t.equal(code(answer), '400 VALIDATION_ERROR')
      const { details = [] } = answer.json<Refusal>().error
      t.same(details.map(({ field }) => field).toSorted(), fields, JSON.stringify(overrides).slice(0, 60))
      t.ok(details.every(({ message }) => message.length > 0))
    }
    t.equal((await signup(person({ username: '가나', password: 'x'.repeat(128) }))).statusCode, 201)
    t.equal((await signup(person({ username: '가'.repeat(50) }))).statusCode, 201)
    t.equal((await signup(person({ username: '👩‍👩‍👧 \u3000family' }))).statusCode, 201)
    t.equal(
      code(await signup(person({ username: '👩‍👩‍👧 family' }))),
      '409 USERNAME_EXISTS',
      'all blanks are equal',
    )
    t.equal((await signup(person({ email: `${'x'.repeat(95)}@b.kr` }))).statusCode, 201)
  })

  t.test('counts the characters of a password in composed form, not its code units', async (t) => {
    const status = async (password: string) => (await signup(person({ password }))).statusCode
    t.equal(await status('😀'.repeat(7)), 400)
    t.equal(await status('😀'.repeat(8)), 201)
    t.equal(await status('😀'.repeat(128)), 201)
    t.equal(await status('😀'.repeat(129)), 400)
    t.equal(await status('비밀번호'.normalize('NFD')), 400, 'four characters, though ten code points')
    t.equal(await status('비밀번호여덟글자'.normalize('NFD')), 201)
    t.equal(await status('각'.repeat(128).normalize('NFD')), 201, '128 characters, though 384 code points')
    t.equal(await status('password123'), 201, 'the published example')

    const composed = person({ password: 'é비밀번호-abc'.normalize('NFC') })
    await signup(composed)
    const decomposed = { email: composed.email, password: composed.password.normalize('NFD') }
    t.equal((await login(decomposed)).statusCode, 200, 'decomposed by another keyboard')
    t.equal(
      (await login({ ...decomposed, password: ` ${composed.password}` })).statusCode,
      401,
      'spaces count',
    )
  })
})

t.test('login', async (t) => {
  const server = await startTestApp(t)
  const { signup, login } = caller(server)
  const account = person()
  const user = data(await signup(account)).user

  t.test('returns the same as signup', async (t) => {
    const answer = await login({
      email: ` ${account.email.toUpperCase()} `,
      password: account.password,
    })
    t.equal(answer.statusCode, 200)
    const session = data(answer)
    t.same(Object.keys(session).toSorted(), ['accessToken', 'refreshToken', 'user'])
    t.same(session.user, user)
    const claims = claimsOf(session.accessToken)
    t.match(claims, { sub: String(user.id), typ: 'access' })
    t.equal(Number(claims['exp']) - Number(claims['iat']), 15 * 60)
  })

  t.test('returns the same error for an unknown e-mail and a wrong password', async (t) => {
    const unknown = await login({ email: 'unknown@example.com', password: account.password })
    const wrong = await login({ email: account.email, password: 'password124' })
    for (const answer of [unknown, wrong]) {
      t.equal(code(answer), '401 INVALID_CREDENTIALS')
      t.equal(answer.json<Refusal>().error.message, WRONG_LOGIN)
      t.same(Object.keys(answer.json<Refusal>().error), ['code', 'message', 'requestId'])
    }
    const upper = await login({ email: account.email, password: account.password.toUpperCase() })
    t.equal(code(upper), '401 INVALID_CREDENTIALS')
    t.equal(code(await login({ email: account.email, password: '' })), '400 VALIDATION_ERROR')
    t.equal(code(await login({ email: account.email })), '400 VALIDATION_ERROR')
    t.equal(code(await login({ email: { $ne: '' }, password: 'x' })), '400 VALIDATION_ERROR')
    t.equal(code(await login({ email: `' or 1=1 --`, password: 'x' })), '401 INVALID_CREDENTIALS')
  })
})

t.test('an unknown e-mail costs as much as a wrong password: one hash is verified', async (t) => {
  const database = await createTestDatabase(t)
  let work: string[] = []
  const hasher = {
    hash: (...args: Parameters<typeof argon2.hash>) => {
      work.push('hash')
      return argon2.hash(...args)
    },
    verify: (...args: Parameters<typeof argon2.verify>) => {
      work.push('verify')
      return argon2.verify(...args)
    },
  }
  const passwords = createPasswords({ pepper: null, hasher })
  await passwords.prepare()
  const service = createAuthService({
    database,
    accounts: accountRepository,
    families: familyRepository,
    passwords,
    attempts: createAttempts({ secret: SECRET, pause: () => Promise.resolve() }),
    refreshTokens: createRefreshTokens([SECRET]),
    createDataKey: () => new Uint8Array(),
    rememberDataKey: () => undefined,
    issueAccess: () => 'access',
    refreshTtlMs: 60_000,
    refusesCommon: false,
    onLogout: () => Promise.resolve(),
    onRenamed: () => undefined,
    onRehashFailed: () => undefined,
    emit: () => undefined,
  })
  await service.signup({ ...person({ email: 'known@example.com' }), address: '::1' })
  const workOf = async (email: string, password: string) => {
    work = []
    const unknownDevice = { address: '::1', device: null, refreshToken: null }
    await service.login({ email, password, ...unknownDevice }).catch(() => undefined)
    return work
  }
  t.same(await workOf('known@example.com', 'wrong password'), ['verify'])
  t.same(await workOf('unknown@example.com', 'wrong password'), ['verify'])
  t.same(await workOf('known@example.com', 'password123'), ['verify'])
})

t.test('a pepper is part of every hash', async (t) => {
  const [plain, peppered] = [createPasswords({ pepper: null }), createPasswords({ pepper: 'pepper' })]
  const stored = await peppered.hash('password123')
  t.equal(await peppered.verify(stored, 'password123'), true)
  t.equal(await plain.verify(stored, 'password123'), false)
  t.notMatch(stored, 'pepper')
})

t.test('hashes beyond the queue limit are refused, and the others continue', async (t) => {
  const { promise: gate, resolve: open } = withResolvers()
  const hasher = { hash: () => gate.then(() => 'hash'), verify: argon2.verify }
  const { hash } = createPasswords({ pepper: null, hasher })
  const asked = Array.from({ length: 400 }, () =>
    hash('x').then(
      () => 'done',
      (error: unknown) => (error instanceof Error ? error.message : 'no error'),
    ),
  )
  t.equal(await asked.at(-1), 'SERVER_BUSY')
  open()
  const outcomes = await Promise.all(asked)
  t.ok(outcomes.filter((outcome) => outcome === 'done').length >= 256)
  t.equal(await hash('later'), 'hash')
})

function withResolvers() {
  let resolve: () => void = () => undefined
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

t.test('refresh', async (t) => {
  const server = await startTestApp(t)
  const { sql } = server.database
  const { refresh, me } = caller(server)
  const rotated = async (refreshToken: string) => data(await refresh({ refreshToken }))
  const device = async () => {
    const { refreshToken, accessToken } = await createAccount(server)
    return { refreshToken, accessToken, family: refreshToken.split('.')[1] ?? '' }
  }
  const age = (family: string, confirmed: boolean) => sql`
    update refresh_families set rotated_at = now() - interval '61 seconds', confirmed = ${confirmed}
    where id = ${family}`

  /** `confirmed` is written asynchronously. */
  const confirmedInDatabase = (family: string) =>
    eventually(
      () => sql<{ confirmed: boolean }[]>`select confirmed from refresh_families where id = ${family}`,
      ([row]) => row?.confirmed === true,
    )

  t.test('returns both tokens and rotates the refresh token each time', async (t) => {
    const { refreshToken } = await device()
    const answer = await refresh({ refreshToken })
    t.equal(answer.statusCode, 200)
    const pair = data(answer)
    t.same(Object.keys(pair).toSorted(), ['accessToken', 'refreshToken'])
    t.not(pair.refreshToken, refreshToken)
    t.equal((await me(pair.accessToken)).statusCode, 200)
    const third = await rotated(pair.refreshToken)
    t.not(third.refreshToken, pair.refreshToken)
  })

  t.test('fifty concurrent tabs get one pair and stay logged in', async (t) => {
    const { refreshToken } = await device()
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh({ refreshToken })))
    t.ok(answers.every((answer) => answer.statusCode === 200))
    const tokens = new Set(answers.map((answer) => data(answer).refreshToken))
    t.equal(tokens.size, 1, 'all have the same current token')
    const access = await Promise.all(answers.map((answer) => me(data(answer).accessToken)))
    t.ok(access.every((answer) => answer.statusCode === 200))
    const [current = ''] = tokens
    t.equal((await refresh({ refreshToken: current })).statusCode, 200)
  })

  t.test('the previous token gets the current pair for a minute', async (t) => {
    const { refreshToken, family } = await device()
    const current = await rotated(refreshToken)
    await me(current.accessToken)
    await confirmedInDatabase(family)
    t.equal((await rotated(refreshToken)).refreshToken, current.refreshToken)
    await age(family, true)
    t.equal(
      code(await refresh({ refreshToken })),
      '401 INVALID_REFRESH_TOKEN',
      'later it is treated as stolen',
    )
    t.equal(code(await refresh(current)), '401 INVALID_REFRESH_TOKEN', 'and the device is logged out')
  })

  t.test('the previous token gets the current pair while that was never used', async (t) => {
    const { refreshToken, family } = await device()
    const lost = await rotated(refreshToken)
    await age(family, false)
    t.equal((await rotated(refreshToken)).refreshToken, lost.refreshToken, 'the response may have been lost')
    t.equal((await me(lost.accessToken)).statusCode, 200)
    await confirmedInDatabase(family)
    t.equal(code(await refresh({ refreshToken })), '401 INVALID_REFRESH_TOKEN')
  })

  t.test('an older token is treated as stolen: the whole family is revoked', async (t) => {
    const { refreshToken, family } = await device()
    const bystander = await device()
    const second = await rotated(refreshToken)
    const third = await rotated(second.refreshToken)
    t.equal(code(await refresh({ refreshToken })), '401 INVALID_REFRESH_TOKEN')
    t.equal(code(await refresh(third)), '401 INVALID_REFRESH_TOKEN', 'the current one fails too')
    t.equal(code(await refresh(second)), '401 INVALID_REFRESH_TOKEN')
    t.equal((await refresh(bystander)).statusCode, 200, 'other devices are not affected')
    t.ok(server.log.some((line) => line.includes('old refresh token') && line.includes(family)))
  })

  t.test('a refresh that waits for the row uses the row as it is after the wait', async (t) => {
    const { refreshToken, family } = await device()
    const answer = await sql.begin(async (tx) => {
      await tx`update refresh_families set counter = 3 where id = ${family}`
      const late = refresh({ refreshToken })
      await blockedQuery(server.database)
      return { late }
    })
    t.equal(code(await answer.late), '401 INVALID_REFRESH_TOKEN')
  })

  t.test('a token that this server did not issue is refused', async (t) => {
    const { refreshToken, accessToken, family } = await device()
    t.equal(code(await refresh()), '400 MISSING_REFRESH_TOKEN')
    for (const nothing of [undefined, null, ''])
      t.equal(code(await refresh({ refreshToken: nothing })), '400 MISSING_REFRESH_TOKEN')
    const foreign = createRefreshTokens(['another secret that is also long enough'])
    const own = createRefreshTokens([SECRET])
    const garbage = [
      'garbage',
      accessToken,
      `${refreshToken}x`,
      refreshToken.slice(0, -1),
      refreshToken.replace('.1.', '.2.'),
      foreign.write({ familyId: family, counter: 1 }),
      own.write({ familyId: 'a-family-that-never-was', counter: 1 }),
      'x'.repeat(15_000),
      42,
      { a: 1 },
      ['a'],
    ]
    for (const token of garbage)
      t.equal(
        code(await refresh({ refreshToken: token })),
        '401 INVALID_REFRESH_TOKEN',
        JSON.stringify(token).slice(0, 30),
      )
    t.equal((await refresh({ refreshToken })).statusCode, 200, 'refused tokens log no device out')
  })

  t.test('an expired refresh token requires a new login', async (t) => {
    const { refreshToken, family } = await device()
    const [row] = await sql<{ days: number }[]>`
      select extract(epoch from expires_at - now()) / 86400 as days from refresh_families where id = ${family}`
    t.ok(Math.abs(Number(row?.days) - 7) < 0.01, 'seven days')
    await sql`update refresh_families set expires_at = now() - interval '1 second' where id = ${family}`
    t.equal(code(await refresh({ refreshToken })), '401 INVALID_REFRESH_TOKEN')
  })
})

t.test('access tokens', async (t) => {
  const server = await startTestApp(t)
  const { me } = caller(server)
  const account = await createAccount(server)
  const claims = claimsOf(account.accessToken)
  const now = Math.floor(Date.now() / 1000)

  t.equal(code(await server.app.inject({ url: '/api/auth/me' })), '401 UNAUTHORIZED')
  t.equal(
    (await me(forge(claims))).statusCode,
    200,
    'a token with valid claims and the right secret is accepted',
  )
  const invalid: [name: string, token: string][] = [
    ['a refresh token', account.refreshToken],
    ['garbage', 'garbage'],
    ['garbage in three parts', 'a.b.c'],
    ['an unsigned token', `${forge(claims, { alg: 'none', typ: 'JWT' }).split('.').slice(0, 2).join('.')}.`],
    ['a signed token with the algorithm none', forge(claims, { alg: 'none' })],
    ['another algorithm', forge(claims, { alg: 'HS512', typ: 'JWT' })],
    ['another secret', forge(claims, undefined, 'another secret that is also long enough')],
    ['another issuer', forge({ ...claims, iss: 'elsewhere' })],
    ['no issuer', forge({ ...claims, iss: undefined })],
    ['another audience', forge({ ...claims, aud: 'elsewhere' })],
    ['another type', forge({ ...claims, typ: 'refresh' })],
    ['no type', forge({ ...claims, typ: undefined })],
    ['no subject', forge({ ...claims, sub: undefined })],
    ['a subject that is not an id', forge({ ...claims, sub: 'admin' })],
    ['a negative subject', forge({ ...claims, sub: '-1' })],
    ['a subject that does not exist', forge({ ...claims, sub: '999999999' })],
    [
      'a changed payload',
      account.accessToken.replace(/\.[^.]+\./, `.${forge({ ...claims, sub: '1000' }).split('.')[1]}.`),
    ],
    ['an expired token with another secret', forge({ ...claims, exp: now - 1 }, undefined, 'x'.repeat(40))],
  ]
  for (const [name, token] of invalid) t.equal(code(await me(token)), '401 INVALID_TOKEN', name)
  t.equal(code(await me(forge({ ...claims, iat: now - 1000, exp: now - 1 }))), '401 TOKEN_EXPIRED')
  for (const header of ['Basic dXNlcjpwYXNz', account.accessToken, 'Bearer', 'Bearer null', 'Bearer a b']) {
    const answer = await server.app.inject({ url: '/api/auth/me', headers: { authorization: header } })
    t.equal(code(answer), '401 INVALID_TOKEN', header.slice(0, 20))
  }
  const casual = await server.app.inject({
    url: '/api/auth/me',
    headers: { authorization: `bearer  ${account.accessToken} ` },
  })
  t.equal(casual.statusCode, 200, 'the scheme is not case-sensitive')
  await server.database.sql`delete from users where id = ${account.id}`
  t.equal(code(await me(account.accessToken)), '401 INVALID_TOKEN', 'its user is deleted')
})

t.test('logout', async (t) => {
  const server = await startTestApp(t)
  const { login, refresh, logout } = caller(server)
  const claimsWith = (token: string, changes: object) => forge({ ...claimsOf(token), ...changes })
  const expired = (token: string) => claimsWith(token, { iat: 1_600_000_000, exp: 1_600_000_900 })

  /** An account on two devices, each with a live session. */
  const twoDevices = async () => {
    const laptop = await createAccount(server)
    const phone = {
      ...laptop,
      ...data(await login({ email: laptop.email, password: laptop.password })),
    }
    return {
      laptop,
      phone,
      onLaptop: await startSession(server, laptop),
      onPhone: await startSession(server, phone),
    }
  }
  const sessionState = async (token: string, { sessionId }: { sessionId: string }) => {
    const answer = await server.app.inject({ url: `/api/session/${sessionId}`, headers: bearer(token) })
    const { status, endReason } = answer.json<{ data: { status: string; endReason: string | null } }>().data
    return `${status} ${endReason ?? '-'}`
  }

  t.test('logs out this device and ends its live sessions only', async (t) => {
    const { laptop, phone, onLaptop, onPhone } = await twoDevices()
    const socket = await connect(t, onLaptop.wsUrls.landmarks)
    await socket.next('connected')
    const done = await startSession(server, laptop)
    await server.app.inject({
      method: 'POST',
      url: `/api/session/${done.sessionId}/end`,
      headers: bearer(laptop.accessToken),
    })

    const answer = await logout(undefined, bearer(laptop.accessToken))
    t.equal(answer.statusCode, 200)
    t.same(answer.json(), { success: true, message: '로그아웃되었습니다.' })
    t.equal(code(await refresh(laptop)), '401 INVALID_REFRESH_TOKEN')
    t.equal(await sessionState(phone.accessToken, onLaptop), 'ended logged_out')
    t.equal(await sessionState(phone.accessToken, done), 'ended requested', 'an ended session is not changed')
    await socket.next('session_ended')
    t.equal((await socket.closed).code, 1000)

    t.equal(await sessionState(phone.accessToken, onPhone), 'active -')
    t.equal((await refresh(phone)).statusCode, 200)
    t.equal(
      (await logout(undefined, bearer(laptop.accessToken))).statusCode,
      200,
      'a repeated logout succeeds',
    )
  })

  t.test('accepts an expired token', async (t) => {
    const { laptop, phone, onLaptop } = await twoDevices()
    const token = expired(laptop.accessToken)
    t.equal(code(await caller(server).me(token)), '401 TOKEN_EXPIRED')
    t.equal((await logout(undefined, bearer(token))).statusCode, 200)
    t.equal(code(await refresh(laptop)), '401 INVALID_REFRESH_TOKEN')
    t.equal(await sessionState(phone.accessToken, onLaptop), 'ended logged_out')
  })

  t.test('accepts the refresh token instead', async (t) => {
    const { laptop, phone, onLaptop, onPhone } = await twoDevices()
    t.equal((await logout({ refreshToken: laptop.refreshToken })).statusCode, 200)
    t.equal(code(await refresh(laptop)), '401 INVALID_REFRESH_TOKEN')
    t.equal(await sessionState(phone.accessToken, onLaptop), 'ended logged_out')
    t.equal(await sessionState(phone.accessToken, onPhone), 'active -')
  })

  t.test('logs out every device if requested', async (t) => {
    const { laptop, phone, onLaptop, onPhone } = await twoDevices()
    const otherUser = await createAccount(server)
    t.equal((await logout({ all: true }, bearer(laptop.accessToken))).statusCode, 200)
    t.equal(code(await refresh(laptop)), '401 INVALID_REFRESH_TOKEN')
    t.equal(code(await refresh(phone)), '401 INVALID_REFRESH_TOKEN')
    const again = data(await login({ email: laptop.email, password: laptop.password }))
    t.equal(await sessionState(again.accessToken, onLaptop), 'ended logged_out')
    t.equal(await sessionState(again.accessToken, onPhone), 'ended logged_out')
    t.equal((await refresh(otherUser)).statusCode, 200)
  })

  t.test('does not affect other users', async (t) => {
    const { laptop, onLaptop } = await twoDevices()
    const attacker = await createAccount(server)
    const forged = forge(claimsOf(laptop.accessToken), undefined, 'another secret that is also long enough')
    t.equal((await logout({ all: true }, bearer(forged))).statusCode, 200)
    await logout({ refreshToken: `mrt.${laptop.refreshToken.split('.')[1]}.1.${'A'.repeat(43)}` })
    await logout({ refreshToken: laptop.refreshToken.replace('.1.', '.9.') }, bearer(attacker.accessToken))
    t.equal(await sessionState(laptop.accessToken, onLaptop), 'active -')
    t.equal((await refresh(laptop)).statusCode, 200)
  })

  t.test('succeeds without a token, in the language of the caller', async (t) => {
    t.same((await logout()).json(), { success: true, message: '로그아웃되었습니다.' })
    t.same((await logout({}, { 'accept-language': 'en' })).json(), {
      success: true,
      message: 'You have been logged out.',
    })
    t.equal((await logout(undefined, bearer('garbage'))).statusCode, 200)
    t.equal((await logout({ refreshToken: 'garbage' })).statusCode, 200)
    for (const body of [{ refreshToken: null }, { refreshToken: 7, all: 'yes' }])
      t.equal((await logout(body)).statusCode, 200, JSON.stringify(body))
  })

  t.test('repeated after a partial failure, it ends the remaining sessions', async (t) => {
    const { laptop, phone, onLaptop } = await twoDevices()
    const family = laptop.refreshToken.split('.')[1] ?? ''
    await server.database.sql`update refresh_families set revoked_at = now() where id = ${family}`
    await logout(undefined, bearer(laptop.accessToken))
    t.equal(await sessionState(phone.accessToken, onLaptop), 'ended logged_out')
  })
})

t.test('profile and me', async (t) => {
  const server = await startTestApp(t)
  const { me, profile, login } = caller(server)
  const account = await createAccount(server)
  const token = account.accessToken
  const user = data(await me(token)).user
  t.same(Object.keys(user), ['id', 'username', 'email', 'profileImage'])
  t.match(user, { id: account.id, email: account.email, profileImage: null })

  const image = 'https://images.example.com/me.png?size=2'
  const changed = await profile(token, { username: ' 새 이름 ', profileImage: image })
  t.equal(changed.statusCode, 200)
  t.same(data(changed).user, { ...user, username: '새 이름', profileImage: image })
  t.same(data(await me(token)).user, data(changed).user)
  const again = data(await login({ email: account.email, password: account.password }))
  t.equal(again.user.profileImage, image)

  t.test('each field can be changed alone; null removes the picture', async (t) => {
    const renamed = data(await profile(token, { username: 'renamed' })).user
    t.match(renamed, { username: 'renamed', profileImage: image })
    const bare = data(await profile(token, { profileImage: null })).user
    t.match(bare, { username: 'renamed', profileImage: null })
    t.same(data(await profile(token, {})).user, bare, 'an empty body changes nothing')
    t.equal((await profile(token, { email: 'new@example.com', id: 1 })).statusCode, 200)
    t.same(data(await me(token)).user, bare, 'other columns cannot be changed')
    t.equal((await profile(token, { username: 'RENAMED' })).statusCode, 200, 'own name in another case')
  })

  t.test('the name of another user is refused', async (t) => {
    const other = await createAccount(server)
    const name = data(await me(other.accessToken)).user.username
    t.equal(code(await profile(token, { username: name.toUpperCase() })), '409 USERNAME_EXISTS')
  })

  t.test('the picture must be an https URL', async (t) => {
    const bad = [
      'http://images.example.com/me.png',
      'javascript:alert(1)',
      'data:image/png;base64,AA==',
      '//images.example.com/me.png',
      'https://',
      'https:// a',
      `https://a/${'x'.repeat(2048)}`,
      '',
      7,
    ]
    for (const profileImage of bad) {
      const answer = await profile(token, { profileImage })
      t.equal(code(answer), '400 VALIDATION_ERROR', String(profileImage).slice(0, 30))
      t.match(answer.json<Refusal>().error.details, [{ field: 'profileImage' }])
    }
    t.equal(code(await profile(token, { username: ' ' })), '400 VALIDATION_ERROR')
  })

  t.test('requires a login', async (t) => {
    const answer = await server.app.inject({ method: 'PUT', url: '/api/auth/profile', payload: {} })
    t.equal(code(answer), '401 UNAUTHORIZED')
  })
})
