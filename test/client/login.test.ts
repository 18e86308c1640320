import t, { type Test } from 'tap'
import {
  createClient,
  MaeumError,
  memoryTokens,
  storedTokens,
  type TokenStore,
  type Tokens,
} from '../../client/index.ts'
import { sharedStorage } from './kit.ts'

const SERVER = 'http://maeum.test'
const ME = '/api/auth/me'
const REFRESH = '/api/auth/refresh'

const json = (status: number, body: unknown): Response => Response.json(body, { status })
const page = (status: number, text = '<html>'): Response =>
  new Response(text, { status, headers: { 'content-type': 'text/html' } })
const refused = (status: number, code: string): Response =>
  json(status, { success: false, error: { code, message: 'a sentence' } })

/** Tokens of an account, the `n`th pair of their login. */
const pairOf = (sub: string, n: number): Tokens => ({
  accessToken: `head.${btoa(JSON.stringify({ sub, n }))}.proof`,
  refreshToken: `${sub}-${n}`,
})

/** A server whose access tokens have expired up to `valid`, and whose renewals answer as the test says. */
function serverOf(valid: Tokens, renewal: () => Response | Promise<Response>): typeof fetch {
  return async (input, init) => {
    const path = new URL(input instanceof Request ? input.url : input).pathname
    if (path === REFRESH) return renewal()
    if (path !== ME) return json(200, { success: true, message: 'done' })
    const bearer = new Headers(init?.headers).get('authorization')
    const isValid = bearer === `Bearer ${valid.accessToken}`
    return isValid ? json(200, { success: true, data: { user: {} } }) : refused(401, 'TOKEN_EXPIRED')
  }
}

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'it succeeded',
    (error: unknown) => error,
  )

t.test('only the server itself ends a login', async (t) => {
  const answers: readonly (readonly [string, boolean, () => Response])[] = [
    ['an unknown refresh token', false, () => refused(401, 'INVALID_REFRESH_TOKEN')],
    ['no refresh token', false, () => refused(400, 'MISSING_REFRESH_TOKEN')],
    ['an origin that is down behind a proxy', true, () => page(521)],
    ['another such status', true, () => page(526)],
    ['a firewall', true, () => page(403, 'Request blocked')],
    ['a router during a deployment', true, () => page(404, 'no such app')],
    ['a captive portal', true, () => page(200, '<html>Welcome to our network')],
    ['a foreign refusal in JSON', true, () => json(401, { error: { code: 'INVALID_REFRESH_TOKEN' } })],
    ['a foreign body', true, () => json(401, { message: 'Unauthorized' })],
    ['a foreign success', true, () => json(200, { success: true, data: { token: 'x' } })],
    ['an empty body', true, () => new Response(null, { status: 204 })],
    ['a bad gateway', true, () => page(502)],
    ['a server without its database', true, () => refused(503, 'DATABASE_UNAVAILABLE')],
    ['a server with a fault', true, () => refused(500, 'INTERNAL_ERROR')],
    ['too many requests', true, () => refused(429, 'RATE_LIMITED')],
    ['no answer', true, () => Response.error()],
  ]
  for (const [what, staysIn, renewal] of answers) {
    let signedOut = 0
    const tokens = memoryTokens(pairOf('1', 1))
    const client = createClient({
      server: SERVER,
      tokens,
      fetch: serverOf(pairOf('1', 2), renewal),
      onSignedOut: () => signedOut++,
    })
    const failure = await failureOf(client.call(`GET ${ME}`))
    t.type(failure, MaeumError, what)
    t.equal(failure instanceof MaeumError && failure.retryable, staysIn, `${what}: may be tried again`)
    t.equal(await client.isSignedIn(), staysIn, `${what}: the login`)
    t.equal(signedOut, staysIn ? 0 : 1, `${what}: onSignedOut`)
  }
})

t.test('what another says in the place of the server neither renews nor ends a login', async (t) => {
  let renewals = 0
  const tokens = memoryTokens(pairOf('1', 1))
  const client = createClient({
    server: SERVER,
    tokens,
    fetch: async (input) => {
      if (new URL(input instanceof Request ? input.url : input).pathname === REFRESH) renewals++
      return page(401, 'Proxy authentication required')
    },
  })
  t.match(await failureOf(client.call(`GET ${ME}`)), { code: 'BAD_ANSWER', status: 401, retryable: true })
  t.equal(renewals, 0)
  t.same(await tokens.get(), pairOf('1', 1))
})

/** A tab with an expired token, whose renewal is held until the test lets it go. */
function slowTab(tokens: TokenStore) {
  let signedOut = 0
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let askedFor: () => void = () => undefined
  const isRenewing = new Promise<void>((resolve) => {
    askedFor = resolve
  })
  const client = createClient({
    server: SERVER,
    tokens,
    onSignedOut: () => signedOut++,
    fetch: serverOf(pairOf('1', 2), async () => {
      askedFor()
      await held
      return json(200, { success: true, data: pairOf('1', 2) })
    }),
  })
  return { client, release, isRenewing, signedOut: () => signedOut }
}

t.test('a renewal under way does not overwrite what another tab has stored meanwhile', async (t) => {
  const cases = [
    ['the login of another account', pairOf('2', 1), 1],
    ['a logout', null, 1],
    ['a newer pair of the same login', pairOf('1', 7), 0],
  ] as const
  for (const [what, stored, ends] of cases) {
    const tokens = storedTokens(sharedStorage())
    await tokens.set(pairOf('1', 1))
    const { client, release, isRenewing, signedOut } = slowTab(tokens)
    const asked = failureOf(client.call(`GET ${ME}`))
    await isRenewing
    await tokens.set(stored)
    release()
    const failure = await asked
    t.same(await tokens.get(), stored, what)
    t.equal(signedOut(), ends, `${what}: onSignedOut`)
    if (ends > 0) t.match(failure, { code: 'SIGNED_OUT' }, `${what}: a request is not made in another name`)
  }
})

t.test('a renewal under way does not outlive a logout or another login in the same tab', async (t) => {
  const tokens = memoryTokens(pairOf('1', 1))
  const { client, release, isRenewing, signedOut } = slowTab(tokens)
  const asked = failureOf(client.call(`GET ${ME}`))
  await isRenewing
  const left = client.logout()
  release()
  await left
  await asked
  t.equal(await tokens.get(), null)
  t.equal(signedOut(), 0, 'a logout that was asked for is no surprise')
})

t.test('a tab learns at its next request that the login was left in another', async (t) => {
  for (const [what, stored] of [
    ['left', null],
    ['another account', pairOf('2', 1)],
  ] as const) {
    const tokens = storedTokens(sharedStorage())
    await tokens.set(pairOf('1', 2))
    const { client, release, signedOut } = slowTab(tokens)
    release()
    await client.call(`GET ${ME}`)
    await tokens.set(stored)
    t.match(await failureOf(client.call(`GET ${ME}`)), { code: 'SIGNED_OUT', status: 401 }, what)
    t.equal(signedOut(), 1, what)
    if (stored === null) await failureOf(client.call(`GET ${ME}`))
    t.equal(signedOut(), 1, `${what}: once`)
  }
})

/** A global of a browser, until the test ends. */
function pretend(t: Test, name: string, property: PropertyDescriptor): void {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)
  Object.defineProperty(globalThis, name, { configurable: true, ...property })
  t.teardown(() => {
    if (before === undefined) Reflect.deleteProperty(globalThis, name)
    else Object.defineProperty(globalThis, name, before)
  })
}

const signingIn: typeof fetch = async () =>
  json(200, { success: true, data: { user: {}, ...pairOf('1', 1) } })
const PERSON = { email: 'haneul@example.com', password: 'password123' }

t.test('a page whose storage does not work keeps the login in memory', async (t) => {
  pretend(t, 'location', { value: { origin: SERVER } })
  const storages: readonly (readonly [string, PropertyDescriptor])[] = [
    ['an object without methods', { value: {} }],
    ['null', { value: null }],
    [
      'storage that the browser blocks',
      {
        get: () => {
          throw new Error('SecurityError')
        },
      },
    ],
    ['none', { value: undefined }],
  ]
  for (const [what, storage] of storages) {
    pretend(t, 'localStorage', storage)
    const client = createClient({ fetch: signingIn })
    t.notOk(await client.isSignedIn(), what)
    await client.login(PERSON)
    t.ok(await client.isSignedIn(), what)
  }
  const storage = sharedStorage()
  pretend(t, 'localStorage', { value: storage })
  await createClient({ fetch: signingIn }).login(PERSON)
  t.ok(storage.getItem('maeum.tokens'), 'one that works is used')
})

t.test('on a server a client answers without a login, and keeps one only where it is told to', async (t) => {
  pretend(t, 'localStorage', { value: sharedStorage() })
  const shared = createClient({ server: SERVER, fetch: signingIn })
  t.notOk(await shared.isSignedIn())
  await t.rejects(shared.login(PERSON), { code: 'BAD_OPTIONS', message: /tokens/, retryable: false })
  t.notOk(await shared.isSignedIn(), 'the next visitor is not that person')
  const own = createClient({ server: SERVER, fetch: signingIn, tokens: memoryTokens() })
  await own.login(PERSON)
  t.ok(await own.isSignedIn())
})
