import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { createClient } from '../../client/index.ts'

const TIMEOUT_MS = 1000

/** All that is ready to happen without the passing of time has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A server whose body comes piece by piece, and a clock that the test turns. */
function setting(t: Test) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let body: ReadableStreamDefaultController<Uint8Array> | undefined
  let given: AbortSignal | null | undefined
  const client = createClient({
    server: 'http://maeum.test',
    timeoutMs: TIMEOUT_MS,
    fetch: async (_input, init) => {
      given = init?.signal
      return new Response(new ReadableStream({ start: (controller) => void (body = controller) }), {
        headers: { 'content-type': 'application/json' },
      })
    },
  })
  return {
    client,
    isCut: () => given?.aborted,
    pass: async (ms: number) => {
      await settled()
      mock.timers.tick(ms)
      await settled()
    },
    send: (text: string) => body?.enqueue(new TextEncoder().encode(text)),
    end: () => body?.close(),
  }
}

t.test('a download may take longer than the bound on silence while it keeps coming', async (t) => {
  const { client, isCut, pass, send, end } = setting(t)
  const answer = await client.fetch('/api/user/export')
  t.equal(answer.headers.get('content-type'), 'application/json')
  const file = answer.blob()
  for (let piece = 0; piece < 30; piece++) {
    await pass(TIMEOUT_MS - 1)
    send('1234567890')
  }
  await settled()
  end()
  t.equal((await file).size, 300)
  t.equal((await file).type, 'application/json')
  t.notOk(isCut(), 'nothing was given up')
})

t.test('a body that stops coming is given up', async (t) => {
  const { client, isCut, pass, send } = setting(t)
  const answer = await client.fetch('/api/user/export')
  const read = t.rejects(answer.text(), { code: 'TIMEOUT', retryable: true })
  send('12345')
  await pass(TIMEOUT_MS - 1)
  t.notOk(isCut())
  await pass(TIMEOUT_MS)
  await read
  t.ok(isCut(), 'and so is the request')
})

t.test('the time in which a page does not read a body is not held against the server', async (t) => {
  const { client, isCut, pass, send, end } = setting(t)
  const answer = await client.fetch('/api/user/export')
  await pass(100 * TIMEOUT_MS)
  send('12345')
  end()
  t.equal(await answer.text(), '12345')
  t.notOk(isCut())
})

t.test('a caller may give a call up, and its signal is let go of', async (t) => {
  const caller = new AbortController()
  const reason = new Error('no longer wanted')
  const { client, isCut } = setting(t)
  const asked = client.call('GET /api/auth/me', { signal: caller.signal })
  await settled()
  caller.abort(reason)
  await t.rejects(asked, reason)
  t.ok(isCut())
  await t.rejects(client.call('GET /api/auth/me', { signal: caller.signal }), reason)
})
