import { mock } from 'node:test'
import t from 'tap'
import type { Channel } from '../../src/domain/session.ts'
import {
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces } from '../helpers/frames.ts'

// Messages that are expensive to parse, from a hostile account, beside a session of another one.

const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '60000' } })
const honest = await startSession(server, await createAccount(server))
const BURST = 100
const HOSTILE_BYTES = 100_000

/** Each below the transport's bound of 256 KiB, as every message that gets as far as a channel. */
const HOSTILE: Readonly<Record<string, string>> = {
  'many short keys': JSON.stringify(
    Object.fromEntries(Array.from({ length: 24_000 }, (_, i) => [`k${i.toString(36)}`, 1])),
  ),
  'a ping with many keys': JSON.stringify({
    type: 'ping',
    ...Object.fromEntries(Array.from({ length: 24_000 }, (_, i) => [`k${i.toString(36)}`, 1])),
  }),
  'as many parts as a second of sound has, all of them keys': JSON.stringify({
    type: 'audio_chunk',
    ...Object.fromEntries(Array.from({ length: 7000 }, (_, i) => [`a key ${100_000 + i}`, 1])),
  }),
  'nested lists': `{"type":"ping","data":${'['.repeat(120_000)}${']'.repeat(120_000)}}`,
  'many numbers': `{"type":"audio_chunk","data":[${'0,'.repeat(124_999)}0]}`,
  'a frame with many fields': `{"data":[${'{"x":0,"y":0,"z":0},'.repeat(477)}{"x":0,"y":0,"z":0}],"type":"landmarks",${Array.from({ length: 14_000 }, (_, i) => `"k${i.toString(36)}":1`).join(',')}}`,
}

/** Lengths of the hostile texts that the server has parsed since the last call. */
const parsed = mock.method(JSON, 'parse')
t.teardown(() => parsed.mock.restore())
function takeParsed(): number[] {
  const lengths = parsed.mock.calls.map(({ arguments: [text] }) => text.length)
  parsed.mock.resetCalls()
  return lengths.filter((length) => length > HOSTILE_BYTES)
}

const open = async (channel: Channel): Promise<TestSocket & { session: StartedSession }> => {
  const session = await startSession(server, await createAccount(server))
  const socket = await connect(t, session.wsUrls[channel])
  await socket.next('connected')
  return { ...socket, session }
}

for (const channel of ['session', 'voice', 'landmarks'] as const)
  t.test(`expensive messages on the ${channel} channel are refused unread`, async (t) => {
    const other = await connect(t, honest.wsUrls.session)
    await other.next('connected')
    for (const [name, text] of Object.entries(HOSTILE)) {
      t.ok(text.length > HOSTILE_BYTES && text.length < 256 * 1024, name)
      const hostile = await open(channel)
      takeParsed()
      for (let i = 0; i < BURST; i++) hostile.socket.send(text)
      t.match((await hostile.next('error')).data, { code: 'INVALID_MESSAGE', message: /[가-힣]/ }, name)
      other.send({ type: 'ping' })
      await other.next('pong')
      t.same(takeParsed(), [], `${name}: none is parsed`)
      await eventually(
        () => hostile.socket.bufferedAmount,
        (bytes) => bytes > 0,
      )
      t.equal(hostile.socket.readyState, hostile.socket.OPEN, `${name}: held back, not cut off`)
      hostile.socket.terminate()
    }
  })

t.test('the longest messages of the contract are taken', async (t) => {
  /** Every character escaped, as some encoders do. */
  const escaped = (characters: number) => '\\ud83d\\ude00'.repeat(characters)
  const session = await open('session')
  session.send(`{"type":"request_ai_response","data":{"message":"${escaped(2000)}","emotion":null}}`)
  await session.next('ai_stream_complete')

  const voice = await open('voice')
  voice.send(`{"type":"stt_text","data":{"text":"${escaped(5000)}"}}`)
  t.match((await voice.next('stt_received')).data, { textLength: 10_000 })
  const second = Int16Array.from({ length: 16_000 }, (_, i) => Math.round(30_000 * Math.sin(i / 10)))
  voice.send({ type: 'audio_chunk', data: { audio: Buffer.from(second.buffer).toString('base64') } })
  voice.send({ type: 'audio_chunk', data: { pcm: [...second] } })
  const fractions = [...second.subarray(0, 4096)].map((sample) => Math.fround(sample / 32_768))
  voice.send({ type: 'audio_chunk', data: { samples: fractions } })
  voice.send({ type: 'ping' })
  await voice.next('pong')

  const landmarks = await open('landmarks')
  const [face = []] = faces('happy', 1)
  const point = { ...face[0], visibility: 0.987_654_321, presence: 0.987_654_321 }
  landmarks.send(
    JSON.stringify({ timestamp: 1, data: face.map((p) => ({ ...point, ...p })), type: 'landmarks' }, null, 2),
  )
  landmarks.send({ type: 'ping' })
  await landmarks.next('pong')
  for (const { messages } of [session, voice, landmarks])
    t.same(
      messages.filter(({ type }) => type === 'error'),
      [],
    )
})

t.test('a position beyond what a row can hold is after all windows', async (t) => {
  const session = await startSession(server, await createAccount(server))
  const socket = await connect(t, session.wsUrls.landmarks, {}, 'maeum.v2')
  await socket.next('connected')
  for (const window of [2 ** 31, 3_000_000_000, Number.MAX_SAFE_INTEGER, 1e300]) {
    socket.send({ type: 'resume', data: { window, frame: window } })
    await socket.next('resumed')
  }
  socket.send({ type: 'ping' })
  await socket.next('pong')
  t.same(
    socket.messages.filter(({ type }) => type === 'error'),
    [],
  )
})
