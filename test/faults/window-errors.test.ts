import { mock } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import { FrameWindow } from '../../src/live/frames/frame-window.ts'
import { SessionFace } from '../../src/live/face/session-face.ts'
import { LiveVoice } from '../../src/features/voice/live-voice.ts'
import {
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { readingOf } from '../helpers/scripted-model.ts'

// An error in a timer has no caller: it costs the window of that timer, and neither the next one nor the process.

const INTERVAL_MS = 500
const database = await createTestDatabase(t)
const env = { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS) }
const local = await startTestApp(t, { database, model: null, env })
const model: ModelAnalyser = {
  models: ['scripted-1'],
  analyse: async () => ({
    outcome: 'answered',
    model: 'scripted-1',
    reading: readingOf('happy'),
    latencyMs: 1,
    asked: null,
  }),
}
const asking = await startTestApp(t, { database, model, env })

const fail = () => {
  throw new Error('an error of this test')
}

/** The value of a counter with this label. */
const counted = async ({ app }: TestApp, name: string, label: string): Promise<number> => {
  const { body } = await app.inject('/metrics')
  return Number(new RegExp(`^${name}\\{[^}]*"${label}"[^}]*\\} (\\d+)`, 'm').exec(body)?.[1] ?? 0)
}
const failedWindows = (server: TestApp) => counted(server, 'maeum_windows_dropped_total', 'failed')

/** Sends frames until the test ends. */
function stream(t: Test, { send, socket }: TestSocket): void {
  const [frame] = frames('happy', 1)
  const timer = setInterval(() => {
    if (socket.readyState === socket.OPEN) send(frame)
  }, 40)
  t.teardown(() => clearInterval(timer))
}

async function open(t: Test, server: TestApp, subprotocol?: string) {
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const socket = await connect(t, session.wsUrls.landmarks, {}, subprotocol)
  await socket.next('connected')
  /** Nothing of it is read any more: what the next test breaks is met by its own session. */
  const end = async () => {
    await server.app.inject({
      method: 'POST',
      url: `/api/session/${session.sessionId}/end`,
      headers: bearer(account.accessToken),
    })
    await socket.closed
  }
  return { session, socket, end }
}

/** The window that fails is skipped, counted and logged; the one after it is answered. */
async function goesOn(t: Test, server: TestApp, breakOne: () => void): Promise<void> {
  const { session, socket, end } = await open(t, server)
  const before = await failedWindows(server)
  const lines = server.log.length
  breakOne()
  stream(t, socket)
  await eventually(
    () => failedWindows(server),
    (count) => count > before,
  )
  const answered = Number((await socket.next('emotion_update')).data['window'])
  t.ok(answered > 1, 'the first window is skipped')
  await socket.next('emotion_update')
  t.equal(await failedWindows(server), before + 1)
  const logged = server.log
    .slice(lines)
    .filter(
      (line) => line.includes('a window could not be analysed') && line.includes('an error of this test'),
    )
  t.equal(logged.length, 1)
  await eventually(
    () => database.sql`select "window" from emotion_windows
      where session_id = ${session.sessionId} and answered_at is not null order by "window"`,
    ([first]) => Number(first?.['window']) === answered,
  )
  t.equal((await server.app.inject('/api/health')).statusCode, 200)
  await end()
}

const servers = [
  ['without a model', local],
  ['with a model', asking],
] as const

for (const [how, server] of servers) {
  t.test(`an error while the frames of a window are read, ${how}`, (t) =>
    goesOn(t, server, () => void mock.method(FrameWindow.prototype, 'close', fail, { times: 1 })),
  )

  t.test(`an error while a face is measured, ${how}`, (t) =>
    goesOn(t, server, () => void mock.method(SessionFace.prototype, 'read', fail, { times: 1 })),
  )

  t.test(`an error while a result is sealed, ${how}`, async (t) => {
    let isBroken = false
    const { vault } = server.app
    const { safeOf } = vault
    const mocked = mock.method(vault, 'safeOf', async (userId: number) => {
      const safe = await safeOf(userId)
      const seal: typeof safe.seal = (content, place) => {
        if (isBroken && place.column === 'emotion_windows.measures') {
          isBroken = false
          fail()
        }
        return safe.seal(content, place)
      }
      return { ...safe, seal }
    })
    t.teardown(() => mocked.mock.restore())
    await goesOn(t, server, () => {
      isBroken = true
    })
  })
}

t.test('an error in what a model says after its window was answered without it', async (t) => {
  const tooLate: ModelAnalyser = {
    models: ['scripted-1'],
    analyse: async () => {
      await delay(INTERVAL_MS)
      return {
        outcome: 'answered',
        model: 'scripted-1',
        get reading() {
          return fail()
        },
        latencyMs: 1,
        asked: null,
      }
    },
  }
  const server = await startTestApp(t, { database, model: tooLate, env })
  const { socket, end } = await open(t, server)
  stream(t, socket)
  await eventually(
    () => failedWindows(server),
    (count) => count > 1,
  )
  for (let i = 0; i < 4; i++)
    t.match((await socket.next('emotion_update')).data, { source: 'local' }, 'the next are answered')
  t.ok(server.log.some((line) => line.includes('an error of this test')))
  await end()
})

t.test('an error at the end of a calibration', async (t) => {
  const { socket, end } = await open(t, local, 'maeum.v2')
  const lines = local.log.length
  socket.send({ type: 'calibrate', durationMs: 1000 })
  socket.send({ type: 'ping' })
  await socket.next('pong')
  // Nothing is streamed: the calibration is the next that reads its frames.
  mock.method(FrameWindow.prototype, 'close', fail, { times: 1 })
  t.match((await socket.next('error')).data, { code: 'CALIBRATION_FAILED' })
  t.ok(local.log.slice(lines).some((line) => line.includes('an error of this test')))
  stream(t, socket)
  await socket.next('emotion_update')
  socket.send({ type: 'calibrate', durationMs: 1000 })
  t.match((await socket.next('calibrated')).data, { durationMs: 1000 })
  await end()
})

t.test('an error in the timer of a voice', async (t) => {
  const { session } = await open(t, local)
  const voice = await connect(t, session.wsUrls.voice)
  await voice.next('connected')
  const before = await counted(local, 'maeum_internal_errors_total', 'voice_window')
  const speak = () =>
    voice.send({ type: 'vad_result', timestamp: Date.now(), isSpeech: true, duration: 200, energy: 0.5 })
  const mocked = mock.method(LiveVoice.prototype, 'measure', fail)
  speak()
  await eventually(
    () => counted(local, 'maeum_internal_errors_total', 'voice_window'),
    (count) => count > before,
  )
  t.notOk(voice.messages.some(({ type }) => type === 'vad_analysis'))
  mocked.mock.restore()
  speak()
  await voice.next('vad_analysis')
  t.ok(local.log.some((line) => line.includes('voice_window') && line.includes('an error of this test')))
})
