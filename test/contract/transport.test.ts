import { connect as connectTcp } from 'node:net'
import { text } from 'node:stream/consumers'
import Fastify from 'fastify'
import t from 'tap'
import { parsePreferredLanguage } from '../../src/http/language.ts'
import { ERROR_CODES, errorMessage, errorStatus } from '../../src/protocol/errors.ts'
import { errorHandler } from '../../src/plugins/error-handler.ts'
import {
  BROWSER_ORIGIN,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'

type Failed = {
  success: false
  error: { code: string; message: string; requestId: string; details?: unknown }
}
type LogLine = { reqId?: string; msg: string; url?: string; level: number; address?: string }

const JSON_TYPE = { 'content-type': 'application/json' }

const logLines = ({ log }: TestApp) => log.map((line) => JSON.parse(line) as LogLine)

t.test('every answer has the envelope, in the language of the caller', async (t) => {
  const { app } = await startTestApp(t)
  const login = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/api/auth/login', headers, payload: {} })

  const refused = await login({})
  t.equal(refused.statusCode, 400)
  t.equal(refused.headers['content-type'], 'application/json; charset=utf-8')
  t.match(refused.json(), {
    success: false,
    error: { code: 'VALIDATION_ERROR', message: /^이메일\(email\): .+\.$/ },
  })
  t.same(Object.keys(refused.json<Failed>()), ['success', 'error'])

  const english = await login({ 'accept-language': 'en-US,en;q=0.9,ko;q=0.8' })
  t.match(english.json<Failed>().error.message, /^Field "email" .+\.$/)

  const korean = await login({ 'accept-language': 'en-US,en', 'x-client-version': '1.4.0' })
  t.match(korean.json<Failed>().error.message, /^이메일\(email\): /, 'the pages of the web client are Korean')

  const succeeded = await app.inject({
    method: 'POST',
    url: '/api/auth/signup',
    payload: { username: 'envelope', email: 'envelope@example.com', password: 'password123' },
  })
  t.same(Object.keys(succeeded.json<object>()), ['success', 'data'])
  t.equal(succeeded.json<{ success: boolean }>().success, true)
})

t.test('Korean is the default, English only when preferred', async (t) => {
  const languages: [header: string | undefined, expected: 'ko' | 'en'][] = [
    [undefined, 'ko'],
    ['', 'ko'],
    ['*', 'ko'],
    ['de-DE,fr', 'ko'],
    ['ko-KR,ko;q=0.9,en;q=0.8', 'ko'],
    ['en', 'en'],
    ['EN-GB', 'en'],
    ['en-US,en;q=0.9,ko;q=0.8', 'en'],
    ['fr, en;q=0.5, ko;q=0.4', 'en'],
    ['ko;q=0.1, en;q=0.2', 'en'],
    ['en;q=0', 'ko'],
    ['enough', 'ko'],
  ]
  for (const [header, expected] of languages)
    t.equal(parsePreferredLanguage(header), expected, header ?? 'no header')
})

t.test('the catalogue has one sentence in each language for each code', async (t) => {
  for (const code of ERROR_CODES) {
    t.match(code, /^[A-Z_]+$/)
    t.match(errorMessage(code, 'ko'), /[가-힣].*\.$/, code)
    t.match(errorMessage(code, 'en'), /^[A-Z][ -~]*\.$/, code)
    t.ok(errorStatus(code) >= 400 && errorStatus(code) < 600)
  }
})

t.test('a request id is echoed when well formed, else made; header, body and log agree', async (t) => {
  const server = await startTestApp(t)
  const { app, origin } = server
  const ask = (id: string) => app.inject({ url: '/api/nothing', headers: { 'x-request-id': id } })

  for (const id of ['a', 'trace:1.2_3-4', 'x'.repeat(128)]) {
    const answer = await ask(id)
    t.equal(answer.headers['x-request-id'], id)
    t.equal(answer.json<Failed>().error.requestId, id)
    const lines = logLines(server).filter((line) => line.reqId === id)
    t.match(lines, [{ msg: 'request completed', url: '/api/nothing' }])
  }
  for (const id of ['', 'x'.repeat(129), 'two words', 'semi;colon', 'é', '<b>', '{"a":1}']) {
    const answer = await ask(id)
    const made = answer.headers['x-request-id']
    t.match(made, /^[0-9a-f-]{36}$/, `"${id.slice(0, 20)}" is not echoed`)
    t.equal(answer.json<Failed>().error.requestId, made)
  }
  const [first, second] = await Promise.all([fetch(`${origin}/health`), fetch(`${origin}/health`)])
  t.not(first.headers.get('x-request-id'), second.headers.get('x-request-id'), 'each request has its own')
})

t.test('an unexpected fault is a 500 with a fixed text', async (t) => {
  const app = Fastify().register(errorHandler)
  t.teardown(() => app.close())
  app.get('/', () => {
    throw new Error('secret detail')
  })
  const answer = await app.inject({ url: '/' })
  t.equal(answer.statusCode, 500)
  t.match(answer.json(), {
    success: false,
    error: { code: 'INTERNAL_ERROR', message: errorMessage('INTERNAL_ERROR', 'ko') },
  })
  t.notMatch(answer.body, 'secret detail')
})

t.test('what a browser from an allowed origin may read', async (t) => {
  const { app } = await startTestApp(t, {
    env: { CORS_ORIGINS: 'https://app.example.com,https://name-*.example.app' },
  })
  const ask = (origin: string | undefined, url = '/api/auth/me', headers: Record<string, string> = {}) =>
    app.inject({ url, headers: { ...(origin === undefined ? {} : { origin }), ...headers } })
  const readable = 'access-control-allow-origin'

  for (const origin of [
    'https://app.example.com',
    'https://name-1.example.app',
    'https://name-a-b.example.app',
  ]) {
    const { headers } = await ask(origin)
    t.equal(headers[readable], origin)
    t.equal(headers['access-control-allow-credentials'], 'true')
    t.equal(
      headers['access-control-expose-headers'],
      'X-Request-ID, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Access-Control-Allow-Origin',
    )
    t.match(headers.vary, /origin/i)
  }
  const strangers = [
    'https://evil.example.com',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.net',
    'https://name-.example.app',
    'https://name-a.b.example.app',
    'https://name-a.example.app.evil.net',
    'https://xname-a.example.app',
    'https://name-a.exampleXapp',
    'null',
  ]
  for (const origin of strangers) {
    const answer = await ask(origin)
    t.equal(answer.statusCode, 401, 'the answer is the one that anyone gets')
    t.same(
      Object.keys(answer.headers).filter((name) => name.startsWith('access-control')),
      [],
      `${origin} gets no CORS headers`,
    )
    t.match(answer.headers.vary, /origin/i, 'and a cache knows that others may get them')
  }

  t.test('a refusal without an Origin names the first allowed one', async (t) => {
    t.equal((await ask(undefined)).headers[readable], 'https://app.example.com')
    t.equal((await ask(undefined, '/health')).headers[readable], undefined, 'a success does not')
    t.equal((await ask(undefined, '/api/nothing')).headers[readable], undefined, 'nor does a 404')
  })

  t.test('the own origin is allowed: scheme and Host', async (t) => {
    const own = await ask('http://maeum.local:8000', '/health', { host: 'maeum.local:8000' })
    t.equal(own.headers[readable], 'http://maeum.local:8000')
    const other = await ask('https://maeum.local:8000', '/health', { host: 'maeum.local:8000' })
    t.equal(other.headers[readable], undefined)
  })

  t.test('a preflight from the own origin is no unknown route', async (t) => {
    const { statusCode } = await app.inject({
      method: 'OPTIONS',
      url: '/health',
      headers: {
        origin: 'http://maeum.local:8000',
        host: 'maeum.local:8000',
        'access-control-request-method': 'GET',
      },
    })
    t.equal(statusCode, 204)
  })
})

t.test('with PUBLIC_URL that is the own origin, whatever Host says', async (t) => {
  const { app } = await startTestApp(t, { env: { PUBLIC_URL: 'https://maeum.example.com/base' } })
  const ask = async (origin: string) =>
    (await app.inject({ url: '/health', headers: { origin, host: 'evil.example.com' } })).headers[
      'access-control-allow-origin'
    ]
  t.equal(await ask('https://maeum.example.com'), 'https://maeum.example.com')
  t.equal(await ask('http://evil.example.com'), undefined)
  t.equal(await ask(BROWSER_ORIGIN), BROWSER_ORIGIN, 'the default list goes on to apply')
})

t.test('a preflight is 204 with everything that the contract names', async (t) => {
  const { app } = await startTestApp(t)
  const preflight = (origin: string, url = '/api/session/start') =>
    app.inject({
      method: 'OPTIONS',
      url,
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
  for (const url of ['/api/session/start', '/api/nothing']) {
    const answer = await preflight('http://localhost:3000', url)
    t.equal(answer.statusCode, 204)
    t.equal(answer.body, '')
    t.match(answer.headers, {
      'access-control-allow-origin': 'http://localhost:3000',
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
      'access-control-allow-headers':
        'Content-Type, Authorization, X-Request-ID, X-Device-ID, X-CSRF-Token, X-Timestamp, X-Client-Version',
      'access-control-max-age': '86400',
      'x-request-id': String,
    })
  }
  const stranger = await preflight('https://evil.example.com')
  t.equal(stranger.statusCode, 204, 'no error body')
  t.equal(stranger.body, '')
  t.same(
    Object.keys(stranger.headers).filter((name) => name.startsWith('access-control')),
    [],
  )
})

t.test('the rate limit', async (t) => {
  const LIMIT = 5
  const limited = async (env: Record<string, string> = {}) => {
    const server = await startTestApp(t, { env: { RATE_LIMIT_MAX: String(LIMIT), ...env } })
    const ask = (remoteAddress: string, headers: Record<string, string> = {}, url = '/api/auth/me') =>
      server.app.inject({ url, headers, remoteAddress })
    const spend = async (remoteAddress: string, headers: Record<string, string> = {}) => {
      for (let i = 0; i < LIMIT; i++) await ask(remoteAddress, headers)
    }
    return { ...server, ask, spend }
  }

  t.test('refuses with an envelope and headers that a browser can read', async (t) => {
    const { ask, spend } = await limited()
    t.match((await ask('203.0.113.1')).headers, {
      'x-ratelimit-limit': String(LIMIT),
      'x-ratelimit-remaining': String(LIMIT - 1),
      'x-ratelimit-reset': /^\d+$/,
    })
    await spend('203.0.113.1')
    const refused = await ask('203.0.113.1', { origin: BROWSER_ORIGIN })
    t.equal(refused.statusCode, 429)
    t.match(refused.json(), {
      success: false,
      error: {
        code: 'RATE_LIMITED',
        message: '요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.',
        requestId: String,
      },
    })
    t.match(refused.headers, {
      'access-control-allow-origin': BROWSER_ORIGIN,
      'x-request-id': String,
      'x-ratelimit-limit': String(LIMIT),
      'x-ratelimit-remaining': '0',
    })
    const wait = Number(refused.headers['retry-after'])
    t.ok(wait > 0 && wait <= 600, `Retry-After is ${wait} s`)
    t.equal((await ask('203.0.113.2')).statusCode, 401, 'another address is not affected')
  })

  t.test('counts unknown routes and refused tokens as well', async (t) => {
    const { ask } = await limited()
    for (let i = 0; i < LIMIT; i++) await ask('203.0.113.1', bearer('no.token.here'), '/api/nothing')
    t.equal((await ask('203.0.113.1', {}, '/api/nothing')).statusCode, 429)
    t.equal((await ask('203.0.113.1', {}, '/health')).statusCode, 200, 'the health check is exempt')
    t.equal((await ask('203.0.113.1', {}, '/api/health/ready')).statusCode, 200)
    t.equal((await ask('203.0.113.1', {}, '/metrics')).statusCode, 200)
  })

  t.test('is kept per user when there is one', async (t) => {
    const server = await limited()
    const { ask, spend } = server
    const [mine, other] = [await createAccount(server), await createAccount(server)]
    await spend('203.0.113.1', bearer(mine.accessToken))
    t.equal((await ask('203.0.113.9', bearer(mine.accessToken))).statusCode, 429, 'from any address')
    t.equal((await ask('203.0.113.1', bearer(other.accessToken))).statusCode, 200, 'behind the same NAT')
  })

  t.test('does not believe forwarded headers of strangers', async (t) => {
    const { ask, log } = await limited()
    for (let i = 0; i < LIMIT; i++) await ask('203.0.113.1', { 'x-forwarded-for': `198.51.100.${i}` })
    t.equal((await ask('203.0.113.1', { 'x-forwarded-for': '198.51.100.99' })).statusCode, 429)
    const warnings = log.filter((line) => line.includes('TRUST_PROXY'))
    t.equal(warnings.length, 1, 'the operator is told once')
  })

  t.test('believes the proxy that it is told of, and no further', async (t) => {
    const { ask, log } = await limited({ TRUST_PROXY: '1' })
    for (let i = 0; i < LIMIT; i++)
      await ask('10.0.0.1', { 'x-forwarded-for': `198.51.100.${i}, 203.0.113.7` })
    t.equal((await ask('10.0.0.1', { 'x-forwarded-for': '198.51.100.99, 203.0.113.7' })).statusCode, 429)
    t.equal((await ask('10.0.0.1', { 'x-forwarded-for': '203.0.113.8' })).statusCode, 401)
    t.notOk(log.some((line) => line.includes('TRUST_PROXY')))
  })

  t.test('takes an IPv6 network for one caller', async (t) => {
    const { ask } = await limited()
    for (let i = 0; i < LIMIT; i++) await ask(`2001:db8:1:2::${i}`)
    t.equal((await ask('2001:db8:1:2:ffff::1')).statusCode, 429)
    t.equal((await ask('2001:db8:1:3::1')).statusCode, 401)
  })

  t.test('leaves socket handshakes alone', async (t) => {
    const server = await limited({ RATE_LIMIT_MAX: '3' })
    const account = await createAccount(server)
    const session = await startSession(server, account)
    for (let i = 0; i < 8; i++) {
      const socket = await connect(t, session.wsUrls.session)
      await socket.next('connected')
      socket.socket.close()
      await socket.closed
    }
    const answer = await server.app.inject({ url: '/api/auth/me', headers: bearer(account.accessToken) })
    t.equal(answer.statusCode, 200)
    const address = await server.app.inject({ url: '/api/nothing', remoteAddress: '127.0.0.1' })
    t.equal(address.statusCode, 404)
  })

  t.test('admits a thousand sockets and fifty sessions by default', async (t) => {
    const server = await startTestApp(t, { env: { RATE_LIMIT_MAX: '600' } })
    const account = await createAccount(server)
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        server.app.inject({
          method: 'POST',
          url: '/api/session/start',
          headers: bearer(account.accessToken),
        }),
      ),
    )
    t.ok(answers.every((answer) => answer.statusCode === 201))
  })
})

t.test('bodies', async (t) => {
  const server = await startTestApp(t)
  const { app, origin } = server
  const account = await createAccount(server)
  const headers = bearer(account.accessToken)
  const { sessionId } = await startSession(server, account)
  const post = (url: string, payload: string | undefined, more: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      headers: { ...headers, ...more },
      ...(payload === undefined ? {} : { payload }),
    })
  const login = (payload: string, more: Record<string, string> = JSON_TYPE) =>
    post('/api/auth/login', payload, more)

  t.test('no body, an empty one and null are the empty object', async (t) => {
    for (const command of ['pause', 'resume', 'end']) {
      const url = `/api/session/${sessionId}/${command}`
      t.equal((await post(url, undefined)).statusCode, 200, `${command} without a body`)
      t.equal((await post(url, '', JSON_TYPE)).statusCode, 200, 'empty')
      t.equal((await post(url, 'null', JSON_TYPE)).statusCode, 200, 'null')
      t.equal((await post(url, ' \n', JSON_TYPE)).statusCode, 200, 'white space')
      t.equal((await post(url, '', { 'content-type': 'text/plain' })).statusCode, 200, 'empty text')
      t.equal(
        (await post(url, '', { 'content-type': 'application/x-www-form-urlencoded' })).statusCode,
        200,
        'an empty form',
      )
    }
    t.equal((await post('/api/session/start', undefined)).statusCode, 201)
    t.equal((await post('/api/session/start', '', JSON_TYPE)).statusCode, 201)
    t.equal((await post('/api/session/start', 'null', JSON_TYPE)).statusCode, 201)
    const missing = await login('')
    t.equal(missing.statusCode, 400)
    t.match(missing.json(), {
      error: { code: 'VALIDATION_ERROR', details: [{ field: 'email' }, { field: 'password' }] },
    })
  })

  t.test('over one mebibyte is 413, up to it is read', async (t) => {
    const body = (length: number) => JSON.stringify({ x: 'x'.repeat(length) })
    const frame = body(0).length
    const start = (payload: string) => post('/api/session/start', payload, JSON_TYPE)
    t.equal((await start(body(1024 * 1024 - frame))).statusCode, 201)
    const refused = await start(body(1024 * 1024 - frame + 1))
    t.equal(refused.statusCode, 413)
    t.match(refused.json(), { success: false, error: { code: 'BODY_TOO_LARGE', requestId: String } })
  })

  t.test('what is not JSON is 400', async (t) => {
    for (const payload of ['{', '{"email":', "{'email':1}", 'undefined', '[1,]', '{"a":NaN}']) {
      const answer = await login(payload)
      t.equal(answer.statusCode, 400, payload)
      t.equal(answer.json<Failed>().error.code, 'INVALID_JSON')
    }
    for (const payload of ['[]', '"text"', '1', 'true'])
      t.match((await login(payload)).json(), { error: { code: 'VALIDATION_ERROR' } }, payload)
  })

  t.test('a body that would change prototypes is 400', async (t) => {
    const poison = [
      '{"__proto__":{"admin":true}}',
      '{"email":"a@b.kr","password":"x","constructor":{"prototype":{"admin":true}}}',
      '{"\\u005f_proto__":{}}',
    ]
    for (const payload of poison) {
      const answer = await login(payload)
      t.equal(answer.statusCode, 400, payload)
      t.equal(answer.json<Failed>().error.code, 'INVALID_JSON')
    }
  })

  t.test('another content type is 415', async (t) => {
    for (const type of ['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'nonsense']) {
      const answer = await login('email=a@b.kr', { 'content-type': type })
      t.equal(answer.statusCode, 415, type)
      t.equal(answer.json<Failed>().error.code, 'UNSUPPORTED_MEDIA_TYPE')
    }
    t.equal((await login('{}', { 'content-type': 'application/json; charset=utf-8' })).statusCode, 400)
  })

  t.test('unknown keys are ignored', async (t) => {
    const payload = { email: account.email, password: account.password, remember: true, deep: { a: [1] } }
    t.equal((await login(JSON.stringify(payload))).statusCode, 200)
  })

  t.test('text that the database cannot hold is 400, wherever it is', async (t) => {
    const bad = ['a\u0000b', '\u0000', 'lone \ud800 surrogate', '\udc00']
    for (const text of bad) {
      const name = JSON.stringify(text)
      const answers = await Promise.all([
        login(JSON.stringify({ email: `${text}@b.kr`, password: 'password123' })),
        login(JSON.stringify({ email: account.email, password: text })),
        post(
          '/api/auth/signup',
          JSON.stringify({ username: `ab${text}`, email: 'nul@example.com', password: 'password123' }),
          JSON_TYPE,
        ),
        post('/api/session/start', JSON.stringify({ userId: text }), JSON_TYPE),
        app.inject({ method: 'PUT', url: '/api/auth/profile', headers, payload: { username: `ab${text}` } }),
        app.inject({
          method: 'PUT',
          url: '/api/auth/profile',
          headers,
          payload: { profileImage: `https://a/${text}` },
        }),
      ])
      for (const answer of answers) {
        t.equal(answer.statusCode, 400, name)
        t.equal(answer.json<Failed>().error.code, 'VALIDATION_ERROR')
      }
    }
    t.equal(
      (await login(JSON.stringify({ email: '😀@b.kr', password: 'p' }))).statusCode,
      401,
      'emoji are fine',
    )
    t.equal((await app.inject({ url: '/api/session/sess_%00', headers })).statusCode, 404)
  })

  t.test('an upload that announces too much is refused before it is read', async (t) => {
    const socket = connectTcp(Number(new URL(origin).port), '127.0.0.1')
    socket.write(
      'POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{',
    )
    const answer = await text(socket)
    t.match(answer, /^HTTP\/1\.1 413 /)
    t.match(answer, '"code":"BODY_TOO_LARGE"')
  })
})

t.test('what is said of field faults', async (t) => {
  const { app } = await startTestApp(t)
  const signup = (payload: object, headers: Record<string, string> = {}) =>
    app.inject({ method: 'POST', url: '/api/auth/signup', payload, headers })
  type Details = { error: { details: { field: string; message: string }[] } }

  const korean = (await signup({ username: 'a', email: 'nowhere', password: 7 })).json<Details>()
  t.same(korean.error.details, [
    { field: 'username', message: '2자 이상이어야 합니다.' },
    { field: 'email', message: '형식이 올바르지 않습니다.' },
    { field: 'password', message: '문자열이어야 합니다.' },
  ])
  const english = (await signup({ password: 'short' }, { 'accept-language': 'en' })).json<Details>()
  t.same(
    english.error.details.toSorted((a, b) => a.field.localeCompare(b.field)),
    [
      { field: 'email', message: 'is required' },
      { field: 'password', message: 'must have at least 8 characters' },
      { field: 'username', message: 'is required' },
    ],
  )
})

t.test('addresses', async (t) => {
  const { app, origin } = await startTestApp(t)

  t.test('an unknown one is 404 and names its path', async (t) => {
    const answer = await app.inject({ method: 'DELETE', url: '/api/unknown/thing?secret=1' })
    t.equal(answer.statusCode, 404)
    t.match(answer.json(), {
      success: false,
      error: { code: 'NOT_FOUND', details: { path: '/api/unknown/thing' } },
    })
    t.notMatch(answer.body, 'secret')
    t.equal((await app.inject({ url: '/api/auth/login' })).statusCode, 404)
  })

  t.test('a malformed one is 400 like any other refusal', async (t) => {
    const answer = await fetch(`${origin}/api/session/%E0%A4%A`, {
      headers: { origin: BROWSER_ORIGIN, 'x-request-id': 'malformed-1' },
    })
    t.equal(answer.status, 400)
    t.match(await answer.json(), {
      success: false,
      error: { code: 'BAD_REQUEST', requestId: 'malformed-1' },
    })
    t.equal(answer.headers.get('x-request-id'), 'malformed-1')
    t.equal(answer.headers.get('access-control-allow-origin'), BROWSER_ORIGIN)
    t.equal(answer.headers.get('cache-control'), 'no-store')
  })

  t.test('a very long one is a refusal, not a fault', async (t) => {
    const answer = await fetch(`${origin}/api/session/${'x'.repeat(4000)}`)
    t.ok([401, 404].includes(answer.status), `status ${answer.status}`)
    t.match(await answer.json(), { success: false, error: { code: String, requestId: String } })
    t.ok(answer.headers.get('x-request-id'))
  })

  t.test('everything under /api is not to be stored', async (t) => {
    const urls = ['/api/health', '/api/health/ready', '/api/auth/me', '/api/nothing']
    for (const url of urls) t.equal((await app.inject({ url })).headers['cache-control'], 'no-store', url)
    t.not((await app.inject({ url: '/docs/json' })).headers['cache-control'], 'no-store')
  })

  t.test('no answer tells the next site where it came from', async (t) => {
    for (const url of ['/', '/docs', '/api/health', '/api/nothing'])
      t.equal((await app.inject({ url })).headers['referrer-policy'], 'no-referrer', url)
  })

  t.test('liveness answers GET and HEAD', async (t) => {
    for (const url of ['/health', '/api/health']) {
      const answer = await app.inject({ url })
      t.equal(answer.statusCode, 200)
      t.match(answer.json(), {
        status: 'ok',
        timestamp: Number,
        uptime: Number,
        version: /^\d+\.\d+/,
        commit: String,
      })
      const head = await fetch(`${origin}${url}`, { method: 'HEAD' })
      t.equal(head.status, 200)
      t.equal(await head.text(), '')
    }
    const ready = await app.inject({ url: '/api/health/ready' })
    t.equal(ready.statusCode, 200)
    t.match(ready.json(), {
      status: 'ready',
      checks: { database: { ok: true }, schema: { ok: true, details: [] }, model: { ok: true } },
    })
  })

  t.test('the bare address greets machines and sends people to the console', async (t) => {
    const machine = await app.inject({ url: '/' })
    t.equal(machine.statusCode, 200)
    t.match(machine.json(), { status: 'ok', message: String })
    const browser = await app.inject({
      url: '/',
      headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' },
    })
    t.equal(browser.statusCode, 302)
    t.equal(browser.headers.location, '/console/')
  })

  t.test('the document is OpenAPI 3.1 and knows the routes', async (t) => {
    const answer = await app.inject({ url: '/docs/json' })
    t.equal(answer.statusCode, 200)
    const document = answer.json<{ openapi: string; paths: Record<string, object> }>()
    t.match(document.openapi, /^3\.1\./)
    for (const path of ['/api/auth/signup', '/api/session/{id}/end', '/api/health/ready'])
      t.ok(document.paths[path], path)
    t.notOk(Object.keys(document.paths).some((path) => path.includes('*')))
  })
})

t.test('metrics', async (t) => {
  const TOKEN = 'a-long-random-word'
  const SECRETS = { JWT_SECRET: 'a secret for tests, of more than 32 characters', NODE_ENV: 'production' }
  const status = async (server: TestApp, remoteAddress: string, headers: Record<string, string> = {}) =>
    (await server.app.inject({ url: '/metrics', remoteAddress, headers })).statusCode

  const open = await startTestApp(t)
  t.equal(await status(open, '203.0.113.1'), 200, 'open in development')
  t.match((await open.app.inject({ url: '/metrics' })).body, /^maeum_http_request_seconds_count/m)

  const guarded = await startTestApp(t, { env: { METRICS_TOKEN: TOKEN } })
  t.equal(await status(guarded, '127.0.0.1'), 401, 'a token, when set, is needed from everywhere')
  t.equal(await status(guarded, '203.0.113.1', bearer(TOKEN)), 200)
  for (const wrong of ['', 'a-long-random-wore', `${TOKEN}x`, TOKEN.slice(1)])
    t.equal(await status(guarded, '203.0.113.1', bearer(wrong)), 401)
  t.equal(await status(guarded, '203.0.113.1', { authorization: TOKEN }), 401)

  const production = await startTestApp(t, { env: { ...SECRETS, TRUST_PROXY: '1' } })
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1'])
    t.equal(await status(production, address), 200, address)
  t.equal(await status(production, '203.0.113.1'), 403)
  t.equal(await status(production, '203.0.113.1', { 'x-forwarded-for': '127.0.0.1' }), 403)
  t.equal(
    await status(production, '127.0.0.1', { 'x-forwarded-for': '203.0.113.1' }),
    403,
    'a proxy on this machine speaks for somebody else',
  )
  for (const server of [open, production]) {
    for (const host of ['localhost', 'localhost:8000', '127.0.0.1:8000', '[::1]:8000'])
      t.equal(await status(server, '127.0.0.1', { host }), 200, host)
    for (const host of ['evil.example:8000', 'localhost.evil.example', '127.0.0.1.evil.example', 'evil'])
      t.equal(
        await status(server, '127.0.0.1', { host, origin: `http://${host}` }),
        403,
        `a page that has made its name ${host} lead to this machine`,
      )
  }
})
