import t from 'tap'
import {
  connect,
  createAccount,
  type ServerMessage,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'

const server = await startTestApp(t)
const account = await createAccount(server)

const open = async (t: Parameters<typeof connect>[0], headers = {}) => {
  const session = await startSession(server, account)
  const socket = await connect(t, session.wsUrls.session, headers)
  await socket.next('status_update')
  return { session, ...socket }
}

/** What the web client sends when somebody writes to the counsellor. */
const request = (message: unknown, emotion: unknown = null) => ({
  type: 'request_ai_response',
  data: { message, emotion, timestamp: Date.now() },
})

const streamed = (messages: readonly ServerMessage[]) =>
  messages.filter(({ type }) => type.startsWith('ai_stream'))

/** One whole answer. */
async function answer(
  { send, next, messages }: Pick<TestSocket, 'send' | 'next' | 'messages'>,
  message: unknown,
) {
  const before = streamed(messages).length
  send(message)
  const { data } = await next('ai_stream_complete')
  return { data, stream: streamed(messages).slice(before) }
}

t.test(
  'an answer is begun, comes in pieces and is completed; without a key by the local counsellor',
  async (t) => {
    const socket = await open(t)
    const { data, stream } = await answer(socket, request('요즘 잠이 잘 안 와요', 'sad'))
    t.match(stream[0], { type: 'ai_stream_begin', data: { emotion: 'sad', timestamp: Number } })
    const chunks = stream.slice(1, -1)
    t.ok(chunks.length > 0 && chunks.every(({ type }) => type === 'ai_stream_chunk'))
    for (const chunk of chunks) t.match(chunk.data, { chunk: /./, timestamp: Number })
    t.match(data, { conversationId: /^conv_/, source: 'local', timestamp: Number, fullResponse: /[가-힣]/ })
    t.equal(chunks.map((chunk) => chunk.data['chunk']).join(''), data['fullResponse'])
    t.equal(stream.at(-1)?.type, 'ai_stream_complete')
  },
)

t.test(
  'a next question may follow the moment the last one is answered, and the emotion may be left out',
  async (t) => {
    const socket = await open(t)
    for (const message of [
      request('안녕하세요'),
      { type: 'request_ai_response', message: '조금 불안해요', timestamp: 1 },
      request('괜찮아요', 'a label of another version'),
      request('a'.repeat(2000)),
    ]) {
      const { stream } = await answer(socket, message)
      t.match(stream[0]?.data, { emotion: null })
    }
  },
)

t.test('a message that cannot be answered is complained about, once a second', async (t) => {
  const { send, next, messages } = await open(t)
  for (const message of [undefined, '', '   ', 5, null, {}, ['a'], 'a'.repeat(2001)]) send(request(message))
  send(request('emotion', 7))
  send({ type: 'request_ai_response' })
  send({ type: 'request_ai_response', data: 'text' })
  t.match((await next('error')).data, { code: 'INVALID_MESSAGE', message: /[가-힣]/, timestamp: Number })
  send({ type: 'ping' })
  await next('pong')
  t.equal(messages.filter(({ type }) => type === 'error').length, 1)
  t.same(streamed(messages), [], 'no stream was begun')
})

t.test('one answer at a time in a session, whichever of its sockets asks', async (t) => {
  const { session, send, next } = await open(t)
  const other = await connect(t, session.wsUrls.session, { 'accept-language': 'en' })
  t.match((await other.next('connected')).data['message'], /artificial intelligence/)
  send(request('첫 번째'))
  send(request('두 번째'))
  const { data } = await next('ai_stream_error')
  t.match(data, { code: 'AI_BUSY', message: /[가-힣]/ })
  t.equal(data['error'], data['message'])
  await next('ai_stream_complete')
  t.equal(streamed(other.messages).length, 0, 'who did not ask hears nothing')
})

t.test('what is stored is what was said, once', async (t) => {
  const socket = await open(t)
  const { data } = await answer(socket, request('오늘 발표를 했어요 \u0000', 'happy'))
  const rows = await server.database.sql`
    select message, response, emotion, source from conversations where session_id = ${socket.session.sessionId}`
  t.match(rows, [
    {
      message: '오늘 발표를 했어요 \uFFFD',
      response: data['fullResponse'],
      emotion: 'happy',
      source: 'local',
    },
  ])
  t.equal(rows.length, 1)
  t.notOk(
    server.log.some((line) => line.includes('오늘 발표를')),
    'and it is not logged',
  )
})

t.test('words of self-harm get the crisis lines at once, no exercise, and a flag', async (t) => {
  const { session, ...socket } = await open(t)
  const { data } = await answer(socket, request('죽고 싶어요'))
  t.match(data, { fullResponse: /109[^]*1577-0199/, source: 'local' })
  await server.app.close()
  const rows = await server.database.sql`
    select is_crisis, detections, intervention from cbt_findings where session_id = ${session.sessionId}`
  t.same([...rows], [{ is_crisis: true, detections: [], intervention: null }])
})
