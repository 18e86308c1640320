import { setTimeout as sleep } from 'node:timers/promises'
import { median, quantile } from '../../src/domain/face/statistics.ts'
import type { BenchDatabase } from './database.ts'
import { Fleet, missingWindows } from './fleet.ts'
import type { MeasuredProcess } from './measured-process.ts'
import { say } from './report.ts'
import { startSessions } from './sessions.ts'
import type { Stage, StartServer } from './stage.ts'

const SESSIONS = 200
const FRAMES_PER_SECOND = 4
const INTERVAL_MS = 10_000
/** From the first close of a round to the last. */
const SPREAD_MS = 1000
/** Rounds that are not counted, while the engine compiles. */
const WARM_UP = 2
const ROUNDS = 3
/** The last frame is sent so long before the first close ... */
const STREAM_UNTIL_MS = 400
/** ... the measurement begins ... */
const BEFORE_MS = 100
/** ... and ends, when all answers are sent and marked. */
const AFTER_MS = 1500

export type WindowCost = {
  /** Processor time of the server for one window without its frames, ms. */
  readonly cpuMs: number
  /** From the close to the update, ms. */
  readonly p50: number
  readonly p99: number
  readonly missing: number
}

/** Windows close evenly over `SPREAD_MS`. Returns the first close, ms since the epoch. */
async function spread({ sql }: BenchDatabase): Promise<number> {
  await sql`
    update sessions set started_at = now() + make_interval(secs => place.number * ${SPREAD_MS / 1000 / SESSIONS}::float8)
      - make_interval(secs => ${SPREAD_MS / 1000}::float8)
    from (select id, row_number() over () as number from sessions) as place where sessions.id = place.id`
  const [row] = await sql`select extract(epoch from min(started_at))::float8 * 1000 as first from sessions`
  return Number(row?.['first']) + INTERVAL_MS
}

const nextClose = (first: number) =>
  first + Math.ceil((Date.now() + 2 * STREAM_UNTIL_MS - first) / INTERVAL_MS) * INTERVAL_MS

const until = (at: number) => sleep(Math.max(0, at - Date.now()))

/** Share of the core that the server takes without windows. */
async function idleShare(server: MeasuredProcess, closeAt: number): Promise<number> {
  const [{ cpuMs }, begun] = [await server.usage(), Date.now()]
  await until(closeAt - BEFORE_MS)
  return ((await server.usage()).cpuMs - cpuMs) / (Date.now() - begun)
}

/** Streams until shortly before the next close. Returns the processor time of each window from then on. */
async function playRound(
  server: MeasuredProcess,
  fleet: Fleet,
  { first, idle }: { first: number; idle: number },
) {
  const closeAt = nextClose(first)
  const load = { sockets: SESSIONS, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: 0, isBinary: true }
  await fleet.stream({ ...load, ms: closeAt - STREAM_UNTIL_MS - Date.now() })
  await until(closeAt - BEFORE_MS)
  fleet.updates.length = 0
  const [before, begun] = [await server.usage(), Date.now()]
  await until(closeAt + SPREAD_MS + AFTER_MS)
  const after = await server.usage()
  const updates = [...fleet.updates]
  return { cpuMs: (after.cpuMs - before.cpuMs - idle * (Date.now() - begun)) / updates.length, updates }
}

/**
 * The cost of the close of a window: measures, scores, answer, row, delivery and mark. 200 sessions of `maeum.v2` send
 * binary frames, four a second, and stop shortly before their windows close, all within a second.
 */
export async function measureWindowCost(stage: Stage, start: StartServer, name: string): Promise<WindowCost> {
  const database = await stage.database()
  const server = await start({ DATABASE_URL: database.url })
  const fleet = new Fleet()
  try {
    const urls = await startSessions(server.origin, database, SESSIONS, 'together')
    const first = await spread(database)
    await fleet.joinAs(urls.map((url) => ({ urls: [url], protocol: 'maeum.v2' as const })))
    const idle = await idleShare(server, nextClose(first))
    for (let round = 0; round < WARM_UP; round++) await playRound(server, fleet, { first, idle })
    const rounds = []
    for (let round = 0; round < ROUNDS; round++) rounds.push(await playRound(server, fleet, { first, idle }))
    const updates = rounds.flatMap((round) => round.updates)
    const late = updates.map(({ lateMs }) => lateMs)
    const costs = rounds.map(({ cpuMs }) => cpuMs)
    const missing = missingWindows(updates) + Math.max(0, ROUNDS * SESSIONS - updates.length)
    const cost = { cpuMs: median(costs), p50: quantile(late, 0.5), p99: quantile(late, 0.99), missing }
    say(
      `    ${name}: ${cost.cpuMs.toFixed(2)} ms of processor time a window (${costs.map((ms) => ms.toFixed(2)).join(' ')}), ` +
        `answered after p50 ${cost.p50.toFixed(0)} ms, p99 ${cost.p99.toFixed(0)} ms, ${missing} missing`,
    )
    return cost
  } finally {
    fleet.close()
    await stage.clear()
  }
}
