import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { readScript } from '../gemini-double/script-file.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../gemini-double/server.ts'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import type { BenchDatabase } from './harness/database.ts'
import { Fleet, missingWindows } from './harness/fleet.ts'
import { say } from './harness/report.ts'
import { startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'
import { withUsage } from './harness/usage.ts'

/** Another load: `BENCH_SESSIONS=200 BENCH_SECONDS=120`. */
const SESSIONS = Number(process.env['BENCH_SESSIONS'] ?? 50)
const STREAM_MS = Number(process.env['BENCH_SECONDS'] ?? 40) * 1000
const FRAMES_PER_SECOND = 4
const PINGS_PER_SECOND = 20
const DEADLINE_MS = 9000
const AFTER_MS = 50
const MOST_TOKENS = 1000
/** Updates of windows that have closed are waited for this long after the stream. */
const REST_MS = DEADLINE_MS + 2000

/** Files of gemini-double/scripts; some of them with `BENCH_SCRIPTS=down,slow`. */
const SCRIPTS = (process.env['BENCH_SCRIPTS'] ?? 'well,retired,down,third-hangs,slow,faults').split(',')

type Ledger = {
  readonly closed: number
  /** Windows by who answered and why not the model, most first. */
  readonly answeredBy: readonly (readonly [string, number])[]
  readonly late: number
  readonly lost: number
  readonly cpuMs: number
  readonly promptTokens: number
  readonly costMicroUsd: number
}

/** What became of every window: of those that were stored and of those that a socket should have been told of. */
async function balance({ sql }: BenchDatabase, fleet: Fleet, serverMs: number): Promise<Ledger> {
  const rows = await sql`
    select source, coalesce(model_outcome, 'not asked') as outcome, answered_at is null as open, count(*)::int as count,
      coalesce(max(prompt_tokens), 0)::int as tokens, coalesce(sum(cost_micro_usd), 0)::int as cost
    from emotion_windows group by 1, 2, 3 order by count(*) desc`
  const count = (of: (typeof rows)[number]) => Number(of['count'])
  const closed = rows.reduce((total, row) => total + count(row), 0)
  const unanswered = rows.filter((row) => row['open'] === true).reduce((total, row) => total + count(row), 0)
  const silent = fleet.size - new Set(fleet.updates.map(({ socket }) => socket)).size
  return {
    closed,
    answeredBy: rows.map((row) => [`${String(row['source'])}, ${String(row['outcome'])}`, count(row)]),
    late: fleet.updates.filter(({ lateMs }) => lateMs > DEADLINE_MS + AFTER_MS).length,
    lost: unanswered + silent + missingWindows(fleet.updates) + Math.max(0, closed - fleet.updates.length),
    cpuMs: serverMs / Math.max(1, closed),
    promptTokens: Math.max(0, ...rows.map((row) => Number(row['tokens']))),
    costMicroUsd: rows.reduce((total, row) => total + Number(row['cost']), 0),
  }
}

/** Streams to a server of its own while the model follows the script; null: without a model. */
async function play(stage: Stage, script: string | null): Promise<Ledger> {
  const database = await stage.database()
  const double = script === null ? null : await createGeminiDouble(undefined, await scriptOf(script))
  const model = double === null ? {} : { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl }
  const fleet = new Fleet()
  try {
    const server = await stage.ours({
      DATABASE_URL: database.url,
      ANALYSIS_DEADLINE_MS: String(DEADLINE_MS),
      ...model,
    })
    await fleet.join(await startSessions(server.origin, database, SESSIONS))
    const load = { sockets: SESSIONS, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: PINGS_PER_SECOND }
    const { serverMs } = await withUsage(stage.cores, server, async () => {
      const streamed = await fleet.stream({ ...load, ms: STREAM_MS })
      await sleep(REST_MS)
      return streamed
    })
    const ledger = await balance(database, fleet, serverMs)
    tell(script ?? 'no model', ledger)
    return ledger
  } finally {
    fleet.close()
    await stage.clear()
    await double?.close()
  }
}

const scriptOf = async (name: string) =>
  readScript(await readFile(new URL(`../gemini-double/scripts/${name}.json`, import.meta.url), 'utf8'))

function tell(name: string, { closed, answeredBy, late, lost, costMicroUsd }: Ledger): void {
  say(
    `  ${name}: ${closed} windows closed, ${late} late, ${lost} lost, ${(costMicroUsd / 1e6).toFixed(4)} USD`,
  )
  for (const [who, count] of answeredBy) say(`    ${who}: ${count}`)
}

async function run(stage: Stage): Promise<Report> {
  const alone = await play(stage, null)
  const figures: Figure[] = []
  const checks: Check[] = []
  let tokens = 0
  for (const script of SCRIPTS) {
    const ledger = await play(stage, script)
    tokens = Math.max(tokens, ledger.promptTokens)
    figures.push(
      { name: `${script}: windows closed`, unit: '', ours: ledger.closed, reference: alone.closed },
      {
        name: `${script}: server's processor time`,
        unit: 'ms/window',
        ours: ledger.cpuMs,
        reference: alone.cpuMs,
      },
    )
    const bounded = { passes: 'at most', bound: 0, unit: 'windows' } as const
    checks.push(
      { name: `${script}: lost`, measured: ledger.lost, decides: true, ...bounded },
      {
        name: `${script}: later than the deadline and ${AFTER_MS} ms`,
        measured: ledger.late,
        decides: false,
        ...bounded,
      },
    )
  }
  figures.push({ name: 'largest prompt', unit: 'tokens', ours: tokens })
  checks.push({
    name: 'largest prompt',
    measured: tokens,
    bound: MOST_TOKENS,
    passes: 'at most',
    unit: 'tokens',
    decides: true,
  })
  return {
    figures,
    checks,
    notes: [
      `${SESSIONS} sessions, ${FRAMES_PER_SECOND} frames a second each, ${STREAM_MS / 1000} s under each script`,
      'processor time of the server includes taking the frames; the reference is the same without a model',
      'tokens as the double counts them, one for four bytes',
    ],
  }
}

export const analysis: Bench = {
  title: `windows of ${SESSIONS} sessions while the model is well, away, slow or faulty`,
  run,
}
