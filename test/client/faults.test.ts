import t, { type Test } from 'tap'
import { memoryTokens } from '../../client/index.ts'
import { DEFAULT_POLICY } from '../../client/channel-connection.ts'
import { backoffMs } from '../../client/reconnect.ts'
import { decodeFrame } from '../../src/live/frames/binary-frame.ts'
import { frameNumberOf } from '../../src/lib/binary-header.ts'
import { eventually } from '../helpers/eventually.ts'
import { clientOf, film, polite, QUICK, startFake, watch } from './kit.ts'

t.jobs = 4
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true, timeout: 300_000 }, check)

test('frames go in the form and at the rate that the server asks for', async (t) => {
  const fake = await startFake(t, { onSocket: polite() })
  const forms: Record<string, number> = { float32: 24 + 478 * 12, int16: 24 + 478 * 6 }
  for (const [at, format] of (['float32', 'int16'] as const).entries()) {
    const session = await clientOf(fake.origin).startSession({ format, channels: ['landmarks'] })
    watch(t, session)
    film(t, session)
    const received = await eventually(
      () => fake.sockets[at]?.received ?? [],
      (messages) => messages.length >= 3,
    )
    const frames = received.filter((message) => typeof message !== 'string')
    t.equal(frames[0]?.length, forms[format])
    const decoded = frames.map((bytes) => decodeFrame(bytes))
    t.match(decoded[0], { width: 640, height: 480 })
    t.ok(frameNumberOf(frames[0] ?? Buffer.alloc(0)), 'numbered')
    session.close()
  }
  const plain = await clientOf(fake.origin).startSession({ format: 'json', channels: ['landmarks'] })
  watch(t, plain)
  film(t, plain)
  const text = await eventually(
    () => fake.sockets[2]?.received[0],
    (message) => message !== undefined,
  )
  t.match(JSON.parse(String(text)), { type: 'landmarks', width: 640, height: 480, frame: Number })
})

test('a server that is away is tried until it is back, whatever a proxy says meanwhile', async (t) => {
  let isAway = false
  let refusals = 0
  const fake = await startFake(t, {
    onSocket: polite(),
    tickets: true,
    block: () =>
      isAway && refusals < 12 && refusals++ >= 0 ? [503, 404, 403, 200][refusals % 4] : undefined,
    refuse: () => (isAway && refusals++ < 16 ? 503 : undefined),
  })
  const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'], reconnect: QUICK })
  const seen = watch(t, session)
  await seen.has('open')
  isAway = true
  fake.sockets[0]?.raw.terminate()
  await seen.has('open', 2)
  t.ok(seen.all('reconnecting').length > 3, 'more often than three times')
  t.same(seen.all('ended'), [])
  for (const { reason } of seen.all('reconnecting')) t.notMatch(reason, /Syntax|token/, reason)
})

test('pauses grow to ten seconds, and ten minutes are the end, unless told', (t) => {
  t.match(DEFAULT_POLICY, { giveUpMs: 600_000, capMs: 10_000, maxTries: Number.POSITIVE_INFINITY })
  const longest = Array.from({ length: 200 }, () =>
    backoffMs(50, DEFAULT_POLICY.baseMs, DEFAULT_POLICY.capMs),
  )
  t.ok(Math.max(...longest) <= 10_000)
  t.ok(new Set(longest).size > 100, 'clients come back apart')
  return Promise.resolve()
})

test('a session is given up sooner when that is wanted', async (t) => {
  for (const [tries, policy] of [
    [5, { ...QUICK, maxTries: 5 }],
    [0, { ...QUICK, giveUpMs: 0 }],
  ] as const) {
    const fake = await startFake(t, {
      onSocket: polite(),
      refuse: (attempt) => (attempt > 0 ? 503 : undefined),
    })
    const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'], reconnect: policy })
    const seen = watch(t, session)
    await seen.has('open')
    fake.sockets[0]?.raw.terminate()
    t.match(await seen.has('ended'), { reason: 'unreachable' })
    t.same(
      seen.all('reconnecting').map(({ attempt }) => attempt),
      Array.from({ length: tries }, (_, i) => i + 1),
    )
    for (const { attempt, delayMs } of seen.all('reconnecting'))
      t.ok(delayMs <= Math.min(100, 20 * 2 ** (attempt - 1)), `${attempt}: ${delayMs} ms`)
  }
})

test('the session channel is not given up while faces go on', async (t) => {
  let refusals = 0
  const fake = await startFake(t, {
    onSocket: polite(),
    refuse: (_attempt, channel) => (channel === 'session' && refusals++ < 6 ? 503 : undefined),
  })
  const policy = { ...QUICK, maxTries: 2, giveUpMs: 0 }
  const seen = watch(t, await clientOf(fake.origin).startSession({ reconnect: policy }))
  await seen.has('open', 2)
  t.same(
    seen.all('open').map(({ channel }) => channel),
    ['landmarks', 'session'],
  )
  t.same([seen.all('ended'), seen.all('error')], [[], []])
})

test('a login that is over ends the session, and so the tries', async (t) => {
  let isOver = false
  const fake = await startFake(t, { onSocket: polite(), refuse: () => (isOver ? 401 : undefined) })
  const refused = { success: false, error: { code: 'INVALID_REFRESH_TOKEN', message: 'over' } }
  const client = clientOf(fake.origin, {
    tokens: memoryTokens({ accessToken: 'a', refreshToken: 'r' }),
    fetch: async (input, init) => (isOver ? Response.json(refused, { status: 401 }) : fetch(input, init)),
  })
  const seen = watch(t, await client.startSession({ reconnect: QUICK }))
  await seen.has('open', 2)
  isOver = true
  for (const { raw } of fake.sockets) raw.terminate()
  t.match(await seen.has('ended'), { reason: 'signed_out' })
})

test('a handshake whose failure is no close is noticed all the same', async (t) => {
  const fake = await startFake(t, { onSocket: polite() })
  /** As the one built into Node 22: after a refused handshake it says `error`, and nothing more. */
  class Silent {
    readonly readyState = 0
    readonly bufferedAmount = 0
    readonly protocol = ''
    addEventListener(type: string, listener: (event: { readonly type: string }) => void): void {
      if (type === 'error') setImmediate(() => listener({ type }))
    }
    send(): void {
      throw new Error('it is not open')
    }
    close(): void {
      return
    }
  }
  const reconnect = { ...QUICK, connectMs: 600_000, heartbeatMs: 600_000 }
  const client = clientOf(fake.origin, { WebSocket: Silent })
  const seen = watch(t, await client.startSession({ channels: ['landmarks'], reconnect }))
  t.match(await seen.has('reconnecting', 3), { attempt: 3 })
})

test('410 in the handshake is the end, and so is a session that turns out to have ended', async (t) => {
  for (const [refusal, status] of [
    [410, 'active'],
    [500, 'ended'],
  ] as const) {
    const fake = await startFake(t, { onSocket: polite(), refuse: () => refusal, status: () => status })
    const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'], reconnect: QUICK })
    const seen = watch(t, session)
    t.match(await seen.has('ended'), { reason: 'gone' })
    t.same(seen.all('reconnecting'), [])
  }
})

test('1008 is the end, or a new session when one is asked for, but not for ever', async (t) => {
  const fake = await startFake(t, {
    onSocket: ({ send, raw }) => {
      send({ type: 'error', data: { code: 'SESSION_NOT_FOUND', message: 'gone', action: 'new_session' } })
      raw.close(1008, 'SESSION_NOT_FOUND')
    },
  })
  const client = clientOf(fake.origin)
  const one = watch(t, await client.startSession({ channels: ['landmarks'] }))
  t.match(await one.has('ended'), { reason: 'gone', detail: 'SESSION_NOT_FOUND', sessionId: 'sess_1' })
  t.match(one.all('error'), [{ code: 'SESSION_NOT_FOUND' }])
  const renewing = await client.startSession({ channels: ['landmarks'], renew: true })
  const more = watch(t, renewing)
  t.match(await more.has('ended'), { reason: 'gone', sessionId: 'sess_5' }, 'three more, and no further')
})

test('a server that closes us for our own next socket ends nothing', async (t) => {
  const fake = await startFake(t, {
    onSocket: (socket, all) => {
      if (all.length === 1) {
        polite()(socket)
        socket.send({ type: 'goaway', data: { timeLeftMs: 100 } })
        return
      }
      // As the real one does: the older socket is closed before the newer one is greeted.
      all[0]?.raw.once('close', () => polite()(socket))
      all[0]?.raw.close(4001, 'SUPERSEDED')
    },
  })
  const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'] })
  const seen = watch(t, session)
  await seen.has('open', 2)
  t.same(seen.all('ended'), [])
})

test('a socket that is never greeted is given up', async (t) => {
  const fake = await startFake(t, {
    onSocket: (socket, all) => (all.length > 1 ? polite()(socket) : undefined),
  })
  const session = await clientOf(fake.origin).startSession({
    channels: ['landmarks'],
    reconnect: { ...QUICK, connectMs: 1000 },
  })
  const seen = watch(t, session)
  await seen.has('open')
  t.match(seen.all('reconnecting'), [{ attempt: 1, reason: 'no greeting' }])
})

test('without a network no try is spent, and with its return none is waited for', async (t) => {
  let online = true
  const listeners = new Set<(online: boolean) => void>()
  const connectivity = {
    isOnline: () => online,
    onChange: (listener: (online: boolean) => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  const turn = (to: boolean) => {
    online = to
    for (const listener of [...listeners]) listener(to)
  }
  let isMute = false
  const fake = await startFake(t, {
    onSocket: (socket) => {
      if (!isMute) polite()(socket)
    },
  })
  const session = await clientOf(fake.origin, { connectivity }).startSession({
    channels: ['landmarks'],
    reconnect: { baseMs: 600_000, capMs: 600_000, connectMs: 600_000 },
  })
  const seen = watch(t, session)
  await seen.has('open')
  turn(false)
  fake.sockets[0]?.raw.terminate()
  t.match(await seen.has('reconnecting'), { attempt: 0, reason: 'offline' })
  turn(true)
  await seen.has('open', 2)

  t.comment('nor is a handshake that the lost network has swallowed')
  isMute = true
  fake.sockets[1]?.raw.terminate()
  await seen.has('reconnecting', 2)
  turn(true)
  await eventually(
    () => fake.sockets.length,
    (count) => count === 3,
  )
  isMute = false
  turn(true)
  await seen.has('open', 3)
  session.close()
  t.equal(listeners.size, 0, 'nobody listens any more')
})

test('each socket has a ticket of its own where the server gives them, and is not asked twice where it does not', async (t) => {
  const giving = await startFake(t, { onSocket: polite(), tickets: true })
  const seen = watch(t, await clientOf(giving.origin).startSession({ reconnect: QUICK }))
  await seen.has('open', 2)
  giving.sockets[0]?.raw.terminate()
  await seen.has('open', 3)
  const tickets = giving.sockets.map(({ url }) => new URL(url, giving.origin).searchParams.get('ticket'))
  t.same([...tickets].sort(), ['ticket-1', 'ticket-2', 'ticket-3'])

  const old = await startFake(t, { onSocket: polite() })
  const other = watch(
    t,
    await clientOf(old.origin).startSession({ channels: ['landmarks'], reconnect: QUICK }),
  )
  await other.has('open')
  old.sockets[0]?.raw.terminate()
  await other.has('open', 2)
  t.equal(old.requests.filter((line) => line.endsWith('/ticket')).length, 1)
})

test('an answer of the counsellor that breaks off is told so', async (t) => {
  const fake = await startFake(t, {
    onSocket: (socket, all) => {
      polite()(socket)
      if (all.length > 1) return
      socket.send({ type: 'ai_stream_begin', data: { timestamp: 1, emotion: null } })
      socket.send({ type: 'ai_stream_chunk', data: { chunk: 'You ', timestamp: 2 } })
      setImmediate(() => socket.raw.terminate())
    },
  })
  const seen = watch(t, await clientOf(fake.origin).startSession({ channels: ['session'], reconnect: QUICK }))
  await seen.has('ai', 3)
  t.match(seen.all('ai'), [
    { type: 'begin' },
    { type: 'chunk', chunk: 'You ' },
    { type: 'error', code: 'CONNECTION_LOST' },
  ])
})
