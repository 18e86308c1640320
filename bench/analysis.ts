import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { median } from '../src/domain/face/statistics.ts'
import { promptTokens } from '../gemini-double/protocol.ts'
import { readScript } from '../gemini-double/script-file.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../gemini-double/server.ts'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import { startCollector } from './harness/collector.ts'
import { Fleet } from './harness/fleet.ts'
import { say } from './harness/report.ts'
import { startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'
import { withUsage } from './harness/usage.ts'
import { balance, type Ledger } from './harness/window-ledger.ts'

/** Override with `BENCH_SESSIONS=200 BENCH_SECONDS=120`. */
const SESSIONS = Number(process.env['BENCH_SESSIONS'] ?? 80)
const STREAM_MS = Number(process.env['BENCH_SECONDS'] ?? 18) * 1000
const FRAMES_PER_SECOND = 4
const PINGS_PER_SECOND = 20
const DEADLINE_MS = 9000
const AFTER_MS = 50
const MOST_TOKENS = 1000
/** How long to wait for windows that closed by the end of the stream. */
const PATIENCE_MS = DEADLINE_MS + 2000

const ALL_SCRIPTS = [
  'well',
  'retired',
  'down',
  'third-hangs',
  'slow',
  'limited',
  'cut',
  'html',
  'reset',
  'slow-body',
  'faults',
]
/** Files of gemini-double/scripts; select some with `BENCH_SCRIPTS=down,slow`. */
const SCRIPTS = process.env['BENCH_SCRIPTS']?.split(',').filter(Boolean) ?? ALL_SCRIPTS
/** How often the load is repeated without and with tracing, in turns. */
const TURNS = Number(process.env['BENCH_TURNS'] ?? 3)
/** Long enough that what happens once, such as the compilation of the exporter, does not count. */
const TURN_MS = Math.max(38_000, STREAM_MS)
const MOST_FOR_TRACING = 1.05

type Played = Ledger & {
  /** CPU time of the server per closed window. */
  readonly cpuMs: number
  /** Size of the largest request. */
  readonly promptTokens: number
}

type Circumstances = {
  /** Further variables of the server. */
  readonly env?: Readonly<Record<string, string>>
  readonly streamMs?: number
}

/** Streams to a new server while the model double runs the script; null: without a model. */
async function play(
  stage: Stage,
  script: string | null,
  { env = {}, streamMs = STREAM_MS }: Circumstances = {},
): Promise<Played> {
  const database = await stage.database()
  const double = script === null ? null : await createGeminiDouble(undefined, await scriptOf(script))
  const model = double === null ? {} : { GEMINI_API_KEY: DOUBLE_KEY, GEMINI_BASE_URL: double.baseUrl }
  const fleet = new Fleet()
  try {
    const server = await stage.ours({
      DATABASE_URL: database.url,
      ANALYSIS_DEADLINE_MS: String(DEADLINE_MS),
      ...model,
      ...env,
    })
    const urls = await startSessions(server.origin, database, SESSIONS)
    await fleet.join(urls)
    const load = { sockets: SESSIONS, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: PINGS_PER_SECOND }
    const from = Date.now()
    const { serverMs } = await withUsage(stage.cores, server, () => fleet.stream({ ...load, ms: streamMs }))
    const span = { from, to: Date.now() }
    const patience = { lateMs: DEADLINE_MS + AFTER_MS, patienceMs: PATIENCE_MS }
    const ledger = await balance(database, { fleet, urls }, span, patience)
    const prompts = (double?.requests ?? []).map(({ body }) => promptTokens(body))
    const played = {
      ...ledger,
      cpuMs: serverMs / Math.max(1, ledger.closed),
      promptTokens: Math.max(0, ...prompts),
    }
    report(`${script ?? 'no model'}${Object.keys(env).length > 0 ? ', traced' : ''}`, played)
    return played
  } finally {
    fleet.close()
    await stage.clear()
    await double?.close()
  }
}

const scriptOf = async (name: string) =>
  readScript(await readFile(new URL(`../gemini-double/scripts/${name}.json`, import.meta.url), 'utf8'))

function report(name: string, played: Played): void {
  const { closed, answeredBy, late, lost, twice, unmeasured, cpuMs, costMicroUsd } = played
  const cost = costMicroUsd === null ? 'unknown cost' : `${(costMicroUsd / 1e6).toFixed(4)} USD`
  say(
    `  ${name}: ${closed} windows closed, ${late} late (the last ${played.latestMs.toFixed(0)} ms after its close), ${lost} lost, ${twice} sent twice, ${unmeasured} unmeasured;` +
      ` ${cpuMs.toFixed(1)} ms of processor time a window; ${played.promptTokens} tokens at most, ${cost}`,
  )
  for (const [who, count] of answeredBy) say(`    ${who}: ${count}`)
}

function figuresOf(script: string, played: Played, alone: Played): Figure[] {
  const share = (count: number) => (100 * count) / Math.max(1, played.closed)
  return [
    { name: `${script}: windows closed`, unit: '', ours: played.closed, reference: alone.closed },
    { name: `${script}: latest answer`, unit: 'ms', ours: played.latestMs, reference: alone.latestMs },
    { name: `${script}: processor time`, unit: 'ms/window', ours: played.cpuMs, reference: alone.cpuMs },
    ...played.answeredBy.map(([who, count]) => ({
      name: `${script}: answered by ${who}`,
      unit: '%',
      ours: share(count),
    })),
  ]
}

function checksOf(script: string, { closed, lost, twice, unmeasured, late }: Played): Check[] {
  const none = { passes: 'at most', bound: 0, unit: 'windows' } as const
  return [
    {
      name: `${script}: closed`,
      measured: closed,
      bound: 1,
      passes: 'at least',
      unit: 'windows',
      decides: true,
    },
    { name: `${script}: lost`, measured: lost, decides: true, ...none },
    { name: `${script}: sent twice`, measured: twice, decides: true, ...none },
    { name: `${script}: not measured`, measured: unmeasured, decides: true, ...none },
    {
      name: `${script}: later than the deadline and ${AFTER_MS} ms`,
      measured: late,
      decides: false,
      ...none,
    },
  ]
}

/** The same load without and with traces to a collector, in turns: a disturbance affects both. */
async function compareTracing(stage: Stage): Promise<Pick<Report, 'figures' | 'checks'>> {
  if (TURNS === 0) return { figures: [], checks: [] }
  const collector = await startCollector()
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const off: number[] = []
  const on: number[] = []
  try {
    for (let turn = 0; turn < TURNS; turn++) {
      off.push((await play(stage, 'well', { streamMs: TURN_MS })).cpuMs)
      on.push((await play(stage, 'well', { env, streamMs: TURN_MS })).cpuMs)
    }
  } finally {
    collector.close()
  }
  const times = median(on) / median(off)
  say(
    `  tracing: ${collector.bytes()} bytes of spans; off ${off.map(inTenths).join(' ')}, on ${on.map(inTenths).join(' ')} ms a window`,
  )
  return {
    figures: [
      { name: 'traced: processor time', unit: 'ms/window', ours: median(on), reference: median(off) },
      { name: 'traced: spans sent', unit: 'KiB', ours: collector.bytes() / 1024 },
    ],
    checks: [
      {
        name: 'processor time with tracing, times without',
        measured: times,
        bound: MOST_FOR_TRACING,
        passes: 'at most',
        unit: 'x',
        decides: true,
      },
      {
        name: 'traced: spans sent',
        measured: collector.bytes(),
        bound: 1,
        passes: 'at least',
        unit: 'bytes',
        decides: true,
      },
    ],
  }
}

const inTenths = (ms: number) => ms.toFixed(1)

async function run(stage: Stage): Promise<Report> {
  const begun = Date.now()
  const alone = await play(stage, null)
  const figures: Figure[] = []
  const checks: Check[] = checksOf('no model', alone)
  let tokens = 0
  for (const script of SCRIPTS) {
    const played = await play(stage, script)
    tokens = Math.max(tokens, played.promptTokens)
    figures.push(...figuresOf(script, played, alone))
    checks.push(...checksOf(script, played))
  }
  const traced = await compareTracing(stage)
  figures.push(...traced.figures)
  checks.push(...traced.checks)
  figures.push({ name: 'largest prompt', unit: 'tokens', ours: tokens })
  figures.push({ name: 'the whole bench', unit: 's', ours: (Date.now() - begun) / 1000 })
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
      'counts windows that closed by their schedule while frames arrived; each must be stored and sent once',
      'processor time of the server includes taking the frames; the reference is the same without a model',
      `tracing: medians of ${TURNS} turns of ${TURN_MS / 1000} s, off and on, with the script "well"; every window is traced`,
      'tokens as the double counts them, one for four bytes',
    ],
  }
}

export const analysis: Bench = {
  title: `windows of ${SESSIONS} sessions while the model is well, away, slow or faulty`,
  run,
}
