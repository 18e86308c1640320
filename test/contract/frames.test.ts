import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Value } from 'typebox/value'
import { CHANNELS } from '../../src/domain/session.ts'
import { ERROR_CODES } from '../../src/protocol/errors.ts'
import { asyncApi } from '../../src/live/channels/asyncapi.ts'
import { SERVER_FRAMES } from '../../src/protocol/channels/server-frames.ts'
import { BINARY_FRAME, renderBinaryFrameTable } from '../../src/protocol/channels/binary.ts'
import { CLIENT_MESSAGES } from '../../src/protocol/channels/client.ts'
import { VOICE_MESSAGES } from '../../src/features/voice/messages.ts'
import {
  BROWSER_ORIGIN,
  connect,
  createAccount,
  type ServerMessage,
  startSession,
  startTestApp,
} from '../helpers/app.ts'
import { frames } from '../helpers/frames.ts'

/** Of all schemas of frames, words and examples left out. */
const PINNED = '8616fa662924b7a71ad470d4ad4c971c6ad46a91802ddbeea5ec323cae097916'

const ADVICE = `The shape of a frame has changed, and clients in the field read frames. Nothing that is there may go, be
renamed or change its type; a new field must be one that old clients can overlook, or belong to maeum.v2. When that is
so: write it in docs/websocket.md and CHANGELOG.md, run \`npm run docs\`, and pin the new hash here:`

const DOCUMENT = readFileSync(new URL('../../docs/websocket.md', import.meta.url), 'utf8')
const WORDS = new Set(['description', 'examples'])

/** What decides which frames fit: the schema without its words, and without the growing list of error codes. */
const shape = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(shape)
  if (typeof schema !== 'object' || schema === null) return schema
  if ('enum' in schema && Array.isArray(schema.enum) && schema.enum.length === ERROR_CODES.length)
    return 'code'
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, value]) => !WORDS.has(key) || (typeof value === 'object') === (key === 'description'))
      .map(([key, value]) => [key, shape(value)]),
  )
}

/** Which frames of this name the server may send, on whatever channel. */
const framesNamed = (name: string): readonly TSchema[] =>
  [...new Set<TSchema>(Object.values(SERVER_FRAMES).flat())].filter((schema) => nameOf(schema) === name)

const nameOf = (schema: TSchema) =>
  (schema as unknown as { properties: { type: { const: string } } }).properties.type.const

/** Whether a frame is exactly one that the server may send: nothing missing, nothing of another type, nothing more. */
function isServerFrame(frame: { readonly type: string }): boolean {
  return framesNamed(frame.type).some((schema) => {
    const cleaned: unknown = Value.Clean(schema, structuredClone(frame))
    return Compile(schema).Check(frame) && Value.Equal(cleaned, frame)
  })
}

t.test('the frames are those that clients in the field know', async (t) => {
  const all = shape([
    SERVER_FRAMES,
    CLIENT_MESSAGES,
    VOICE_MESSAGES.map(({ type, fields }) => [type, fields]),
  ])
  const hash = createHash('sha256').update(JSON.stringify(all)).digest('hex')
  t.equal(hash, PINNED, `${ADVICE} ${hash}`)
})

t.test('what is in docs/websocket.md fits the schemas', async (t) => {
  /** The lines of code that show a frame; those that are cut short cannot be read, and are not looked at. */
  const shown = DOCUMENT.split('\n').flatMap((line) => {
    const found = /^(?<from>[<>] )?(?<text>\{"type":.*\})$/.exec(line)
    if (found?.groups === undefined || / … |"… /.test(line)) return []
    const { from, text = '' } = found.groups
    return [{ from, frame: JSON.parse(text) as { type: string } }]
  })
  const fromServer = shown.filter(({ from, frame }) => from !== '> ' && framesNamed(frame.type).length > 0)
  const seen = new Set(fromServer.map(({ frame }) => frame.type))
  for (const { frame } of fromServer) t.ok(isServerFrame(frame), JSON.stringify(frame))
  for (const name of new Set(Object.values(SERVER_FRAMES).flat().map(nameOf)))
    t.ok(seen.has(name) || DOCUMENT.includes(`\`${name}\``), `${name} is described`)
  t.ok(fromServer.length >= 20, `${fromServer.length} frames are shown whole`)
  t.ok(DOCUMENT.includes(renderBinaryFrameTable()), 'the table of the binary frame is the one of the code')
})

t.test('the fields of a binary frame follow each other without a gap', async (t) => {
  let next = 0
  for (const { byte, size } of BINARY_FRAME) {
    t.equal(byte, next)
    next += size ?? 0
  }
})

t.test('AsyncAPI', async (t) => {
  const document = asyncApi('1.2.3', VOICE_MESSAGES)
  const text = JSON.stringify(document)
  t.match(document, { asyncapi: '3.0.0', info: { title: 'maeum', version: '1.2.3' } })

  t.test('has every reference', async (t) => {
    const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path.split('/'))
    t.ok(references.length > 80)
    for (const path of references) {
      // any object may be asked for any key
      const found = path.reduce<unknown>(
        (at, key) => (at as Record<string, unknown> | undefined)?.[key],
        document,
      )
      t.ok(found, path.join('/'))
    }
  })

  t.test('describes each message in words, by a schema and with an example that fits', async (t) => {
    for (const [key, message] of Object.entries(document.components.messages)) {
      t.match(message.summary, /.{8}/, `${key} is described`)
      if (message.contentType !== 'application/json') continue
      const examples = message.examples ?? []
      if (key !== 'landmarks.client.landmarks') t.ok(examples.length > 0, `${key} has an example`)
      for (const { payload } of examples)
        t.ok(Compile(Type.Unsafe(message.payload)).Check(payload), `the example of ${key} fits`)
    }
    t.match(document.components.messages['landmarks.client.binary_landmarks'], {
      description: /\| 16 \| 8 \| uint64 \|/,
    })
  })

  t.test('knows all that is sent and understood', async (t) => {
    for (const channel of CHANNELS) {
      const known = Object.keys(document.channels[channel].messages)
      for (const schema of SERVER_FRAMES[channel]) t.ok(known.includes(`${channel}.server.${nameOf(schema)}`))
      for (const schema of CLIENT_MESSAGES[channel])
        t.ok(known.includes(`${channel}.client.${nameOf(schema)}`))
    }
    for (const { type } of VOICE_MESSAGES) t.ok(`voice.client.${type}` in document.components.messages)
  })
})

t.test('the server sends what the schemas say, to the letter', async (t) => {
  const server = await startTestApp(t, {
    env: { ANALYSIS_INTERVAL_MS: '1000', WS_PING_INTERVAL_MS: '200', ANALYSIS_DEADLINE_MS: '800' },
  })
  const account = await createAccount(server)
  for (const protocol of [undefined, 'maeum.v2']) {
    const session = await startSession(server, account)
    const open = (url: string) => connect(t, url, {}, protocol)
    const landmarks = await open(session.wsUrls.landmarks)
    const voice = await open(session.wsUrls.voice)
    const talk = await open(session.wsUrls.session)
    for (const frame of frames('happy', 8)) landmarks.send(frame)
    for (const socket of [landmarks, voice, talk]) {
      socket.send({ type: 'ping' })
      await Promise.all([socket.next('pong'), socket.next('ping')])
      socket.send('not JSON')
    }
    if (protocol !== undefined) {
      landmarks.send({ type: 'resume', data: { window: 0, frame: 0 } })
      await landmarks.next('resumed')
    }
    voice.send({ type: 'vad_result', data: { timestamp: Date.now(), isSpeech: true, duration: 100 } })
    voice.send({ type: 'stt_text', data: { text: '안녕하세요' } })
    await Promise.all([voice.next('stt_received'), voice.next('vad_analysis')])
    talk.send({
      type: 'request_ai_response',
      data: { message: '안녕하세요', emotion: 'excited', timestamp: 1 },
    })
    await talk.next('ai_stream_complete')
    for (const command of ['pause', 'resume', 'end']) {
      talk.send({ type: command })
      await talk.next(`${command}_success`)
    }
    await Promise.all([landmarks.closed, voice.closed, talk.closed])
    const seen = new Set<string>()
    const check = (channel: string, messages: readonly ServerMessage[]) => {
      for (const message of messages) {
        seen.add(message.type)
        t.ok(isServerFrame(message), `${channel}: ${JSON.stringify(message).slice(0, 200)}`)
      }
    }
    check('landmarks', landmarks.messages)
    check('voice', voice.messages)
    check('session', talk.messages)
    for (const type of [
      'emotion_update',
      'analysis_started',
      'session_ended',
      'error',
      'vad_analysis',
      'ai_stream_chunk',
    ])
      t.ok(seen.has(type), `${type} was seen`)
    t.equal(seen.has('rate'), protocol !== undefined, 'what is newer is sent to newer clients only')
  }

  t.test('and shows them at /docs/ws, without asking anybody else', async (t) => {
    const page = await fetch(`${server.origin}/docs/ws`, { headers: { origin: BROWSER_ORIGIN } })
    t.equal(page.status, 200)
    t.match(page.headers.get('content-type'), /^text\/html/)
    t.match(page.headers.get('content-security-policy'), /^default-src 'none'; style-src 'sha256-/)
    const html = await page.text()
    for (const schema of Object.values(SERVER_FRAMES).flat()) t.match(html, `<code>${nameOf(schema)}</code>`)
    t.notMatch(html, /<script|https?:\/\/(?!localhost)/, 'nothing is loaded')
    const json = await fetch(`${server.origin}/docs/ws/json`)
    t.match(await json.json(), {
      asyncapi: '3.0.0',
      channels: { voice: { address: '/ws/voice/{sessionId}' } },
    })
  })
})
