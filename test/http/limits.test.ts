import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import {
  bearer,
  connect as connectSocket,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { frames } from '../helpers/frames.ts'
import { holdTable } from '../helpers/hold-table.ts'

/** A raw connection, with all data received until it is closed. */
async function rawConnection(t: Pick<Test, 'teardown'>, { origin }: TestApp) {
  const { port, hostname } = new URL(origin)
  const socket: Socket = connect(Number(port), hostname)
  t.teardown(() => socket.destroy())
  let text = ''
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  socket.on('error', () => undefined) // a reset is one way of being closed
  await once(socket, 'connect')
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(60_000) }).then(() => text)
  return { socket, closed }
}

const statusOf = (answer: string) => answer.split('\r\n')[0]
const bodyOf = (answer: string) => JSON.parse(answer.split('\r\n\r\n')[1] ?? '') as unknown

t.test('slow and endless requests', async (t) => {
  const server = await startTestApp(t)
  // Short timeouts; the check interval is unchanged.
  server.app.server.headersTimeout = 100
  server.app.server.requestTimeout = 300

  t.test('one that never finishes its headers is closed', async (t) => {
    const { socket, closed } = await rawConnection(t, server)
    socket.write('GET /api/health HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    const answer = await closed
    t.equal(statusOf(answer), 'HTTP/1.1 408 Request Timeout')
    t.match(bodyOf(answer), { success: false, error: { code: 'REQUEST_TIMEOUT', requestId: String } })
  })

  t.test('one that sends nothing is closed', async (t) => {
    const { closed } = await rawConnection(t, server)
    await closed
    t.pass('it was')
  })

  t.test('one that never finishes its body is closed', async (t) => {
    const { socket, closed } = await rawConnection(t, server)
    socket.write(
      'POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
    )
    t.equal(statusOf(await closed), 'HTTP/1.1 408 Request Timeout')
  })

  t.test('a flood of headers is refused in the envelope', async (t) => {
    const { socket, closed } = await rawConnection(t, server)
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\n${`X-Flood: ${'x'.repeat(1000)}\r\n`.repeat(20)}\r\n`)
    const answer = await closed
    t.equal(statusOf(answer), 'HTTP/1.1 431 Request Header Fields Too Large')
    t.match(bodyOf(answer), { success: false, error: { code: 'HEADERS_TOO_LARGE' } })
  })

  t.test('invalid HTTP is refused in the envelope', async (t) => {
    for (const noise of [
      '\u0016\u0003\u0001 hello\r\n\r\n',
      'GET / HTTP/9.9\r\n\r\n',
      'G@T / HTTP/1.1\r\n\r\n',
    ]) {
      const { socket, closed } = await rawConnection(t, server)
      socket.write(noise)
      const answer = await closed
      t.equal(statusOf(answer), 'HTTP/1.1 400 Bad Request', JSON.stringify(noise))
      t.match(bodyOf(answer), { success: false, error: { code: 'BAD_REQUEST', message: String } })
      t.match(answer, /\r\nCache-Control: no-store\r\n/)
      t.match(answer, /\r\nX-Request-ID: [\w-]{36}\r\n/)
    }
  })

  t.test('two lengths, or a length and chunks, are refused', async (t) => {
    for (const lengths of [
      'Content-Length: 2\r\nContent-Length: 3',
      'Content-Length: 2\r\nTransfer-Encoding: chunked',
    ]) {
      const { socket, closed } = await rawConnection(t, server)
      socket.write(`POST /api/auth/login HTTP/1.1\r\nHost: x\r\n${lengths}\r\n\r\n{}`)
      t.equal(statusOf(await closed), 'HTTP/1.1 400 Bad Request', lengths)
    }
  })

  t.test('the server continues to serve', async (t) => {
    t.equal((await server.app.inject({ url: '/health' })).statusCode, 200)
  })
})

t.test('while the event loop falls behind', async (t) => {
  const server = await startTestApp(t, { sheds: true })
  const { app } = server
  const account = await createAccount(server)
  const ask = (url: string) => app.inject({ url, headers: bearer(account.accessToken) })
  t.equal((await ask('/api/auth/me')).statusCode, 200)

  /** Delays every turn of the event loop by more than the limit. */
  const stall = () => {
    const until = Date.now() + 700
    while (Date.now() < until);
  }
  for (let turn = 0; turn < 20 && !app.isUnderPressure(); turn++) {
    stall()
    await new Promise(setImmediate)
  }
  t.ok(app.isUnderPressure())
  const refused = await ask('/api/auth/me')
  t.equal(refused.statusCode, 503)
  t.match(refused.json(), { success: false, error: { code: 'SERVER_BUSY' } })
  t.ok(Number(refused.headers['retry-after']) > 0)
  t.equal((await ask('/api/nothing')).statusCode, 503)
  for (const url of ['/health', '/api/health', '/api/health/ready', '/metrics'])
    t.equal((await ask(url)).statusCode, 200, url)
  t.equal((await ask('/ws/landmarks/sess_x')).statusCode, 426, 'sockets are not shed')
})

t.test('the policy headers of a response', async (t) => {
  const server = await startTestApp(t)
  const headersOf = async (url: string) => (await server.app.inject({ url })).headers
  for (const url of ['/api/health', '/api/auth/me', '/api/nothing', '/', '/metrics'])
    t.match(
      await headersOf(url),
      {
        'content-security-policy':
          "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      },
      url,
    )
  t.notMatch(String((await headersOf('/docs/'))['content-security-policy']), /unsafe-eval/)
  t.match(String((await headersOf('/docs/'))['content-security-policy']), /default-src 'self'/)
  t.equal((await headersOf('/api/health'))['strict-transport-security'], undefined, 'void without TLS')
  const behind = await startTestApp(t, { env: { TRUST_PROXY: '1' } })
  const secure = await behind.app.inject({ url: '/health', headers: { 'x-forwarded-proto': 'https' } })
  t.match(secure.headers['strict-transport-security'], /max-age=31536000/)
})

t.test('during shutdown requests are refused, and readiness reports the reason', async (t) => {
  const server = await startTestApp(t)
  const { app, origin } = server
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const socket = await connectSocket(t, session.wsUrls.landmarks)
  socket.send({ type: 'ping' })
  socket.socket.send(frames('happy', 1)[0] ?? '')
  await socket.next('pong')
  const letGo = await holdTable(server, 'emotion_windows') // its open window has to be stored first
  const closed = app.close()
  const ready = await fetch(`${origin}/api/health/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { status: 'not_ready', checks: { process: { ok: false } } })
  t.equal((await fetch(`${origin}/api/health`)).status, 200, 'the process is alive')
  const me = await fetch(`${origin}/api/auth/me`, { headers: bearer(account.accessToken) })
  t.equal(me.status, 503)
  t.match(await me.json(), { success: false, error: { code: 'SERVER_BUSY', requestId: String } })
  t.equal(me.headers.get('retry-after'), '5')
  letGo()
  await closed
})
