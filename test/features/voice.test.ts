import { mock } from 'node:test'
import t from 'tap'
import { createClientClock } from '../../src/features/voice/client-clock.ts'
import { readVoiceMessage } from '../../src/features/voice/messages.ts'
import type { VoiceRow } from '../../src/features/voice/repository.ts'
import type { VoiceAnalysis } from '../../src/domain/voice/measures.ts'
import { createVoiceService } from '../../src/features/voice/service.ts'
import { BatchWriter } from '../../src/lib/batch-writer.ts'
import { connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'

const INTERVAL_MS = 10_000
const SESSION = {
  userId: 1,
  id: 'sess_x',
  status: 'active' as const,
  startedAt: 1_000_000,
  intervalMs: INTERVAL_MS,
  now: 1_000_000,
}

/** The voices of one process with a clock that the test controls. */
function setUp(t: { context: unknown; teardown: (done: () => void) => unknown; clock?: unknown }) {
  let now = 0
  const stored: VoiceRow[] = []
  const said: string[] = []
  const faults: unknown[] = []
  /** Thrown when a window is stored. */
  let fault: Error | undefined
  const service = createVoiceService({
    monotonic: () => now,
    store: (row) => {
      if (fault !== undefined) throw fault
      stored.push(row)
    },
    guarded: (work) => {
      try {
        work()
      } catch (error) {
        faults.push(error)
      }
    },
    find: async () => ({ turnCount: 7 }),
    allows: () => true,
    onWords: (_id, text) => said.push(text),
  })
  t.teardown(() => service.stop())
  const analyses: VoiceAnalysis[] = []
  const open = (session = SESSION) => {
    const socket = service.open(session, { onAnalysis: (analysis) => analyses.push(analysis) })
    return {
      ...socket,
      take: (type: string, fields: Readonly<Record<string, unknown>>, parts = 8) =>
        socket.take(type, fields, parts),
    }
  }
  const vad = (timestamp: number, isSpeech = true, duration = 1000) => ({
    timestamp,
    isSpeech,
    duration,
    energy: 1,
  })
  return {
    service,
    stored,
    faults,
    failWith: (error: Error | undefined) => {
      fault = error
    },
    said,
    analyses,
    open,
    vad,
    at: (ms: number) => {
      now = ms
      return SESSION.startedAt + ms
    },
  }
}

t.test('the analysis of a window gets its voice measures and the last words', async (t) => {
  const { service, open, vad, at, said } = setUp(t)
  const socket = open()
  socket.take('vad_result', vad(at(4000)))
  socket.take('stt_text', { text: '첫 문장\u0007입니다.' })
  at(6000)
  socket.take('stt_text', { text: '끝 '.repeat(300) })
  const found = await service.getVoice(SESSION.id, 1)
  t.match(found, { measures: { speechMs: 1000, utteranceCount: 2 } })
  t.equal(found.speech?.length, 279, 'at most 280 characters, trimmed')
  t.ok(found.speech?.endsWith('끝'))
  t.equal(said.length, 2, 'words are read whole')
  t.same(await service.getVoice(SESSION.id, 2), { measures: null, speech: null }, 'nothing yet in the next')
  t.notOk(Object.values(found.measures ?? {}).includes(null as never))
})

t.test('corrected recognised text counts once, and interim text does not count', async (t) => {
  const { service, open, at, said } = setUp(t)
  const socket = open()
  at(1000)
  t.match(socket.take('stt_text', { text: '나는', isFinal: false }), { text: '나는', isExcess: false })
  socket.take('stt_text', { text: '나는 오늘' })
  socket.take('stt_text', { text: '나는 오늘 학교에' })
  const { measures, speech } = await service.getVoice(SESSION.id, 1)
  t.equal(speech, '나는 오늘 학교에')
  t.match(measures, { utteranceCount: 1, syllableCount: 7 })
  t.same(said, ['나는 오늘', '나는 오늘 학교에'])
})

t.test('a stretch across two windows counts in both, also in the stored measures', async (t) => {
  const { open, vad, at, stored, service } = setUp(t)
  const socket = open()
  socket.take('vad_result', vad(at(9000)))
  socket.take('vad_result', vad(at(12_000), true, 4000))
  t.match(await service.getVoice(SESSION.id, 1), { measures: { speechMs: 2000 } })
  t.match(await service.getVoice(SESSION.id, 2), { measures: { speechMs: 2000 } })
  service.stop()
  t.match(
    stored.map(({ window, measures }) => ({ window, speechMs: measures['speechMs'] })),
    [
      { window: 1, speechMs: 2000 },
      { window: 2, speechMs: 2000 },
    ],
  )
})

t.test('a flood is processed within limits', async (t) => {
  const { service, open, vad, at } = setUp(t)
  const socket = open()
  const now = at(5000)
  for (let i = 0; i < 1000; i++) socket.take('stt_text', { text: `${i} ${'가'.repeat(900)}` })
  for (let i = 0; i < 20_000; i++) socket.take('vad_result', vad(now, i % 2 === 0, 10))
  const second = Array.from({ length: 16_000 }, (_, i) => Math.round(8000 * Math.sin(i / 10)))
  const begun = performance.now()
  for (let i = 0; i < 100; i++) socket.take('audio_chunk', { data: second.slice(0, 1600) })
  t.ok(performance.now() - begun < 5000)
  const { measures } = await service.getVoice(SESSION.id, 1)
  t.ok(Number(measures?.['characterCount']) > 0 && Number(measures?.['characterCount']) <= 4000)
  t.ok(Number(measures?.['speechRatio']) <= 0.999)
})

t.test('audio is limited before it is decoded, also while the session is paused', async (t) => {
  const { open, service, at } = setUp(t)
  const socket = open()
  at(1000)
  const decoded = mock.method(Int16Array, 'from')
  t.teardown(() => decoded.mock.restore())
  const second = new Array<number>(16_000).fill(0.5)
  const excess = () => {
    const taken = socket.take('audio_chunk', { data: second }, 16_004)
    return taken !== 'invalid' && taken.isExcess
  }
  for (let i = 0; i < 14; i++) t.notOk(excess(), `second ${i + 1}`)
  t.equal(decoded.mock.callCount(), 14)
  for (let i = 0; i < 3; i++) excess()
  t.ok(excess(), 'one and a half times the window is enough')
  t.equal(decoded.mock.callCount(), 14, 'the rest is not decoded')

  at(11_000)
  t.match(socket.take('audio_chunk', { data: 'AAAA' }, 160_000), { isExcess: false })
  t.match(
    socket.take('audio_chunk', { data: 'AAAA' }, 160_000),
    { isExcess: true },
    'parts without audio count',
  )

  at(21_000)
  service.setStatus(SESSION.id, 'paused')
  for (let i = 0; i < 14; i++) excess()
  t.ok(excess(), 'a paused session reads no more of it')
})

t.test('an error in the close of a window affects only that window', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { open, vad, at, analyses, faults, failWith, stored } = setUp(t)
  const socket = open()
  socket.take('vad_result', vad(at(4000)))
  failWith(new Error('a window that cannot be measured'))
  at(10_000)
  mock.timers.tick(10_000)
  t.same(analyses, [])
  t.ok(faults.length > 0)
  failWith(undefined)
  socket.take('vad_result', vad(at(14_000)))
  at(20_000)
  mock.timers.tick(10_000)
  t.match(analyses, [{ window: 2 }])
  t.same(stored.map(({ window }) => window).sort(), [1, 2], 'and what was not stored is stored with the next')
})

t.test('times of a client with a wrong clock are converted', async (t) => {
  const clock = createClientClock()
  t.equal(clock.toServerTime(500_000, 1000), 1000, 'its first report ends now')
  t.equal(clock.toServerTime(500_100, 1150), 1100, 'a slower way does not shift it')
  t.equal(clock.toServerTime(500_200, 1190), 1190, 'a faster way shows the difference better')
  t.equal(clock.toServerTime(100, 2000), 2000, 'its clock has been set')
})

t.test('a client clock that is set back during speech is followed within a minute', (t) => {
  const clock = createClientClock()
  const late = (now: number, by: number, ahead = 700_000) => clock.toServerTime(now - by + ahead, now)
  for (let now = 0; now < 100_000; now += 100) t.equal(late(now, 50), now)
  t.equal(late(100_000, 2050), 98_000, 'a report that was held up is from before')
  for (let now = 100_100; now < 160_200; now += 100) late(now, 50, 670_000)
  t.equal(late(160_200, 50, 670_000), 160_200)
  t.equal(late(160_300, 150, 670_000), 160_200, 'and by the fastest way again')
  t.end()
})

t.test(
  'the voice on another instance is read from its row; without a voice the row is queried without waiting',
  async (t) => {
    const { service } = setUp(t)
    t.same(await service.getVoice('sess_elsewhere', 3), { measures: { turnCount: 7 }, speech: null })

    const database = await createTestDatabase(t)
    const env = { ANALYSIS_INTERVAL_MS: '1000' }
    const [one, other] = [await startTestApp(t, { database, env }), await startTestApp(t, { database, env })]
    const session = await startSession(one, await createAccount(one))
    const url = session.wsUrls.voice.replace(one.origin.slice(4), other.origin.slice(4))
    const { send, next } = await connect(t, url)
    send({ type: 'vad_result', data: { timestamp: Date.now(), isSpeech: true, duration: 50, energy: 0.5 } })
    const { data } = await next('vad_analysis')
    const found = await eventually(
      () => one.app.voice.getWindow(session.sessionId, Number(data['window'])),
      ({ measures }) => measures !== null,
    )
    t.match(found, { measures: { energyMean: 0.5, turnCount: 1 }, speech: null })
    await database.sql`alter table voice_windows rename to away`
    t.same(
      await one.app.voice.getWindow(session.sessionId, 1),
      { measures: null, speech: null },
      'never rejects',
    )
  },
)

t.test('samples are accepted in each format, and other data is refused', async (t) => {
  const read = (fields: Record<string, unknown>) => {
    const message = readVoiceMessage('audio_chunk', fields, 8)
    const samples = message?.type === 'audio_chunk' ? message.decode() : undefined
    return samples && [...samples]
  }
  t.same(read({ data: Buffer.from([1, 0, 255, 255]).toString('base64') }), [1, -1])
  t.same(read({ pcm: [100, -32_768, 32_767] }), [100, -32_768, 32_767])
  t.same(read({ samples: [0.5, -1] }), [16_384, -32_767], 'fractions of full scale')
  for (const data of ['', 'AA=A', 'é', [], [Number.NaN], [40_000], {}, null, 5, ['1']])
    t.equal(read({ data }), undefined, JSON.stringify(data))
})

t.test(
  'rows wait for an unavailable database, within limits, and are written when it is available',
  async (t) => {
    const away = new Error('away')
    let isAway = true
    const written: number[][] = []
    const dropped: number[] = []
    let retries = 0
    const rows = new BatchWriter<number>({
      write: async (items) => {
        if (isAway) throw away
        if (items.includes(13)) throw new Error('a bad row')
        written.push([...items])
      },
      isPassing: (error) => error === away,
      maxWaiting: 5,
      onRetry: () => {
        retries++
        if (retries === 2) isAway = false
      },
      onDrop: (count) => dropped.push(count),
    })
    for (const number of [1, 2, 13, 4, 5, 6]) rows.add(`key ${number}`, number)
    rows.add('key 6', 66)
    await eventually(
      () => rows.size,
      (size) => size === 0,
    )
    t.same(
      written.flat(),
      [2, 4, 5, 66],
      'the oldest is dropped, the newest of a key is written, a faulty row is dropped alone',
    )
    t.same(dropped, [1, 1])
    isAway = true
    rows.add('last', 99)
    await rows.close(1000)
    t.equal(rows.size, 0, 'at the end nothing is waited for')
  },
)
