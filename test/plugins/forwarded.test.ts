import t from 'tap'
import { bearer, connect, createAccount, startSession, startTestApp, type TestApp } from '../helpers/app.ts'

/** The forms in which gateways write the address of a client; the port differs with each connection. */
const FORMS: [name: string, entry: (port: number) => string][] = [
  ['plain IPv4', () => '203.0.113.99'],
  ['IPv4 with a port', (port) => `203.0.113.7:${port}`],
  ['quoted, with a port', (port) => `"203.0.113.77:${port}"`],
  ['plain IPv6', () => '2001:db8:1::7'],
  ['IPv6 in brackets', () => '[2001:db8:2::7]'],
  ['IPv6 in brackets, with a port', (port) => `[2001:db8:3::7]:${port}`],
]

const remaining = async ({ app }: TestApp, forwardedFor: string): Promise<number> => {
  const answer = await app.inject({ url: '/api/session', headers: { 'x-forwarded-for': forwardedFor } })
  return Number(answer.headers['x-ratelimit-remaining'])
}

t.test('one client has one address, in every format of proxies', async (t) => {
  const server = await startTestApp(t, { env: { TRUST_PROXY: '1', SOCKETS_PER_ADDRESS: '1' } })
  const session = await startSession(server, await createAccount(server))
  for (const [name, entry] of FORMS) {
    const [first, second] = [await remaining(server, entry(50_001)), await remaining(server, entry(50_002))]
    t.equal(second, first - 1, `${name}: requests share one limit`)
    const { socket } = await connect(t, session.wsUrls.session, { 'x-forwarded-for': entry(50_003) })
    await t.rejects(connect(t, session.wsUrls.session, { 'x-forwarded-for': entry(50_004) }), /429/, name)
    socket.terminate()
  }
})

t.test('an inner proxy that adds its port is still trusted', async (t) => {
  const server = await startTestApp(t, { env: { TRUST_PROXY: '127.0.0.0/8,10.0.0.0/8' } })
  const one = await remaining(server, '198.51.100.1, 10.0.0.5:4711')
  t.equal(await remaining(server, '198.51.100.2, 10.0.0.5:4712'), one, 'another client, another limit')
})

type Case = {
  readonly trust?: string
  readonly publicUrl?: string
  readonly headers: Readonly<Record<string, string>>
  readonly scheme: 'http' | 'https'
}

const ONE = { 'x-forwarded-for': '203.0.113.7' }
const TWO = { 'x-forwarded-for': '203.0.113.7, 10.0.0.2' }
const CASES: Readonly<Record<string, Case>> = {
  'one proxy': { headers: { ...ONE, 'x-forwarded-proto': 'https' }, scheme: 'https' },
  'two proxies that append': {
    trust: '2',
    headers: { ...TWO, 'x-forwarded-proto': 'https, http' },
    scheme: 'https',
  },
  'two proxies, the first of which overwrites': {
    trust: '2',
    headers: { ...TWO, 'x-forwarded-proto': 'https' },
    scheme: 'https',
  },
  'upper case': { headers: { ...ONE, 'x-forwarded-proto': 'HTTPS' }, scheme: 'https' },
  'the scheme of the socket': { headers: { ...ONE, 'x-forwarded-proto': 'wss' }, scheme: 'https' },
  'an unencrypted socket': { headers: { ...ONE, 'x-forwarded-proto': 'ws' }, scheme: 'http' },
  'Forwarded alone': {
    headers: { ...ONE, forwarded: 'for=203.0.113.7;proto=https;host=maeum.example' },
    scheme: 'https',
  },
  'a scheme that the client put in front': {
    headers: { ...ONE, 'x-forwarded-proto': 'https, http' },
    scheme: 'http',
  },
  'a scheme that does not exist': { headers: { ...ONE, 'x-forwarded-proto': 'gopher' }, scheme: 'http' },
  'no trusted proxy': { trust: 'false', headers: { ...ONE, 'x-forwarded-proto': 'https' }, scheme: 'http' },
  'a host that the client names': {
    headers: { ...ONE, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example' },
    scheme: 'https',
  },
  'a list of hosts': {
    trust: '2',
    headers: { ...TWO, 'x-forwarded-proto': 'https', 'x-forwarded-host': 'maeum.example, inner.local' },
    scheme: 'https',
  },
  'PUBLIC_URL settles it': {
    publicUrl: 'https://maeum.example',
    headers: { ...ONE, 'x-forwarded-proto': 'http', 'x-forwarded-host': 'evil.example' },
    scheme: 'https',
  },
}

t.test(
  'socket addresses, own origin and transport security follow the outermost trusted proxy',
  async (t) => {
    for (const [name, { trust = '1', publicUrl, headers, scheme }] of Object.entries(CASES)) {
      const server = await startTestApp(t, {
        env: { TRUST_PROXY: trust, ...(publicUrl === undefined ? {} : { PUBLIC_URL: publicUrl }) },
      })
      const account = await createAccount(server)
      const seen = { host: 'maeum.example', ...headers }
      const answer = await server.app.inject({
        method: 'POST',
        url: '/api/session/start',
        headers: { ...bearer(account.accessToken), ...seen },
      })
      const { sessionId, wsUrls } = answer.json<{ data: { sessionId: string; wsUrls: { voice: string } } }>()
        .data
      t.equal(
        wsUrls.voice,
        `${scheme.replace('http', 'ws')}://maeum.example/ws/voice?sessionId=${sessionId}`,
        name,
      )
      t.equal(answer.headers['strict-transport-security'] !== undefined, scheme === 'https', `${name}: HSTS`)
      const url = `${server.origin.replace('http', 'ws')}/ws/session/${sessionId}`
      const own = await connect(t, url, { ...seen, origin: `${scheme}://maeum.example` })
      t.equal((await own.next('connected')).type, 'connected', `${name}: the own page may connect`)
      own.socket.terminate()
    }
  },
)

t.test('a host that a proxy changes is reported once, with the variable to set', async (t) => {
  const server = await startTestApp(t, { env: { TRUST_PROXY: '1' } })
  for (let asked = 0; asked < 3; asked++)
    await server.app.inject({ url: '/health', headers: { ...ONE, 'x-forwarded-host': 'maeum.example' } })
  t.equal(server.log.filter((line) => line.includes('set PUBLIC_URL')).length, 1)
})
