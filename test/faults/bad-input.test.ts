import { randomBytes } from 'node:crypto'
import { connect as connectTcp } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { CHANNELS } from '../../src/domain/session.ts'
import { Connection } from '../../src/live/channels/connection.ts'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frameOf, frames } from '../helpers/frames.ts'

const INTERVAL_MS = 800
const PING_MS = 300
const LIMIT_BYTES = 256 * 1024

const server = await startTestApp(t, {
  env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), WS_PING_INTERVAL_MS: String(PING_MS) },
})
const account = await createAccount(server)

async function landmarks(t: Test): Promise<TestSocket & { session: StartedSession }> {
  const session = await startSession(server, account)
  return { ...(await connect(t, session.wsUrls.landmarks)), session }
}

const [happy = []] = faces('happy', 1)
const [goodFrame = ''] = frames('happy', 1)

/** Fails unless the socket still answers and its session's next good frame still counts. */
async function stillWorks(t: Test, { send, next }: TestSocket, about: string): Promise<void> {
  send({ type: 'ping' })
  await next('pong')
  send(goodFrame)
  t.match((await next('emotion_update')).data, { emotion: 'happy' }, `${about}: the next good frame counts`)
}

const withPoint = (point: unknown) => frameOf([...happy.slice(1), point])
/** JSON text with a coordinate that `JSON.stringify` would never write. */
const withNumber = (text: string) => withPoint({ x: '#', y: 0, z: 0 }).replace('"#"', text)
const nested = (depth: number, close: string) => `{"type":"landmarks","data":${'['.repeat(depth)}${close}}`

const BAD_MESSAGES: Record<string, string | Buffer> = {
  'empty message': '',
  'no JSON': 'hello',
  'cut JSON': goodFrame.slice(0, -10),
  null: 'null',
  number: '5',
  array: '[]',
  'object without a type': '{}',
  'type of another type': '{"type":5}',
  'unknown type': '{"type":"dance"}',
  'type of a prototype': '{"__proto__":{"type":"ping"}}',
  'name of an inherited thing': '{"type":"constructor"}',
  'NaN as a number': withNumber('NaN'),
  'Infinity as a number': withNumber('Infinity'),
  'brackets without end': nested(100_000, ''),
  'binary noise': randomBytes(50_000),
  'a good frame as binary': Buffer.from(goodFrame),
}

const BAD_FRAMES: Record<string, string> = {
  'no data': '{"type":"landmarks"}',
  'data null': frameOf(null),
  'data of a prototype': `{"type":"landmarks","__proto__":${JSON.stringify({ data: happy })}}`,
  'data an object': frameOf({ length: 478 }),
  'data a string': frameOf('x'.repeat(478)),
  'no point': frameOf([]),
  'one point': frameOf(happy.slice(0, 1)),
  'one point too few': frameOf(happy.slice(1)),
  'one point too many': frameOf([...happy, happy[0]]),
  'many points': frameOf(Array.from({ length: 60_000 }, () => 0)),
  'a point null': withPoint(null),
  'a point as an array': withPoint([0, 0, 0]),
  'a point without z': withPoint({ x: 0, y: 0 }),
  'a coordinate as text': withPoint({ x: '0.5', y: 0, z: 0 }),
  '1e308': withNumber('1e308'),
  '-1e308': withNumber('-1e308'),
  'a number beyond all': withNumber('1e999'),
  'deep nesting': nested(60_000, ']'.repeat(60_000)),
}

t.test('bad input is answered by its code, the socket and the session live on', async (t) => {
  const cases = [
    ...Object.entries(BAD_MESSAGES).map(([name, message]) => ({ name, message, code: 'INVALID_MESSAGE' })),
    ...Object.entries(BAD_FRAMES).map(([name, message]) => ({ name, message, code: 'INVALID_FRAME' })),
  ]
  await Promise.all(
    cases.map(async ({ name, message, code }) => {
      const socket = await landmarks(t)
      socket.socket.send(message)
      const { data } = await socket.next('error')
      t.match(data, { code, message: /[가-힣]/, timestamp: Number }, name)
      await stillWorks(t, socket, name)
      t.equal(socket.messages.filter(({ type }) => type === 'error').length, 1)
    }),
  )
})

t.test('complaints come at most once a second', async (t) => {
  const { socket, messages } = await landmarks(t)
  const errors = () => messages.filter(({ type }) => type === 'error')
  await eventually(
    () => {
      for (let i = 0; i < 3; i++) socket.send('nonsense')
      return errors().length
    },
    (count) => count === 2,
  )
  const [first, second] = errors().map(({ data }) => Number(data['timestamp']))
  t.ok(Number(second) - Number(first) >= 999, `${Number(second) - Number(first)} ms apart`)
})

t.test('what is too big is cut off with 1009, what just fits is read', async (t) => {
  const points = frameOf(Array.from({ length: 200_000 }, () => happy[0]))
  const padded = (bytes: number) => goodFrame.padEnd(bytes, ' ')
  for (const [about, message] of Object.entries({
    'one byte too many': padded(LIMIT_BYTES + 1),
    '200,000 points': points,
    '50 MB': Buffer.alloc(50_000_000, 32),
  })) {
    const { socket, closed } = await landmarks(t)
    socket.on('error', () => undefined) // what is left unsent when the server closes
    socket.send(message)
    t.match(await closed, { code: 1009 }, about)
  }
  const socket = await landmarks(t)
  socket.send(padded(LIMIT_BYTES))
  t.match((await socket.next('emotion_update')).data, { frameCount: 1 })
})

t.test('the other channels refuse the same way', async (t) => {
  const { wsUrls } = await startSession(server, account)
  for (const channel of ['voice', 'session'] as const) {
    for (const message of ['', 'nonsense', '[]', '{"type":"__proto__"}', '{"type":"landmarks"}']) {
      const { socket, send, next } = await connect(t, wsUrls[channel])
      socket.send(message)
      t.match((await next('error')).data, { code: 'INVALID_MESSAGE' }, `${channel}: ${message}`)
      send({ type: 'ping' })
      await next('pong')
    }
    const { socket, closed } = await connect(t, wsUrls[channel])
    socket.send(Buffer.alloc(LIMIT_BYTES + 1, 32))
    t.match(await closed, { code: 1009 })
  }
})

t.test('noise of every kind ends no socket', async (t) => {
  const { wsUrls } = await startSession(server, account)
  for (const channel of CHANNELS) {
    const { socket, send, next } = await connect(t, wsUrls[channel])
    for (let i = 0; i < 100; i++) {
      const text = i % 2 === 0 ? goodFrame : '{"type":"pause","data":{"message":"x"}}'
      const place = Math.floor(Math.random() * text.length)
      const noise = randomBytes(1 + (i % 5)).toString('latin1')
      socket.send(text.slice(0, place) + noise + text.slice(place + (i % 7)))
    }
    send({ type: 'ping' })
    t.ok(await next('pong'), channel)
  }
})

t.test('points that are no face give no number that is none', async (t) => {
  const mesh = (point: (i: number) => { x: number; y: number; z: number }) =>
    frameOf(Array.from({ length: 478 }, (_, i) => point(i)))
  const noFaces = {
    'one place': mesh(() => ({ x: 0.5, y: 0.5, z: 0 })),
    'a line': mesh((i) => ({ x: i / 478, y: 0, z: 0 })),
    'no depth': mesh((i) => ({ x: Math.sin(i), y: Math.cos(i), z: 0 })),
    'next to nothing': mesh((i) => ({ x: i * 1e-320, y: 5e-324, z: -5e-324 })),
    'far out': mesh((i) => ({
      x: i % 2 === 0 ? 16 : -16,
      y: i % 3 === 0 ? 16 : -16,
      z: i % 5 === 0 ? 16 : -16,
    })),
    noise: mesh(() => ({ x: Math.random(), y: Math.random(), z: Math.random() })),
    'far noise': mesh(() => ({
      x: 32 * Math.random() - 16,
      y: 32 * Math.random() - 16,
      z: 32 * Math.random() - 16,
    })),
    'impossible image': frameOf(happy, { width: 1, height: 16_384 }),
  }
  await Promise.all(
    Object.entries(noFaces).map(async ([name, text]) => {
      const socket = await landmarks(t)
      for (let i = 0; i < 5; i++) socket.send(text)
      // The next window, so that this one has closed.
      await eventually(
        () => Date.now(),
        (now) => now > socket.session.startedAt + 1.2 * INTERVAL_MS,
      )
      await stillWorks(t, { ...socket, next: afterFirst(socket) }, name)
      const updates = socket.messages.filter(({ type }) => type === 'emotion_update')
      for (const { data } of updates) {
        const { confidence, valence, arousal, dominance, scores } = data
        const numbers = [confidence, valence, arousal, dominance, ...Object.values(scores as object)]
        t.ok(numbers.every(Number.isFinite), `${name}: ${JSON.stringify(data)}`)
      }
      const [row] = await eventually(
        () =>
          server.database
            .sql`select count(*)::int as stored from emotion_windows where session_id = ${socket.session.sessionId}`,
        ([stored]) => stored?.['stored'] === updates.length,
      )
      t.equal(row?.['stored'], updates.length, `${name}: all that was delivered is stored`)
    }),
  )
})

/** Takes the update of a good frame, whether or not one of the window before has come. */
function afterFirst({ next }: TestSocket): TestSocket['next'] {
  return async (type) => {
    for (;;) {
      const message = await next(type)
      if (type !== 'emotion_update' || message.data['frameCount'] === 1) return message
    }
  }
}

t.test('a flood from one socket is dropped and counted, others are served', async (t) => {
  const flooding = await landmarks(t)
  const honest = await landmarks(t)
  for (let i = 0; i < 5000; i++) flooding.socket.send(goodFrame)
  honest.send(goodFrame)
  const begun = performance.now()
  t.match((await honest.next('emotion_update')).data, { emotion: 'happy', frameCount: 1 })
  t.comment(`the honest update took ${Math.round(performance.now() - begun)} ms`)
  await stillWorks(t, flooding, 'flood')
  const { frameCount } = flooding.messages.find(({ type }) => type === 'emotion_update')?.data ?? {}
  t.ok(Number(frameCount) <= 40)
  const metrics = await server.app.inject('/metrics')
  const [, skipped] = /maeum_frames_total\{fate="over_rate"\} (\d+)/.exec(metrics.body) ?? []
  t.ok(Number(skipped) > 3000, `${String(skipped)} frames above the rate`)
  const { session, closed } = flooding
  await server.app.inject({
    method: 'POST',
    url: `/api/session/${session.sessionId}/end`,
    headers: bearer(account.accessToken),
  })
  t.match(await closed, { code: 1000 })
  const count = async () =>
    (await server.database.sql`select landmark_count from sessions where id = ${session.sessionId}`)[0]
  await eventually(count, (row) => Number(row?.['landmark_count']) === 5001)
})

t.test('a peer that never reads is dropped, others are served meanwhile', async (t) => {
  const session = await startSession(server, account)
  const { port, pathname } = new URL(session.wsUrls.landmarks)
  const open = async () => {
    const { body } = await server.app.inject('/metrics')
    return Number(/maeum_sockets\{channel="landmarks"\} (\d+)/.exec(body)?.[1])
  }
  await eventually(open, (count) => count === 0)
  const deaf = connectTcp(Number(port), '127.0.0.1')
  t.teardown(() => deaf.destroy())
  deaf.pause()
  deaf.write(
    `GET ${pathname}?sessionId=${session.sessionId} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\n` +
      'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await eventually(open, (count) => count === 1)
  const honest = await landmarks(t)
  await stillWorks(t, honest, 'beside the deaf one')
  await eventually(open, (count) => count === 1)
  t.equal(honest.socket.readyState, WebSocket.OPEN)
})

t.test('a peer whose buffer is full is cut off, not waited for', async (t) => {
  const calls: string[] = []
  const socket = {
    OPEN: WebSocket.OPEN,
    readyState: WebSocket.OPEN as number,
    bufferedAmount: 1024 * 1024,
    send: () => calls.push('send'),
    ping: () => calls.push('ping'),
    terminate: () => {
      socket.readyState = WebSocket.CLOSED
      calls.push('terminate')
    },
  }
  const connection = new Connection({
    socket: socket as unknown as WebSocket, // what a connection uses of it
    channel: 'landmarks',
    sessionId: 'sess_x',
    startedAt: 0,
    language: 'ko',
    monotonic: () => 0,
  })
  t.ok(connection.send({ type: 'pong', timestamp: 1 }))
  socket.bufferedAmount++
  t.notOk(connection.send({ type: 'pong', timestamp: 2 }))
  t.notOk(connection.send({ type: 'pong', timestamp: 3 }))
  t.same(calls, ['send', 'terminate'])
})

t.test('after all this the server is well', async (t) => {
  const answer = await server.app.inject('/api/health')
  t.equal(answer.statusCode, 200)
  t.notMatch((await server.app.inject('/metrics')).body, /maeum_internal_errors_total\{/)
  t.notOk('polluted' in {})
})
