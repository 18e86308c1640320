import t from 'tap'
import type { LocksLike } from '../../client/environment.ts'
import { createClient, MaeumError, memoryTokens, storedTokens, type TokenStore } from '../../client/index.ts'
import { startTestApp } from '../helpers/app.ts'
import { sharedStorage, signedUp } from './kit.ts'

/** As the browser's: one at a time for each name. */
function fakeLocks(): LocksLike & { readonly taken: string[] } {
  const taken: string[] = []
  let last: Promise<unknown> = Promise.resolve()
  return {
    taken,
    request: (name, _options, work) => {
      taken.push(name)
      const turn = last.then(work)
      last = turn.catch(() => undefined)
      return turn
    },
  }
}

/** `fetch`, with the paths that it was asked for. */
function countingFetch() {
  const paths: string[] = []
  const counted: typeof fetch = (input, init) => {
    paths.push(new URL(input instanceof Request ? input.url : input).pathname)
    return fetch(input, init)
  }
  return { fetch: counted, renewals: () => paths.filter((path) => path === '/api/auth/refresh').length }
}

/** What an access token has become once its time is over. */
async function spoilAccess(store: TokenStore): Promise<void> {
  const kept = await store.get()
  if (kept !== null) await store.set({ ...kept, accessToken: 'x.y.z' })
}

t.test('an access token that has run out is renewed once for all that wait for it', async (t) => {
  const { origin } = await startTestApp(t)
  const tokens = memoryTokens()
  const { fetch, renewals } = countingFetch()
  const client = await signedUp(origin, { tokens, fetch })
  await spoilAccess(tokens)
  const asked = await Promise.all(Array.from({ length: 8 }, () => client.call('GET /api/auth/me')))
  t.equal(asked.length, 8)
  t.equal(renewals(), 1)
  await client.call('GET /api/auth/me')
  t.equal(renewals(), 1, 'the new one is kept')
})

for (const [platform, globals] of [
  ['with Web Locks', { navigator: { locks: fakeLocks() } }],
  ['without', { BroadcastChannel }],
] as const) {
  t.test(`two tabs renew once between them, ${platform}`, async (t) => {
    const { origin } = await startTestApp(t)
    const storage = sharedStorage()
    const { fetch, renewals } = countingFetch()
    const tab = () => ({ tokens: storedTokens(storage), fetch, platform: globals })
    const first = await signedUp(origin, tab())
    const second = createClient({ server: origin, ...tab() })
    await spoilAccess(storedTokens(storage))
    const [a, b] = await Promise.all([first, second].map((client) => client.call('GET /api/auth/me')))
    t.same(a, b)
    t.equal(renewals(), 1)
    await first.logout()
    t.notOk(await second.isSignedIn(), 'who leaves in one tab has left in the other')
  })
}

t.test('a login that has ended is told once and forgotten', async (t) => {
  const { origin } = await startTestApp(t)
  const tokens = memoryTokens()
  let told = 0
  const client = await signedUp(origin, { tokens, onSignedOut: () => told++ })
  await tokens.set({ accessToken: 'x.y.z', refreshToken: 'none of ours' })
  const outcomes = await Promise.allSettled([
    client.call('GET /api/auth/me'),
    client.call('GET /api/auth/me'),
  ])
  for (const outcome of outcomes)
    t.match(outcome, { status: 'rejected', reason: { code: 'SIGNED_OUT', status: 401, retryable: false } })
  t.equal(told, 1)
  t.equal(await tokens.get(), null)
})

t.test('a server that is away logs nobody out', async (t) => {
  const { app, origin } = await startTestApp(t)
  const tokens = memoryTokens()
  const client = await signedUp(origin, { tokens })
  await app.close()
  await t.rejects(client.call('GET /api/auth/me'), { code: 'NETWORK', retryable: true })
  t.ok(await client.isSignedIn())
})

t.test("a refusal carries the server's code and its sentence, in the language asked for", async (t) => {
  const { origin } = await startTestApp(t)
  const client = await signedUp(origin, { language: 'en' })
  const failure = await client
    .login({ email: 'nobody@example.com', password: 'wrong' })
    .catch((e: unknown) => e)
  t.type(failure, MaeumError)
  t.match(failure, {
    code: 'INVALID_CREDENTIALS',
    status: 401,
    message: 'Incorrect e-mail or password.',
  })
  t.ok(await client.isSignedIn(), 'a login that is refused does not end the one before')
  await t.rejects(client.call('GET /api/session/:id', { params: { id: 'sess_none' } }), {
    code: 'SESSION_NOT_FOUND',
  })
})

t.test('storage that holds anything else holds no login', async (t) => {
  const storage = sharedStorage()
  const tokens = storedTokens(storage, 'here')
  for (const text of ['', 'x', 'null', '7', '{}', '{"accessToken":1,"refreshToken":"r"}']) {
    storage.setItem('here', text)
    t.equal(await tokens.get(), null, text)
  }
})

t.test('an answer that does not come in time, or is none of ours, is an error of its own', async (t) => {
  const late = createClient({
    server: 'http://maeum.test',
    timeoutMs: 30,
    fetch: (_input, init) =>
      new Promise((_resolve, reject) => {
        const open = setTimeout(() => reject(new Error('it was not given up')), 5000)
        init?.signal?.addEventListener('abort', () => {
          clearTimeout(open)
          reject(new Error('given up'))
        })
      }),
  })
  await t.rejects(late.call('GET /api/auth/me'), { code: 'TIMEOUT', retryable: true })
  const proxy = createClient({
    server: 'http://maeum.test',
    fetch: async () => new Response('<html>', { status: 502 }),
  })
  await t.rejects(proxy.call('GET /api/auth/me'), { code: 'BAD_ANSWER', status: 502, retryable: true })
})

t.test('a changed password leaves this client in, whatever it asks meanwhile, and no other', async (t) => {
  const { origin } = await startTestApp(t)
  const storage = sharedStorage()
  let signedOut = 0
  const onSignedOut = () => {
    signedOut++
  }
  const tokens = storedTokens(storage)
  const { fetch, renewals } = countingFetch()
  const client = await signedUp(origin, { tokens, fetch, onSignedOut })
  const { email } = (await client.call('GET /api/auth/me')).user
  const tab = createClient({ server: origin, tokens: storedTokens(storage), onSignedOut })
  const elsewhere = createClient({ server: origin, tokens: memoryTokens() })
  await elsewhere.login({ email, password: 'password123' })

  await t.rejects(client.changePassword({ currentPassword: 'wrong', newPassword: 'three small boats' }), {
    code: 'INVALID_CREDENTIALS',
  })
  await t.rejects(client.call('DELETE /api/user', { body: { password: 'wrong' } }), {
    code: 'INVALID_CREDENTIALS',
  })
  t.equal(renewals(), 0, 'a wrong password is no old token')
  await spoilAccess(tokens)
  const [hints] = await Promise.all([
    client.changePassword({ currentPassword: 'password123', newPassword: 'three small boats' }),
    ...Array.from({ length: 20 }, () => client.call('GET /api/auth/me')),
    ...Array.from({ length: 20 }, () => tab.call('GET /api/auth/me')),
  ])
  t.same(hints, [])
  t.equal((await tab.call('GET /api/auth/me')).user.email, email)
  t.equal(signedOut, 0)
  await t.rejects(elsewhere.call('GET /api/auth/me'), { code: 'SIGNED_OUT' })
  await elsewhere.login({ email, password: 'three small boats' })
})
