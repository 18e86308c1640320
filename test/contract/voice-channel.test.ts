import t from 'tap'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
} from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

const INTERVAL_MS = 600
const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS) } })
const account = await createAccount(server)

const command = (session: StartedSession, word: string) =>
  server.app.inject({
    method: 'POST',
    url: `/api/session/${session.sessionId}/${word}`,
    headers: bearer(account.accessToken),
  })

const rows = (session: StartedSession) =>
  server.database
    .sql`select "window", measures, closed_at from voice_windows where session_id = ${session.sessionId} order by 1`

/** A vad_result as the web client sends it: every 100 ms, what the last 100 ms were. */
const vad = (isSpeech: boolean, energy = 0.3) => ({
  type: 'vad_result',
  data: { timestamp: Date.now(), isSpeech, duration: 100, energy },
})

/**
 * Waits for the middle of a window: at its start, what a `vad_result` measured would belong to the one before, which has
 * closed.
 */
const middleOfWindow = ({ startedAt }: StartedSession) =>
  eventually(
    () => (Date.now() - startedAt) % INTERVAL_MS,
    (elapsed) => elapsed > INTERVAL_MS / 4 && elapsed < (INTERVAL_MS * 3) / 4,
  )

/** Half a second of a voice-like tone, 16 kHz, 16 bit, as base64. */
const TONE = Buffer.from(
  Int16Array.from({ length: 1600 }, (_, i) => Math.round(8000 * Math.sin((2 * Math.PI * 180 * i) / 16_000)))
    .buffer,
).toString('base64')

t.test('what a voice socket sends is measured, window by window, and reported in integers', async (t) => {
  const session = await startSession(server, account)
  const { next, send, messages } = await connect(t, session.wsUrls.voice)
  t.match((await next('connected')).data, { channel: 'voice', sessionId: session.sessionId })
  await middleOfWindow(session)
  send(vad(true))
  const { data } = await next('vad_analysis')
  for (const [name, value] of Object.entries(data)) {
    if (/Ratio$/.test(name)) t.ok(Number(value) >= 0 && Number(value) <= 0.999, name)
    if (/(Ms|Count)$|^timestamp$|^window$/.test(name)) t.ok(Number.isInteger(value), `${name} is whole`)
  }
  t.match(data, { speechRatio: 0.999, turnCount: 1, pauseCount: 0, utteranceCount: 0, energyMean: 0.3 })
  t.notOk('speechRate' in data, 'that client takes such a field for a share of the time')
  t.match(data, { averagePauseDuration: 0, longestPause: 0, speechBurstCount: 1, averageSpeechBurst: Number })
  t.equal(data['averageSpeechBurst'], data['meanBurstMs'])
  t.match(data['summary'], /^0\.\d초 동안 들은 소리 가운데 100%가 말소리였고, 쉼은 없었습니다\.$/)
  const closedAt = session.startedAt + Number(data['window']) * INTERVAL_MS
  t.equal(data['timestamp'], closedAt, "windows are the session's own")
  const [row] = await eventually(
    () => rows(session),
    (found) => found.length > 0,
  )
  t.match(row, { window: data['window'], measures: { turnCount: 1, energyMean: 0.3 } })
  t.notOk('syllablesPerSecond' in row?.['measures'], 'what could not be measured is left out')

  const before = messages.length
  send({ type: 'ping' })
  await next('pong')
  const { startedAt } = session
  const silentUntil = startedAt + (Number(data['window']) + 2) * INTERVAL_MS
  await eventually(
    () => Date.now(),
    (now) => now > silentUntil,
  )
  send({ type: 'ping' })
  await next('pong')
  const since = messages.slice(before).filter(({ type }) => type !== 'ping' && type !== 'pong')
  t.same(since, [], 'nothing is said of windows in which nothing was heard')
})

t.test('fields are taken in data and at top level, words are acknowledged, audio is heard', async (t) => {
  const session = await startSession(server, account)
  const { next, send } = await connect(t, session.wsUrls.voice)
  const text = '오늘은 기분이 조금 나아졌어요'
  send({ type: 'stt_text', data: { text } })
  t.match((await next('stt_received')).data, { text, textLength: text.length, timestamp: Number })
  send({ type: 'stt_text', text: 'hello' })
  t.match((await next('stt_received')).data, { text: 'hello', textLength: 5 })
  send({ type: 'vad_result', timestamp: Date.now(), isSpeech: true, duration: 100 })
  const forms = [
    { data: TONE },
    { data: { audio: TONE } },
    { audio: TONE },
    { data: { chunk: [0, 0.1, -0.1] } },
  ]
  for (const form of forms) send({ type: 'audio_chunk', ...form })
  // They may fall into two windows, of which one may have nothing but words.
  let heard: Record<string, unknown>
  do heard = (await next('vad_analysis')).data
  while (heard['levelMean'] === null)
  t.match(heard, { turnCount: Number, levelMean: Number })
  const utterances = (found: Awaited<ReturnType<typeof rows>>) =>
    found.reduce((sum, { measures }) => sum + Number(measures.utteranceCount), 0)
  const stored = await eventually(
    () => rows(session),
    (found) => utterances(found) >= 2,
  )
  t.equal(utterances(stored), 2)
  t.notOk(
    server.log.some((line) => line.includes(TONE.slice(0, 40)) || line.includes(text)),
    'neither is logged',
  )
  const [row] = await eventually(
    () => rows(session),
    (found) => found.length > 0,
  )
  t.notMatch(JSON.stringify(row), /기분/, 'words are not in the row')
})

t.test(
  'of words alone nothing is sent as measured, and their sender has the summary in its language',
  async (t) => {
    const session = await startSession(server, account)
    const words = await connect(t, session.wsUrls.voice)
    words.send({ type: 'stt_text', data: { text: '괜찮아요' } })
    await words.next('stt_received')
    const stored = await eventually(
      () => rows(session),
      (found) => found.length > 0,
    )
    t.match(stored[0], { measures: { utteranceCount: 1, observedMs: 0 } })
    const closesAt = session.startedAt + Number(stored[0]?.['window']) * INTERVAL_MS
    await eventually(
      () => Date.now(),
      (now) => now > closesAt + INTERVAL_MS,
    )
    await middleOfWindow(session)
    words.send(vad(false))
    const { data } = await words.next('vad_analysis')
    t.ok(Number(data['window']) > Number(stored[0]?.['window']), 'the window of the words had no analysis')
    t.match(data, {
      speechMs: 0,
      speechBurstCount: 0,
      summary: /^0\.\d초 동안 들었으나 말소리는 없었습니다\.$/,
    })
  },
)

t.test('malformed messages are complained about once a second, and the socket lives', async (t) => {
  const session = await startSession(server, account)
  const { next, send, socket, messages } = await connect(t, session.wsUrls.voice)
  const now = Date.now()
  const malformed: readonly unknown[] = [
    'no json',
    '[]',
    'null',
    { type: 'dance' },
    { type: 'vad_result' },
    { type: 'vad_result', data: null },
    { type: 'vad_result', data: { timestamp: now, isSpeech: 'yes', duration: 10, energy: 1 } },
    { type: 'vad_result', data: { timestamp: now, isSpeech: true, duration: -1, energy: 1 } },
    { type: 'vad_result', data: { timestamp: 'now', isSpeech: true, duration: 1, energy: 1 } },
    { type: 'vad_result', data: { timestamp: now, isSpeech: true, duration: 1e9, energy: 1 } },
    '{"type":"vad_result","data":{"timestamp":1,"isSpeech":true,"duration":1e999,"energy":1}}',
    { type: 'stt_text', data: { text: 5 } },
    { type: 'stt_text', data: { text: 'a'.repeat(5001) } },
    { type: 'audio_chunk', data: 'not base64!' },
    { type: 'audio_chunk', data: [1, 'two'] },
    { type: 'audio_chunk', data: [1e9] },
    { type: 'audio_chunk' },
  ]
  for (const message of malformed) send(message)
  socket.send(Buffer.from([1, 2, 3]))
  t.match((await next('error')).data, { code: 'INVALID_MESSAGE', message: /[가-힣]/, timestamp: Number })
  send({ type: 'ping' })
  await next('pong')
  t.equal(messages.filter(({ type }) => type === 'error').length, 1)
  t.same(await rows(session), [], 'none of it was heard')
  await middleOfWindow(session)
  send(vad(true))
  await next('vad_analysis')
})

t.test('nothing is heard while the session is paused', async (t) => {
  const session = await startSession(server, account)
  const { next, send, messages } = await connect(t, session.wsUrls.voice)
  await command(session, 'pause')
  send(vad(true))
  send({ type: 'stt_text', data: { text: '쉬는 중' } })
  await next('stt_received')
  await command(session, 'resume')
  await middleOfWindow(session)
  send(vad(false))
  t.match((await next('vad_analysis')).data, { speechMs: 0, utteranceCount: 0 })
  t.equal(messages.filter(({ type }) => type === 'vad_analysis').length, 1)
})

t.test('the end of the session closes its open window early, if anything was heard in it', async (t) => {
  const slow = await startTestApp(t, { database: server.database, env: { ANALYSIS_INTERVAL_MS: '60000' } })
  const session = await startSession(slow, account)
  const silent = await startSession(slow, account)
  const { next, send, closed } = await connect(t, session.wsUrls.voice)
  const other = await connect(t, silent.wsUrls.voice)
  send(vad(true))
  for (const socket of [other, { send, next }]) {
    socket.send({ type: 'ping' })
    await socket.next('pong')
  }
  for (const { sessionId } of [session, silent]) {
    const url = `/api/session/${sessionId}/end`
    await slow.app.inject({ method: 'POST', url, headers: bearer(account.accessToken) })
  }
  t.match((await next('vad_analysis')).data, { window: 1, speechRatio: 0.999 })
  t.match(await closed, { code: 1000 })
  t.match(await other.closed, { code: 1000 })
  t.notOk(other.messages.some(({ type }) => type === 'vad_analysis'))
  await eventually(
    () => rows(session),
    (found) => found.length === 1,
  )
})
