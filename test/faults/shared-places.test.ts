import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { mock } from 'node:test'
import Fastify, { type FastifyRequest, type FastifyServerOptions } from 'fastify'
import t, { type Test } from 'tap'
import { createShares } from '../../src/models/shares.ts'
import { createStream } from '../../src/features/privacy/export/stream.ts'
import { privacyRoutes } from '../../src/features/privacy/routes.ts'
import { reportRoutes } from '../../src/features/reports/routes.ts'
import { errorHandler } from '../../src/plugins/error-handler.ts'
import { type Account, bearer, createAccount, startTestApp, type TestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import * as steps from '../helpers/gemini-steps.ts'

// What all users share, and what one of them may take of it.

const WAV = new Uint8Array([...Buffer.from('RIFF\0\0\0\0WAVEfmt '), ...new Array<number>(400).fill(7)])

/** An application without database in which the header `x-user` names the user. */
async function createUserApp(t: Test, options: FastifyServerOptions = {}) {
  const app = Fastify(options).setValidatorCompiler(() => () => true)
  t.teardown(() => app.close())
  app.decorateRequest('principal', null)
  app.decorate('authentication', {
    require: async (request: FastifyRequest) => {
      request.principal = { userId: Number(request.headers['x-user']), familyId: 'f', counter: 1 }
    },
  } as never) // what these routes use of it
  await app.register(errorHandler)
  return app
}

/** An export whose last piece, a y, comes only after `finish`. */
function createLateExport() {
  let finish: () => void = () => undefined
  const isFinished = new Promise<void>((resolve) => {
    finish = resolve
  })
  return {
    finish: () => finish(),
    async *pieces() {
      yield 'x'.repeat(64 * 1024)
      await isFinished
      yield 'y'
    },
  }
}

/** A recording whose upload begins and does not end. */
function beginUpload(t: Test, { origin }: TestApp, { accessToken }: Account): ClientRequest {
  const sent = request(`${origin}/api/stt/transcribe`, {
    method: 'POST',
    headers: { ...bearer(accessToken), 'content-type': 'multipart/form-data; boundary=b' },
  })
  t.teardown(() => sent.destroy())
  sent.on('error', () => undefined) // cut off at the end of the test
  sent.write(
    '--b\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\nContent-Type: audio/wav\r\n\r\nabc',
  )
  return sent
}

t.test('slow uploads of one user leave slots for recordings of others', async (t) => {
  const double = await createGeminiDouble(t, [steps.answer('안녕하세요')])
  const server = await startTestApp(t, {
    env: {
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: double.baseUrl,
      GEMINI_MODELS: 'gemini-3.5-flash-lite',
    },
  })
  const greedy = await createAccount(server)
  const refused: IncomingMessage[] = []
  const twoRefused = new Promise<void>((resolve) => {
    for (let i = 0; i < 4; i++)
      beginUpload(t, server, greedy).on('response', (answer: IncomingMessage) => {
        if (refused.push(answer) === 2) resolve()
      })
  })
  await twoRefused
  for (const { statusCode, headers } of refused) {
    t.equal(statusCode, 429)
    t.ok(Number(headers['retry-after']) > 0)
  }
  const { accessToken } = await createAccount(server)
  const body = new FormData()
  body.append('audio', new Blob([WAV], { type: 'audio/wav' }), 'recording')
  const answer = await fetch(`${server.origin}/api/stt/transcribe`, {
    method: 'POST',
    headers: bearer(accessToken),
    body,
  })
  t.equal(answer.status, 200)
})

t.test('documents of one user do not fill the queue of the printer', async (t) => {
  const app = await createUserApp(t)
  const printing: (() => void)[] = []
  await app.register(reportRoutes, {
    service: { report: async () => ({ metadata: { startedAt: 0 } }) } as never,
    printer: {
      print: () => new Promise<Readable>((resolve) => printing.push(() => resolve(Readable.from(['%PDF'])))),
    } as never,
  })
  const print = (user: number) =>
    app.inject({ url: '/sess_x/report/pdf', headers: { 'x-user': String(user) } })
  const first = print(1)
  await eventually(
    () => printing.length,
    (count) => count === 1,
  )
  for (let i = 0; i < 16; i++) {
    const refused = await print(1)
    t.match(refused.json(), { success: false, error: { code: 'RATE_LIMITED' } })
    t.ok(Number(refused.headers['retry-after']) > 0)
  }
  const other = print(2)
  await eventually(
    () => printing.length,
    (count) => count === 2,
  )
  for (const finish of printing) finish()
  for (const answer of [await first, await other]) t.equal(answer.statusCode, 200)
  const again = print(1)
  await eventually(
    () => printing.length,
    (count) => count === 3,
  )
  printing[2]?.()
  t.equal((await again).statusCode, 200, 'the place is free again')
})

t.test('a slow reader gets all of an export, and the time of the queries makes none slow', async (t) => {
  let now = 0
  async function* rows() {
    for (let i = 0; i < 20; i++) yield 'x'.repeat(64 * 1024)
  }
  const { body: read, isSlow: isReadSlowly } = createStream(rows(), () => now)
  let bytes = 0
  await once(read, 'readable')
  for (let turn = 0; turn < 1000 && !read.readableEnded; turn++) {
    bytes += (read.read() as Buffer | null)?.length ?? 0
    await new Promise(setImmediate)
    now += 120_000 // a little each two minutes
  }
  t.equal(bytes, 20 * 64 * 1024)
  t.ok(isReadSlowly())

  const late = createLateExport()
  const { body: waiting, isSlow } = createStream(late.pieces(), () => now)
  let text = ''
  waiting.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  await once(waiting, 'data')
  await new Promise(setImmediate)
  now += 600_000
  t.notOk(isSlow())
  late.finish()
  await once(waiting, 'end')
  t.ok(text.endsWith('y'))
})

t.test('the inactivity timeout does not end an export', async (t) => {
  const app = await createUserApp(t, { connectionTimeout: 100 })
  const late = createLateExport()
  await app.register(privacyRoutes, {
    exports: { begin: async () => late.pieces() },
    erasure: {} as never, // not used
    onExport: () => undefined,
  })
  await app.listen()
  const { port } = app.server.address() as AddressInfo // listening on TCP
  const [answer] = (await once(
    request({ port, path: '/export', headers: { 'x-user': '1' } }).end(),
    'response',
  )) as [IncomingMessage]
  let text = ''
  answer.on('error', () => undefined) // it may be cut off
  answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  await once(answer, 'data')
  // Silent since later than the export, so its timeout is over later too.
  const silent = connect(port).resume()
  await once(silent, 'close')
  late.finish()
  await finished(answer).catch(() => undefined)
  t.ok(text.endsWith('y'))
})

t.test('a slow export loses its place only to a user who needs it', async (t) => {
  let now = 0
  const app = await createUserApp(t)
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  /** Ends late, as one that waits for a query. */
  async function* rows() {
    try {
      for (let i = 0; i < 1000; i++) yield 'x'.repeat(64 * 1024)
    } finally {
      await released
    }
  }
  await app.register(privacyRoutes, {
    exports: { begin: async () => rows() },
    erasure: {} as never,
    onExport: () => undefined,
    monotonic: () => now,
  })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const begin = async (user: number) => {
    const asked = request(`${origin}/export`, { headers: { 'x-user': String(user) } }).end()
    t.teardown(() => asked.destroy())
    asked.on('error', () => undefined)
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    answer.on('error', () => undefined)
    return answer
  }
  const cutOf = (answer: IncomingMessage) =>
    new Promise((resolve) => {
      answer.once('close', resolve)
      answer.resume()
    })
  const [first, second] = [await begin(1), await begin(2)]
  now += 3_600_000 // these two have been slow for an hour
  for (const user of [3, 4]) t.equal((await begin(user)).statusCode, 200)

  const cut = [first, second].map(cutOf)
  t.equal((await begin(5)).statusCode, 200, 'the first slow one has made room')
  t.equal((await begin(1)).statusCode, 200, 'and may begin anew, where the second makes room')
  release()
  await Promise.all(cut)
  for (const { complete } of [first, second]) t.notOk(complete)
  t.equal((await begin(6)).statusCode, 503, 'all four places are taken by readers that are not slow')
  t.equal((await begin(3)).statusCode, 429, 'and they go on')
  now += 3_600_000
  t.equal((await begin(3)).statusCode, 200, 'a user whose connection was lost begins anew')
  t.equal((await begin(3)).statusCode, 429)
})

t.test('one user takes a share of a minute and of a day of the models', (t) => {
  let now = 0
  const shares = createShares({
    perMinute: { requests: 100, tokens: 100_000 },
    dailyBudgetMicroUsd: 1_000_000,
    clock: () => now,
  })
  let taken = 0
  while (shares.take(1, 100)) taken++
  t.equal(taken, 25, 'requests')
  t.ok(shares.take(2, 100), 'others have their own')
  now += 60_000
  t.ok(shares.take(1, 90_000), 'one large request fits')
  t.notOk(shares.take(1, 100), 'tokens')
  now += 60_000
  shares.spend(1, 100_000)
  t.notOk(shares.take(1, 100), 'the budget of the day')
  t.ok(shares.take(2, 100))
  now += 86_400_000
  t.ok(shares.take(1, 100), 'the next day is another')
  t.end()
})

t.test(
  'a body of many parts is refused before it is parsed, and on no route it is not parsed at all',
  async (t) => {
    const server = await startTestApp(t)
    const { accessToken } = await createAccount(server)
    const parsed = mock.method(JSON, 'parse')
    t.teardown(() => parsed.mock.restore())
    const parsedLengths = () => parsed.mock.calls.map(({ arguments: [text] }) => text.length)
    const keys = JSON.stringify({
      preferences: Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`k${i.toString(36)}`, 1])),
    })
    const put = (payload: string) =>
      server.app.inject({
        method: 'PUT',
        url: '/api/user/preferences',
        headers: { ...bearer(accessToken), 'content-type': 'application/json' },
        payload,
      })
    const refused = await put(keys)
    t.equal(refused.statusCode, 413)
    t.match(refused.json(), { error: { code: 'OBJECT_TOO_LARGE' } })
    const small = `{"preferences":{"a":[${'1,'.repeat(7900)}1]}}`
    t.equal((await put(small)).statusCode, 200, 'every object of 16 KiB has fewer')
    const nowhere = await server.app.inject({
      method: 'POST',
      url: '/api/nothing',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ a: 'x'.repeat(100_000) }),
    })
    t.equal(nowhere.statusCode, 404)
    t.ok(parsedLengths().every((length) => length < 50_000))
  },
)
