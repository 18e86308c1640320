import t, { type Test } from 'tap'
import { readScript } from '../../gemini-double/script-file.ts'
import { LOCAL_MODEL } from '../../src/domain/face/model.ts'
import { createSafe } from '../../src/lib/sealing.ts'
import type { ModelAnalyser } from '../../src/live/model/analyser.ts'
import { createGeminiAnalyser } from '../../src/live/model/gemini-analyser.ts'
import { summaryLines, windowLine } from '../../src/cli/replay/print.ts'
import { isFault, type ReplayedWindow, replaySession } from '../../src/cli/replay/replay.ts'
import { createTexts } from '../../src/cli/texts.ts'
import { connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { cli } from '../helpers/cli.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { createTestModels } from '../helpers/models.ts'

/** `maeum replay`: a stored session read again, beside the server that serves it. */

/** Long enough for a model to answer within it on a busy machine. */
const INTERVAL_MS = 2000
const texts = createTexts('en')

/** Runs the command like an operator. */
async function command(database: TestDatabase, args: readonly string[], env: Record<string, string> = {}) {
  const { code, out, err } = await cli(database, ['replay', ...args], { env })
  return { code, lines: out, out: out.join('\n'), err: err.join('\n') }
}

/** The output lines, and whether there is a fault. */
async function replay({ orm }: TestDatabase, sessionId: string, model?: ModelAnalyser) {
  const windows: ReplayedWindow[] = []
  const onWindow = (window: ReplayedWindow) => void windows.push(window)
  const safeOf = () => Promise.resolve(createSafe(null, 'nobody'))
  await replaySession({ orm, sessionId, onWindow, safeOf, ...(model === undefined ? {} : { model }) })
  return {
    isFaulty: windows.some(isFault),
    lines: [...windows.map((window) => windowLine(window, texts)), ...summaryLines(windows, texts)],
  }
}

/** A session of three windows, with the prompts of the model, if any. */
async function recorded(t: Test, env: Record<string, string> = {}) {
  const database = await createTestDatabase(t)
  const server = await startTestApp(t, {
    database,
    env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), ...env },
  })
  const session = await startSession(server, await createAccount(server))
  const socket = await connect(t, session.wsUrls.landmarks)
  for (const label of ['neutral', 'sad', 'happy']) {
    for (const text of frames(label, 20)) socket.send(text)
    await socket.next('emotion_update')
  }
  await eventually(
    () => database.sql`select from emotion_windows where answered_at is not null`,
    (rows) => rows.length >= 3,
  )
  return { database, server, id: session.sessionId }
}

t.test('the local analyser returns the stored answers, including the learnt baseline', async (t) => {
  const { database, id } = await recorded(t)
  const same = await command(database, [id])
  t.equal(same.err, '')
  t.equal(same.code, 0)
  t.equal(same.lines.filter((line) => line.endsWith('| equal')).length, same.lines.length - 1)
  t.match(same.lines.at(-1), /^\d windows: \d equal, 0 different, 0 of another analyser$/)
  t.notOk(same.out.includes(id), 'the session is not named: its id is a key')

  const change = (what: string, where: string) =>
    database.sql.unsafe(
      `update emotion_windows set ${what} where "window" = (select ${where}("window") from emotion_windows)`,
    )
  await change('confidence = 0.5', 'max')
  const changed = await replay(database, id)
  t.ok(changed.isFaulty)
  t.match(changed.lines.at(-2), /\| different: local-2 happy .* \(confidence\)$/)
  await change("analyser_version = 'local-0'", 'max')
  const older = await replay(database, id)
  t.notOk(older.isFaulty, 'another analyser may differ')
  t.match(older.lines.at(-1), /0 different, 1 of another analyser/)
  await change("measures = '\\x09'", 'min')
  const spoilt = await command(database, [id])
  t.equal(spoilt.code, 1)
  t.match(spoilt.lines[0], /cannot be read/)
})

t.test('another model gets the same prompts for the same windows', async (t) => {
  const double = await createGeminiDouble(t, readScript('{}'))
  const { baseUrl } = double
  const { database, id } = await recorded(t, { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: baseUrl })
  const before = double.requests.length
  const models = createTestModels(baseUrl, { names: ['gemini-3.1-flash-lite'] })
  const model = createGeminiAnalyser({ models, timeoutMs: 5000 })
  const { isFaulty, lines } = await replay(database, id, model)
  t.notOk(isFaulty)
  const windows = lines.filter((line) => line.startsWith('window '))
  t.ok(windows.length >= 3)
  const line =
    /\| equal \| gemini-3\.1-flash-lite \w+ \d\.\d{4}, (agrees with|instead of) gemini-.* \| same prompt$/
  for (const text of windows) t.match(text, line)
  t.match(lines.at(-1), `the model answered ${windows.length} of ${windows.length}`)
  t.match(lines.at(-2), /^a model was asked about \d then: \d+ tokens in, \d+ out, about 0\.\d{4} USD$/)
  t.equal(double.requests.length, before + windows.length)
})

t.test('another version of the analyser analyses the same windows', async (t) => {
  const { database, id } = await recorded(t)
  const folder = t.testdir({
    'next.json': JSON.stringify({ ...LOCAL_MODEL, version: 'local-next' }),
    'other.json': '{"version":"local-none"}',
  })
  const { code, lines } = await command(database, [id, '--model', `${folder}/next.json`])
  t.equal(code, 0)
  const windows = lines.filter((line) => line.startsWith('window '))
  t.ok(windows.length >= 3)
  for (const line of windows) t.match(line, /\| equal \| local-next \w+ \d\.\d{4}, agrees with local-2 /)
  const other = await command(database, [id, '--model', `${folder}/other.json`])
  t.equal(other.code, 2)
  t.match(other.err, /other\.json is not a fitted analyser/)
})

t.test('failures are reported in one line', async (t) => {
  const { code, err, out } = await command(await createTestDatabase(t), ['sess_unknown'])
  t.equal(code, 2)
  t.equal(err, 'the session does not exist')
  t.equal(out, '')
})

t.test('encrypted data is opened only with the operator keys', async (t) => {
  const keys = { DATA_KEYS: `one:${Buffer.alloc(32, 7).toString('base64')}` }
  const { database, id } = await recorded(t, keys)
  const read = await command(database, [id], keys)
  t.equal(read.code, 0, read.err)
  t.match(read.out, /neutral|sad|happy/)
  t.equal((await command(database, [id])).code, 2)
})
