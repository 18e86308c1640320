import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'
import { readScript } from '../../../gemini-double/script-file.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../../helpers/app.ts'
import { createTestDatabase } from '../../helpers/database.ts'
import { eventually } from '../../helpers/eventually.ts'
import { frames } from '../../helpers/frames.ts'
import { createGeminiDouble, DOUBLE_KEY, type Script } from '../../helpers/gemini-double.ts'
import { settingRefused } from '../../helpers/gemini-steps.ts'

/** Every window of live sessions is answered, whatever the model does. */

const INTERVAL_MS = 3000
const DEADLINE_MS = 2700
const SESSIONS = 5
const WINDOWS = 3

type Setting = { script: Script; env?: Record<string, string>; sessions?: number; windows?: number }

/** Sessions that show a happy face for some windows; what they were told, what is stored, and what the model was asked. */
async function play(t: Test, { script, env = {}, sessions = SESSIONS, windows = WINDOWS }: Setting) {
  const database = await createTestDatabase(t)
  const double = await createGeminiDouble(t, script)
  const server = await startTestApp(t, {
    database,
    env: {
      ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
      ANALYSIS_DEADLINE_MS: String(DEADLINE_MS),
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: double.baseUrl,
      GEMINI_TIMEOUT_MS: '10000',
      ...env,
    },
  })
  const account = await createAccount(server)
  const updates: Record<string, unknown>[] = []
  const talk = async () => {
    const session = await startSession(server, account)
    const socket = await connect(t, session.wsUrls.landmarks)
    for (let window = 0; window < windows; window++) {
      for (const frame of frames('happy', 12)) socket.send(frame)
      const { data } = await socket.next('emotion_update')
      updates.push(data)
    }
    return session.sessionId
  }
  const ids = await Promise.all(Array.from({ length: sessions }, talk))
  const rows = await eventually(
    () => database.sql`select * from emotion_windows order by session_id, "window"`,
    (stored) => stored.length >= sessions * windows && stored.every((row) => row['answered_at'] !== null),
  )
  const ready = await server.app.inject({ url: '/api/health/ready' })
  const metrics = await server.app.inject({ url: '/metrics', headers: bearer(account.accessToken) })
  return {
    database,
    server,
    double,
    ids,
    updates,
    rows,
    ready,
    metrics: metrics.body,
  }
}

type Played = Awaited<ReturnType<typeof play>>

/** The promise: every window answered, and nothing said that was not seen. How soon is measured by `npm run bench -- analysis`. */
function isWhole(t: Test, { updates, rows }: Played): void {
  t.equal(updates.length, SESSIONS * WINDOWS)
  t.equal(rows.length, SESSIONS * WINDOWS)
  const held = updates.filter((update) => update['source'] === 'local')
  const labels = new Set(held.map((update) => update['emotion']))
  t.ok(labels.size <= 1, 'the same face reads the same')
  t.notOk(labels.has('neutral'), 'a failure is no emotion')
}

const outcomes = ({ rows }: Played) => [...new Set(rows.map((row) => String(row['model_outcome'])))].sort()
const scriptOf = async (name: string) =>
  readScript(await readFile(new URL(`../../../gemini-double/scripts/${name}.json`, import.meta.url), 'utf8'))

t.jobs = 2
const test = (sentence: string, check: (t: Test) => Promise<void>): void =>
  void t.test(sentence, { buffered: true }, check)

test('the model is well: it answers, and the row keeps both answers, the prompt, tokens and cost', async (t) => {
  const played = await play(t, { script: readScript('{}') })
  isWhole(t, played)
  t.strictSame(outcomes(played), ['answered'])
  for (const row of played.rows) {
    t.match(row, {
      source: 'gemini',
      local_emotion: /^[a-z]+$/,
      prompt_version: '3',
      prompt_hash: /^[0-9a-f]{64}$/,
    })
    t.ok(row['prompt_tokens'] > 300 && row['prompt_tokens'] < 1000)
    const cost = Math.round(0.3 * Number(row['prompt_tokens']) + 2.5 * Number(row['answer_tokens']))
    t.equal(row['cost_micro_usd'], cost)
    t.ok(row['local_confidence'] > 0)
    t.ok(row['local_scores'].happy >= 0)
  }
  const { metrics, server, ids, rows, ready } = played
  const compared = [
    ...metrics.matchAll(
      /maeum_model_agreement_total\{model="gemini-3.5-flash-lite",agrees="(?:yes|no)"\} (\d+)/g,
    ),
  ]
  t.equal(
    compared.reduce((total, [, count]) => total + Number(count), 0),
    SESSIONS * WINDOWS,
  )
  t.match(metrics, /maeum_model_tokens_total\{model="gemini-3.5-flash-lite",kind="prompt"\} \d+/)
  t.match(
    metrics,
    /maeum_model_requests_total\{model="gemini-3.5-flash-lite",outcome="answered",kind="window"\} 15/,
  )
  t.match(ready.json(), { status: 'ready', checks: { model: { ok: true } } })
  const body = JSON.stringify(played.double.requests.map((request) => request.body))
  for (const secret of [...ids, DOUBLE_KEY]) t.notOk(body.includes(secret), 'nothing says who it is')
  await server.app.close()
  const [bill] = await played.database
    .sql`select sum(requests)::int as requests, sum(cost_micro_usd)::int as cost from model_usage`
  t.equal(bill?.['requests'], SESSIONS * WINDOWS, 'a shutdown writes the bill')
  t.equal(
    bill?.['cost'],
    rows.reduce((total, row) => total + Number(row['cost_micro_usd']), 0),
  )
})

test('the model is down: every window is answered locally and readiness says so, but stays green', async (t) => {
  const played = await play(t, { script: await scriptOf('down'), env: { GEMINI_MODELS: 'gemini-a' } })
  isWhole(t, played)
  t.ok(outcomes(played).includes('circuit_open'), 'soon nothing is sent any more')
  for (const outcome of outcomes(played))
    t.ok(['overloaded', 'circuit_open', 'timed_out'].includes(outcome), outcome)
  t.equal(played.ready.statusCode, 200)
  t.match(played.ready.json(), {
    status: 'ready',
    checks: { model: { ok: true, details: [/^gemini-a: (half_)?open$/] } },
  })
  for (const row of played.rows) t.match(row, { source: 'local', local_emotion: null })
})

test('a third of the requests never ends: every window is answered', async (t) => {
  const script = readScript('{"seed": 3, "mix": [{"do": "answer", "share": 2}, {"do": "hang"}]}')
  const played = await play(t, { script })
  isWhole(t, played)
  t.ok(outcomes(played).includes('answered'))
  t.ok(outcomes(played).includes('timed_out'))
})

test('the model takes longer than the deadline: every window is answered, and what comes later is kept beside it', async (t) => {
  const script = readScript('{"latencyMs": {"min": 1500, "max": 1800}}')
  const played = await play(t, { script, env: { ANALYSIS_DEADLINE_MS: '1000' } })
  isWhole(t, played)
  t.ok(played.rows.every((row) => row['source'] === 'local'))
  const refined = await eventually(
    () => played.database.sql`select * from emotion_windows where refined_emotion is not null`,
    (rows) => rows.length >= 4,
  )
  for (const row of refined) t.ok(row['cost_micro_usd'] > 0, 'and is paid for')
})

test('no model accepts the thinking that is asked for: windows are answered, readiness and the log say why', async (t) => {
  const message = 'Thinking is not supported for this model.'
  const played = await play(t, { script: [settingRefused(message)], env: { GEMINI_MODELS: 'gemini-a' } })
  isWhole(t, played)
  t.equal(played.ready.statusCode, 200)
  t.match(played.ready.json().checks.model.details, [/rejected \(HTTP 400, thinking setting refused\)/])
  const refusals = played.server.log.filter((line) => line.includes('a model refuses our requests'))
  t.match(refusals, [/thinking setting refused/])
  t.equal(refusals.length, 1)
})

test('each fault of the outside world is an outcome with a name, never an emotion', async (t) => {
  const faults = [
    'cut',
    'thought-only',
    'blocked',
    'no-candidates',
    'wrong-label',
    'empty',
    'html',
    'key-refused',
  ]
  const mix = faults.map((fault) => ({ do: fault }))
  const played = await play(t, { script: readScript(JSON.stringify({ mix })) })
  isWhole(t, played)
  for (const outcome of outcomes(played))
    t.ok(['truncated', 'blocked', 'malformed', 'key_refused', 'circuit_open'].includes(outcome), outcome)
})

test('the day has no money left: windows are answered at once, nothing is sent', async (t) => {
  const played = await play(t, {
    script: readScript('{}'),
    env: {
      GEMINI_MODELS: 'gemini-3.5-flash-lite,gemini-3.1-flash-lite,gemini-2.5-flash-lite',
      GEMINI_DAILY_BUDGET_USD: '0',
    },
  })
  isWhole(t, played)
  t.strictSame(outcomes(played), ['budget_spent'])
  t.equal(played.double.requests.length, 0)
  t.match(played.ready.json().checks.model, {
    ok: true,
    details: [/^gemini/, /^gemini/, /^gemini/, /budget/],
  })
})
