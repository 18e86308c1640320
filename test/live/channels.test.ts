import { once } from 'node:events'
import { request } from 'node:http'
import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { CHANNELS, type Channel } from '../../src/domain/session.ts'
import { createAdmissions } from '../../src/live/channels/admission.ts'
import {
  BROWSER_ORIGIN,
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { holdTable } from '../helpers/hold-table.ts'
import { createScriptedModel } from '../helpers/scripted-model.ts'
import { NOTHING_LEARNT } from '../../src/live/face/learnt.ts'
import { plainSafe } from '../helpers/plain-vault.ts'

const INTERVAL_MS = 400
const PING_MS = 200
const ENV = { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), WS_PING_INTERVAL_MS: String(PING_MS) }

const server = await startTestApp(t, { env: ENV })
const account = await createAccount(server)
const start = () => startSession(server, account)

const socketUrl = (channel: string, sessionId: string, { origin }: TestApp = server) =>
  `${origin.replace('http', 'ws')}/ws/${channel}/${sessionId}`

const command = (session: StartedSession, word: string, on: TestApp = server) =>
  on.app.inject({
    method: 'POST',
    url: `/api/session/${session.sessionId}/${word}`,
    headers: bearer(account.accessToken),
  })

/** How a handshake ends: `admitted`, or the client's error, which names the HTTP status. */
const knock = (t: Test, url: string, headers: Record<string, string> = {}): Promise<string> =>
  connect(t, url, headers).then(
    () => 'admitted',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )

/** The answer to a GET over plain HTTP, with the headers given. */
async function get(url: string, headers: Record<string, string> = {}) {
  const sent = request(url, { headers }).end()
  const signal = AbortSignal.timeout(60_000)
  const answered = once(sent, 'response', { signal }).then(([response]) => ({ response, socket: undefined }))
  const upgraded = once(sent, 'upgrade', { signal }).then(([response, socket]) => ({ response, socket }))
  const { response, socket } = await Promise.race([answered, upgraded])
  socket?.destroy()
  response.resume()
  return { status: Number(response.statusCode), headers: response.headers }
}

t.test('both forms of the address greet on every channel', async (t) => {
  const session = await start()
  for (const channel of CHANNELS) {
    for (const url of [session.wsUrls[channel], socketUrl(channel, session.sessionId)]) {
      const { next, messages } = await connect(t, url)
      const { data } = await next('connected')
      t.equal(messages[0]?.type, 'connected', `${channel}: connected is the first message`)
      t.match(data, { channel, sessionId: session.sessionId })
      t.match(data['message'], /인공지능/, 'a person is told that a machine looks at them')
      if (channel === 'landmarks') t.match(data, { analysisInterval: INTERVAL_MS, maxFrames: 40 })
      if (channel === 'session') {
        t.match(data, { status: 'active' })
        t.same(data['commands'], ['pause', 'resume', 'end', 'get_status'])
      }
    }
  }
})

t.test('ping is answered on every channel in every state, and the server pings', async (t) => {
  const session = await start()
  const sockets = await Promise.all(CHANNELS.map((channel) => connect(t, session.wsUrls[channel])))
  const pongs = async (state: string) => {
    for (const [i, { send, next }] of sockets.entries()) {
      for (const ping of [{ type: 'ping' }, { type: 'ping', data: { ts: 1 } }, { ts: 1, type: 'ping' }]) {
        send(ping)
        t.type((await next('pong')).timestamp, 'number', `${CHANNELS[i] ?? ''} while ${state}`)
      }
    }
  }
  await pongs('active')
  await command(session, 'pause')
  await pongs('paused')
  for (const { next } of sockets) {
    const { data } = await next('ping')
    t.ok(Number.isInteger(data['ts']) && Math.abs(Number(data['ts']) - Date.now()) < 60_000)
  }
})

t.test('ping is answered after the end while the socket is still there', async (t) => {
  const { model, next: asked } = createScriptedModel()
  const slow = await startTestApp(t, {
    database: server.database,
    env: { ...ENV, ANALYSIS_INTERVAL_MS: '5000' },
    model,
  })
  const session = await startSession(slow, account)
  const sockets = await Promise.all(CHANNELS.map((channel) => connect(t, session.wsUrls[channel])))
  const [landmarks] = sockets
  for (const frame of frames('happy', 5)) landmarks?.send(frame)
  landmarks?.send({ type: 'ping' })
  await landmarks?.next('pong')
  await command(session, 'end', slow)
  const call = await asked()
  for (const { send, next } of sockets) {
    send({ type: 'ping' })
    t.ok(await next('pong'))
  }
  call.fail('overloaded')
  t.match((await landmarks?.next('emotion_update'))?.data, { emotion: 'happy', source: 'local' })
  for (const { closed } of sockets) t.match(await closed, { code: 1000, reason: 'SESSION_ENDED' })
})

t.test('a peer that is silent for three intervals is dropped, one that answers pings is kept', async (t) => {
  const session = await start()
  const begun = performance.now()
  const silent = new WebSocket(session.wsUrls.voice, { origin: BROWSER_ORIGIN, autoPong: false })
  t.teardown(() => silent.terminate())
  const answering = await connect(t, session.wsUrls.voice)
  const [code] = await once(silent, 'close', { signal: AbortSignal.timeout(60_000) })
  t.equal(code, 1006, 'cut without a farewell')
  t.ok(performance.now() - begun >= 3 * PING_MS, 'not before three intervals have passed')
  t.equal(answering.socket.readyState, WebSocket.OPEN)
})

t.test('fields are accepted in data and at the top level', async (t) => {
  const session = await start()
  const voice = await connect(t, session.wsUrls.voice)
  const spoken = { isSpeech: true, duration: 120, energy: 0.4, timestamp: 1 }
  for (const message of [
    { type: 'vad_result', ...spoken },
    { type: 'vad_result', data: spoken },
    { type: 'stt_text', text: '안녕하세요' },
    { type: 'stt_text', data: { text: '안녕하세요' } },
  ]) {
    voice.send(message)
  }
  const control = await connect(t, session.wsUrls.session)
  control.send({ type: 'pause', data: {}, timestamp: 1 })
  t.match((await control.next('pause_success')).data, { status: 'paused' })
  control.send({ type: 'request_ai_response', data: { message: '안녕', emotion: null } })
  t.match((await control.next('ai_stream_complete')).data, { fullResponse: /./, source: 'local' })
  voice.send({ type: 'ping' })
  await voice.next('pong')
  for (const { messages } of [voice, control]) t.notOk(messages.some(({ type }) => type === 'error'))
})

t.test('of two sockets the newest that sends frames feeds and receives', async (t) => {
  const session = await start()
  const older = await connect(t, session.wsUrls.landmarks)
  const hidden = await connect(t, session.wsUrls.landmarks)
  const send = (socket: TestSocket) => {
    for (const frame of frames('happy', 3)) socket.send(frame)
  }
  const updates = ({ messages }: TestSocket) =>
    messages.filter(({ type }) => type === 'emotion_update').length
  // A tab sends all the time: in a window without a frame of any socket the newest one receives.
  let isHidden = true
  const feeding = setInterval(() => {
    if (!isHidden) send(hidden)
    send(older)
  }, 40)
  t.teardown(() => clearInterval(feeding))
  await older.next('emotion_update')
  await older.next('emotion_update')
  t.equal(updates(hidden), 0, 'a tab that sends nothing keeps its socket and takes nothing')
  for (const text of ['{"type":"landmarks","data":[]}', '{"type":"ping"}']) hidden.send(text)
  await hidden.next('pong')
  await older.next('emotion_update')
  t.equal(updates(hidden), 0, 'what is no frame changes nothing')

  isHidden = false
  await hidden.next('emotion_update')
  const before = updates(older)
  await hidden.next('emotion_update')
  await hidden.next('emotion_update')
  t.equal(updates(older), before, 'both send: the newer one has it')

  isHidden = true
  await eventually(
    () => updates(older),
    (count) => count > before,
  )
  clearInterval(feeding)
  t.equal(older.socket.readyState, WebSocket.OPEN)
  t.equal(hidden.socket.readyState, WebSocket.OPEN)
})

t.test('a mesh of another library is refused with a word, and no window is made of it', async (t) => {
  const session = await start()
  const { send, next, messages } = await connect(t, session.wsUrls.landmarks)
  const [frame] = frames('happy', 1)
  const { data } = JSON.parse(String(frame)) as { data: unknown[] }
  const swapped = [...data.slice(0, 468), ...data.slice(473), ...data.slice(468, 473)]
  for (let i = 0; i < 5; i++) send({ type: 'landmarks', data: swapped, timestamp: i })
  t.match((await next('error')).data, { code: 'INVALID_FRAME', message: /홍채/ })
  send(frame)
  t.match((await next('emotion_update')).data, { frameCount: 1 })
  t.equal(messages.filter(({ type }) => type === 'emotion_update').length, 1)
})

t.test('a dead session is closed once with 1008 and refused in the handshake after that', async (t) => {
  const ended = await start()
  await command(ended, 'end')
  const dead = [
    [ended.sessionId, 'SESSION_ENDED'],
    [`sess_${'x'.repeat(32)}`, 'SESSION_NOT_FOUND'],
    ['nonsense', 'SESSION_NOT_FOUND'],
    [`sess_${'%00'.repeat(8)}`, 'SESSION_NOT_FOUND'],
  ] as const
  for (const [id, code] of dead) {
    for (const channel of CHANNELS) {
      const { next, closed } = await connect(t, socketUrl(channel, id))
      t.match((await next('error')).data, { code, message: /[가-힣]/, action: 'new_session' })
      t.match(await closed, { code: 1008, reason: code })
      t.match(await knock(t, socketUrl(channel, id)), '410', `${channel} ${code}`)
    }
  }
  const query = await connect(t, `${server.origin.replace('http', 'ws')}/ws/landmarks`)
  t.match(await query.closed, { code: 1008, reason: 'SESSION_NOT_FOUND' }, 'no id at all')
})

t.test('a refusal is for one address, channel and session only', async (t) => {
  const proxied = await startTestApp(t, { database: server.database, env: { ...ENV, TRUST_PROXY: '1' } })
  const from = (address: string) => ({ 'x-forwarded-for': address })
  const dead = `sess_${'y'.repeat(32)}`
  const live = await start()
  const told = async (channel: Channel, id: string, address: string) =>
    (await (await connect(t, socketUrl(channel, id, proxied), from(address))).closed).code
  t.equal(await told('landmarks', dead, '192.0.2.1'), 1008)
  t.match(await knock(t, socketUrl('landmarks', dead, proxied), from('192.0.2.1')), '410')
  t.equal(await told('landmarks', dead, '192.0.2.2'), 1008, 'another address')
  t.equal(await told('voice', dead, '192.0.2.1'), 1008, 'another channel')
  t.equal(await told('landmarks', `sess_${'z'.repeat(32)}`, '192.0.2.1'), 1008, 'another id')
  t.equal(await knock(t, socketUrl('landmarks', live.sessionId, proxied), from('192.0.2.1')), 'admitted')
})

t.test('a lookup that fails is 503 in the handshake, and nothing is held against the session', async (t) => {
  const session = await start()
  const { sql } = server.database
  await sql`alter table sessions rename to away`
  try {
    for (const channel of CHANNELS) {
      for (let attempt = 0; attempt < 2; attempt++) t.match(await knock(t, session.wsUrls[channel]), '503')
    }
  } finally {
    await sql`alter table away rename to sessions`
  }
  for (const channel of CHANNELS) t.equal(await knock(t, session.wsUrls[channel]), 'admitted')
})

t.test('browsers of other origins stay outside', async (t) => {
  const { wsUrls } = await start()
  t.match(await knock(t, wsUrls.session, { origin: 'https://evil.example' }), '403')
  t.match(await knock(t, wsUrls.session, { origin: 'null' }), '403')
  t.match(await knock(t, wsUrls.session, { origin: `${BROWSER_ORIGIN}.evil.example` }), '403')
  t.equal(await knock(t, wsUrls.session, { origin: server.origin }), 'admitted', 'its own origin')
  const program = new WebSocket(wsUrls.session) // sends no Origin
  t.teardown(() => program.terminate())
  await once(program, 'open', { signal: AbortSignal.timeout(60_000) })
})

t.test('a plain GET is asked to upgrade, and an unknown channel is not there', async (t) => {
  const { sessionId } = await start()
  const plain = await get(`${server.origin}/ws/landmarks/${sessionId}`)
  t.equal(plain.status, 426)
  t.equal(plain.headers['upgrade'], 'websocket')
  t.equal((await get(`${server.origin}/ws/landmarks?sessionId=${sessionId}`)).status, 426)
  t.match(await knock(t, socketUrl('eyes', sessionId)), '404')
})

t.test('only the newer protocol is selected, and only for who offers it', async (t) => {
  const { sessionId } = await start()
  const handshake = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': Buffer.alloc(16).toString('base64'),
    'sec-websocket-extensions': 'permessage-deflate',
  }
  const address = `${server.origin}/ws/landmarks/${sessionId}`
  const other = await get(address, { ...handshake, 'sec-websocket-protocol': 'chat' })
  t.equal(other.status, 101)
  t.notOk('sec-websocket-protocol' in other.headers)
  t.notOk('sec-websocket-extensions' in other.headers, 'nor compression')
  const newer = await get(address, { ...handshake, 'sec-websocket-protocol': 'chat, maeum.v2' })
  t.equal(newer.headers['sec-websocket-protocol'], 'maeum.v2')
})

t.test(
  'the newer of two landmarks sockets feeds and receives; the older takes over when it closes',
  async (t) => {
    const session = await start()
    const older = await connect(t, session.wsUrls.landmarks)
    const newer = await connect(t, session.wsUrls.landmarks)
    const both = [older, newer]

    for (const frame of frames('happy', 3)) older.send(frame)
    for (const frame of frames('sad', 2)) newer.send(frame)
    const { data } = await newer.next('emotion_update')
    t.match(data, { frameCount: 2 }, 'only the frames of the newer count')

    await command(session, 'pause')
    await newer.next('session_paused')
    await command(session, 'resume')
    await newer.next('session_resumed')
    for (const socket of both) {
      socket.send({ type: 'ping' })
      await socket.next('pong')
    }
    const heard = new Set(older.messages.map(({ type }) => type))
    t.same(
      [...heard].filter((type) => type !== 'ping').sort(),
      ['connected', 'pong'],
      'the older hears nothing else',
    )

    newer.socket.close()
    await newer.closed
    for (const frame of frames('happy', 4)) older.send(frame)
    const after = await older.next('emotion_update')
    t.match(after.data, { frameCount: 4 })
    t.ok(Number(after.data['window']) > Number(data['window']))
  },
)

t.test('the session channel shows the state and takes commands', async (t) => {
  const session = await start()
  const { next, send, closed, messages } = await connect(t, session.wsUrls.session)
  await next('connected')
  const view = {
    sessionId: session.sessionId,
    startedAt: session.startedAt,
    duration: Number,
    emotionCount: 0,
  }
  const first = await next('status_update')
  t.match(first.data, { ...view, status: 'active', pausedAt: null, endedAt: null, landmarkCount: 0 })

  for (const [word, status, time] of [
    ['pause', 'paused', 'pausedAt'],
    ['resume', 'active', 'resumedAt'],
  ] as const) {
    send({ type: word })
    t.match((await next(`${word}_success`)).data, { ...view, status, [time]: Number })
    t.match((await next('status_update')).data, { ...view, status })
  }
  send({ type: 'get_status' })
  t.match((await next('status_update')).data, { ...view, status: 'active' })

  send({ type: 'end' })
  t.match((await next('end_success')).data, { ...view, status: 'ended', endedAt: Number })
  t.match(await closed, { code: 1000, reason: 'SESSION_ENDED' })
  t.match(messages.at(-1), { type: 'status_update', data: { status: 'ended' } })
})

t.test('what REST changes is announced on every channel that shows it', async (t) => {
  const session = await start()
  const control = await connect(t, session.wsUrls.session)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  await control.next('status_update')
  for (const [word, status, announced] of [
    ['pause', 'paused', 'session_paused'],
    ['resume', 'active', 'session_resumed'],
    ['end', 'ended', 'session_ended'],
  ] as const) {
    await command(session, word)
    t.match((await control.next('status_update')).data, { status })
    const { data } = await landmarks.next(announced)
    t.type(data['timestamp'], 'number')
    if (word === 'end') t.type(data['duration'], 'number')
  }
  t.match(await control.closed, { code: 1000 })
  t.match(await landmarks.closed, { code: 1000 })
})

t.test('a session socket refuses what is unknown and answers pings while the database hangs', async (t) => {
  const session = await start()
  const { next, send, messages } = await connect(t, session.wsUrls.session)
  await next('status_update')
  send({ type: 'dance' })
  t.match((await next('error')).data, { code: 'INVALID_MESSAGE', message: /[가-힣]/, timestamp: Number })

  const unlock = await holdTable(server, 'sessions')
  for (let i = 0; i < 100; i++) send({ type: 'get_status' })
  send({ type: 'ping' })
  await next('pong')
  unlock()
  await next('status_update')
  send({ type: 'pause' }) // behind all that was taken before
  await next('pause_success')
  const updates = messages.filter(({ type }) => type === 'status_update').length
  t.ok(updates < 50, `a flood of commands is not queued up without bound: ${updates}`)
})

t.test('after end the last window is delivered, then the sockets close with 1000', async (t) => {
  const session = await start()
  const { next, send, closed, messages } = await connect(t, session.wsUrls.landmarks)
  for (const frame of frames('happy', 10)) send(frame)
  send({ type: 'ping' })
  await next('pong')
  await command(session, 'end')
  t.match(await closed, { code: 1000, reason: 'SESSION_ENDED' })
  const types = messages.map(({ type }) => type)
  t.equal(types.filter((type) => type === 'emotion_update').length, 1)
  t.ok(types.includes('session_ended'))
})

t.test('another instance on the same database goes on with the next window', async (t) => {
  const first = await startTestApp(t, { database: server.database, env: ENV })
  const session = await startSession(first, account)
  const before = await connect(t, session.wsUrls.landmarks)
  const sessionSocket = await connect(t, session.wsUrls.session)
  const windows: number[] = []
  for (let i = 0; i < 2; i++) {
    for (const frame of frames('happy', 3)) before.send(frame)
    windows.push(Number((await before.next('emotion_update')).data['window']))
  }
  const closing = first.app.close()
  t.match(await before.closed, { code: 1001 }, 'come back')
  t.match(await sessionSocket.closed, { code: 1001 })
  await closing

  const second = await startTestApp(t, { database: server.database, env: ENV })
  for (const channel of CHANNELS) {
    t.equal(await knock(t, socketUrl(channel, session.sessionId, second)), 'admitted')
  }
  const after = await connect(t, socketUrl('landmarks', session.sessionId, second))
  for (let i = 0; i < 2; i++) {
    for (const frame of frames('happy', 3)) after.send(frame)
    const { data } = await after.next('emotion_update')
    windows.push(Number(data['window']))
    const closedAt = session.startedAt + Number(data['window']) * INTERVAL_MS
    t.equal(data['timestamp'], closedAt, 'by the clock of the session, which did not start again')
  }
  t.same(
    windows,
    [...new Set(windows)].sort((a, b) => a - b),
    'rising, none twice',
  )
})

t.test(
  'a lookup that the database leaves unanswered is given up, and the socket refused for now',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const door = createAdmissions({
      monotonic: () => 0,
      find: () => new Promise(() => undefined),
      claim: () => Promise.reject(new Error('no landmarks')),
      isFull: () => false,
      onUnknown: () => t.fail('nobody knows'),
      onLookupFailed: () => undefined,
    })
    const who = { sessionId: `sess_${'x'.repeat(32)}`, channel: 'session', address: '192.0.2.1' } as const
    const admission = door.admit(who, () => undefined)
    mock.timers.tick(4999)
    await t.rejects(admission, { code: 'DATABASE_UNAVAILABLE', retryAfter: 2 })
  },
)

t.test('a change of status during the lookup of a socket wins over what the lookup read', async (t) => {
  const id = `sess_${'w'.repeat(32)}`
  const row = {
    id,
    userId: 1,
    familyId: null,
    status: 'active' as const,
    startedAt: new Date(0),
    intervalMs: INTERVAL_MS,
    language: 'ko' as const,
  }
  let now = 0
  let released = 0
  let answer: () => void = () => undefined
  const door = createAdmissions({
    monotonic: () => now,
    find: () => Promise.reject(new Error('it was claimed')),
    claim: () =>
      new Promise((resolve) => {
        const start = {
          id,
          status: row.status,
          startedAt: 0,
          intervalMs: INTERVAL_MS,
          epoch: 1,
          lastWindow: 0,
          undelivered: [],
          language: 'ko' as const,
          learnt: NOTHING_LEARNT,
          clockOffset: 0,
          userId: 1,
          safe: plainSafe,
          claim: {
            epoch: 1,
            feed: () => true,
            release: () => {
              released++
            },
          },
        }
        answer = () => resolve({ found: { session: row, clock: 1 }, start })
      }),
    isFull: () => false,
    onUnknown: () => t.fail('it is known'),
    onLookupFailed: () => t.fail('it was found'),
  })
  const admitWhile = async (happens: () => void) => {
    now++
    const who = { sessionId: id, channel: 'landmarks', address: '192.0.2.1' } as const
    const admission = door.admit(who, () => undefined)
    happens()
    answer()
    return admission
  }
  const admitted = (status: string) => ({
    kind: 'admitted',
    found: { session: { status } },
    start: { status },
  })
  t.match(await admitWhile(() => undefined), admitted('active'))
  t.match(await admitWhile(() => door.noteChange(id, 'paused')), admitted('paused'))
  t.match(await admitWhile(() => undefined), admitted('active'), 'an older change is in the row')
  t.equal(released, 0)
  t.match(await admitWhile(() => door.noteChange(id, 'ended')), { kind: 'dead', code: 'SESSION_ENDED' })
  t.equal(released, 1, 'what was claimed for nothing is released')
})

t.test('a refused session whose end was lost is admitted again within seconds', async (t) => {
  const id = `sess_${'v'.repeat(32)}`
  const row = {
    id,
    userId: 1,
    familyId: null,
    startedAt: new Date(0),
    intervalMs: INTERVAL_MS,
    language: 'ko' as const,
  }
  let now = 0
  let status: 'active' | 'ended' = 'ended'
  let lookups = 0
  const door = createAdmissions({
    monotonic: () => now,
    find: async () => {
      lookups++
      return { session: { ...row, status }, clock: 1 }
    },
    claim: () => Promise.reject(new Error('no landmarks')),
    isFull: () => false,
    onUnknown: () => t.fail('it is known'),
    onLookupFailed: () => t.fail('it was found'),
  })
  const knock = () => {
    now += 1000
    return door.admit({ sessionId: id, channel: 'session', address: '192.0.2.1' }, () => undefined)
  }
  t.match(await knock(), { kind: 'dead', code: 'SESSION_ENDED' })
  for (let i = 0; i < 30; i++) await t.rejects(knock(), { code: 'SESSION_GONE' })
  t.ok(lookups <= 7, `${lookups} lookups in half a minute`)
  status = 'active'
  for (let i = 0; i < 4; i++)
    await knock().catch((error: unknown) => t.match(error, { code: 'SESSION_GONE' }))
  t.match(await knock(), { kind: 'admitted' })
  t.match(await knock(), { kind: 'admitted' })
})
