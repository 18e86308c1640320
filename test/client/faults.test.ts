import t, { type Test } from 'tap'
import { decodeFrame } from '../../src/features/analysis/binary-frame.ts'
import { frameNumberOf } from '../../src/lib/binary-header.ts'
import { eventually } from '../helpers/eventually.ts'
import { answerTo, clientOf, film, GREETING, numbersOf, startFake, watch } from './kit.ts'

const QUICK = { baseMs: 20, capMs: 100 }
const RATE = { type: 'rate', data: { fps: 20, formats: ['json', 'float32.v1', 'int16.v1'] } }

t.jobs = 4
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true, timeout: 60_000 }, check)

/** A server that greets every socket, tells the rate, and answers `resume` as it is told to. */
const polite =
  (resumed: object = { recovered: true, frame: 0, window: 1 }) =>
  ({ channel, send, raw }: Parameters<Parameters<typeof startFake>[1]['onSocket']>[0]) => {
    send(GREETING)
    if (channel === 'landmarks') send(RATE)
    raw.on('message', (data: Buffer, isBinary) => {
      if (isBinary) return
      const { type } = JSON.parse(data.toString()) as { type: string } // our own client's
      if (type === 'ping') send({ type: 'pong', timestamp: Date.now() })
      if (type === 'resume') send({ type: 'resumed', data: resumed })
    })
  }

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

test('after a loss the server gets again what it has not had, and nothing that it has', async (t) => {
  let had = 0
  const fake = await startFake(t, {
    onSocket: (socket, all) => {
      const isFirst = all.length === 1
      polite({ recovered: false, frame: had, window: 1 })(socket)
      if (isFirst)
        socket.raw.on('message', () => {
          const numbers = numbersOf(socket)
          if (numbers.length !== 5) return
          had = numbers[2] ?? 0 // the last two never arrived, as far as the next one knows
          socket.raw.terminate()
        })
    },
  })
  const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'], reconnect: QUICK })
  const seen = watch(t, session)
  film(t, session)
  await eventually(
    () => fake.sockets[1]?.received.length ?? 0,
    (count) => count >= 5,
  )
  const [first, second] = fake.sockets.map(numbersOf)
  t.same(second?.slice(0, 2), first?.slice(3), 'the two again, in order')
  t.same(
    second?.map((number) => number - had),
    second?.map((_, i) => i + 1),
    'then the next ones, none left out',
  )
  const { type, data } = JSON.parse(String(fake.sockets[1]?.received[0]))
  t.match([type, data.window], ['resume', 0])
  t.ok(data.frame >= (first?.at(-1) ?? Number.NaN), 'it says what it has sent')
  t.ok(seen.all('reconnecting').length === 1)
})

test('three tries are enough, and as many as wished', async (t) => {
  for (const [maxTries, policy] of [
    [3, QUICK],
    [5, { ...QUICK, maxTries: 5 }],
  ] as const) {
    const fake = await startFake(t, {
      onSocket: (socket) => polite()(socket),
      refuse: (attempts) => (attempts > 0 ? 503 : undefined),
    })
    const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'], reconnect: policy })
    const seen = watch(t, session)
    await seen.has('open')
    fake.sockets[0]?.raw.terminate()
    t.match(await seen.has('ended'), { reason: 'unreachable' })
    t.same(
      seen.all('reconnecting').map(({ attempt }) => attempt),
      Array.from({ length: maxTries }, (_, i) => i + 1),
    )
    for (const { attempt, delayMs } of seen.all('reconnecting'))
      t.ok(delayMs <= Math.min(100, 20 * 2 ** (attempt - 1)), `${attempt}: ${delayMs} ms`)
  }
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

test('a server that goes away is left for the next before it closes', async (t) => {
  const fake = await startFake(t, {
    onSocket: (socket, all) => {
      polite()(socket)
      if (all.length === 1) socket.send({ type: 'goaway', data: { timeLeftMs: 2000 } })
    },
  })
  const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'] })
  const seen = watch(t, session)
  film(t, session)
  await eventually(
    () => fake.sockets[0]?.raw.readyState,
    (state) => state === 3,
  )
  t.equal(fake.sockets.length, 2)
  t.equal(fake.sockets[1]?.raw.readyState, 1, 'the next was there before the first was left')
  t.same(seen.all('reconnecting'), [])
  t.same(seen.all('ended'), [])
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

test('lies are survived: nothing is believed that cannot be, and complaints are few', async (t) => {
  const lies: unknown[] = [
    ...['', '{', 'null', '[]', '"x"', '{"type":7}', '{"data":{}}'],
    { type: 'emotion_update' },
    { type: 'emotion_update', data: null },
    answerTo(1, { window: -1 }),
    answerTo(1, { window: 1.5 }),
    answerTo(1, { confidence: 'high' }),
    answerTo(1, { scores: null }),
    { type: 'status_update', data: { status: 'asleep', duration: -4 } },
    { type: 'rate', data: { fps: 0 } },
    { type: 'rate', data: { fps: 'fast', formats: 'all' } },
    { type: 'rate', data: null },
    { type: 'resumed', data: { recovered: 'yes', frame: 1e300, window: 'x' } },
    { type: 'goaway', data: { timeLeftMs: -1e9 } },
    { type: 'connected', data: [] },
    { type: 'news_of_a_later_version', data: { a: 1 } },
  ]
  const fake = await startFake(t, {
    onSocket: (socket) => {
      polite()(socket)
      if (socket.channel !== 'landmarks') return
      socket.raw.send(Buffer.from([1, 2, 3]), { binary: true })
      for (const lie of lies) socket.send(lie)
      socket.send(RATE)
      socket.send(answerTo(3))
      socket.send(answerTo(3))
      socket.send(answerTo(3, { revision: 2, emotion: 'sad' }))
      socket.send(answerTo(2))
    },
  })
  const session = await clientOf(fake.origin).startSession({ channels: ['landmarks'] })
  const seen = watch(t, session)
  film(t, session)
  await seen.has('emotion', 3)
  t.same(
    seen.all('emotion').map(({ window, revision, emotion }) => [window, revision, emotion]),
    [
      [3, 1, 'happy'],
      [3, 2, 'sad'],
      [2, 1, 'happy'],
    ],
  )
  t.match(seen.all('error'), [{ code: 'BAD_MESSAGE' }], 'one complaint a second at most')
  t.equal(seen.all('error').length, 1)
  const numbers = await eventually(
    () => fake.sockets.flatMap(numbersOf),
    (list) => list.length >= 3,
  )
  t.ok(numbers.length >= 3, 'and frames still flow')
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

test('a silent server is asked first, and only then given up', async (t) => {
  let answers = true
  const fake = await startFake(t, {
    onSocket: (socket, all) => {
      socket.send(GREETING)
      if (all.length > 1) return
      socket.raw.on('message', () => {
        if (answers) socket.send({ type: 'pong', timestamp: 1 })
      })
    },
  })
  const session = await clientOf(fake.origin).startSession({
    channels: ['landmarks'],
    reconnect: { ...QUICK, heartbeatMs: 300 },
  })
  const seen = watch(t, session)
  await eventually(
    () => fake.sockets[0]?.received.length ?? 0,
    (pings) => pings >= 3,
  )
  t.same(seen.all('reconnecting'), [], 'who answers is there')
  answers = false
  t.match(await seen.has('reconnecting'), { reason: 'silent' })
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
  const fake = await startFake(t, { onSocket: polite() })
  const session = await clientOf(fake.origin, { connectivity }).startSession({
    channels: ['landmarks'],
    reconnect: { baseMs: 60_000, capMs: 60_000 },
  })
  const seen = watch(t, session)
  await seen.has('open')
  turn(false)
  fake.sockets[0]?.raw.terminate()
  t.match(await seen.has('reconnecting'), { attempt: 0, reason: 'offline' })
  turn(true)
  await seen.has('open', 2)
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
