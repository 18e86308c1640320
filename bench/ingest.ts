import { quantile } from '../src/domain/face/statistics.ts'
import type { Bench, Report } from './harness/bench.ts'
import { type Cores, untilQuiet } from './harness/cores.ts'
import { Fleet } from './harness/fleet.ts'
import type { MeasuredProcess } from './harness/measured-process.ts'
import { say } from './harness/report.ts'
import { startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'
import { withUsage } from './harness/usage.ts'

const FRAMES_PER_SECOND = 10
const PINGS_PER_SECOND = 50
const PING_WITHIN_MS = 100
const LATE_SHARE = 0.05
/** Minimum share of the planned frames that were sent. */
const SUSTAINED = 0.98
const SETTLE_MS = 2000
/** One window of each session. */
const MEASURE_MS = 10_000
/** A failure counts if other programs used less of the core than this, or if it is repeated. */
const DISTURBED = 0.05
const TRIES = { quiet: 2, disturbed: 5 }
const FIRST_SOCKETS = 100
const GROWTH = 1.5
const MOST_SOCKETS = 1500
/** Precision of the result. */
const PRECISION = 0.05
const BACKLOG_DEADLINE_MS = 60_000
const LOAD_SATURATED = 0.9

type Step = {
  readonly sockets: number
  readonly held: boolean
  readonly p95: number
  readonly loadBusy: number
  /** CPU time of the server, ms per frame. */
  readonly costMs: number
  readonly others: number
}

/** One kind of server, and how to add sockets to it. */
type Subject = {
  readonly server: MeasuredProcess
  readonly join: (fleet: Fleet, count: number) => Promise<void>
}

async function step(cores: Cores, { server }: Subject, fleet: Fleet, sockets: number): Promise<Step> {
  const load = { sockets, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: PINGS_PER_SECOND }
  await untilQuiet()
  await fleet.stream({ ...load, ms: SETTLE_MS })
  const giveUp = { withinMs: PING_WITHIN_MS, share: LATE_SHARE }
  const streamed = await withUsage(cores, server, () => fleet.stream({ ...load, ms: MEASURE_MS, giveUp }))
  await fleet.settle(BACKLOG_DEADLINE_MS)
  const { framesSent, framesDue, pings, loadBusy, gaveUp, serverMs, others } = streamed
  const p95 = quantile(pings, 1 - LATE_SHARE)
  const held = !gaveUp && p95 <= PING_WITHIN_MS && framesSent >= SUSTAINED * framesDue
  const percent = (share: number) => `${(share * 100).toFixed(0)} %`
  say(
    `    ${sockets} sockets: ${held ? 'held' : 'not held'}, ping p95 ${gaveUp ? 'too long' : p95.toFixed(1)} ms, ` +
      `${percent(framesSent / framesDue)} sent, load ${percent(loadBusy)} busy, ` +
      `others ${percent(others)} of the core`,
  )
  return { sockets, held, p95, loadBusy, others, costMs: serverMs / framesSent }
}

/** A passed step counts; a failed one is repeated, more often while other programs use the core. */
async function patientStep(...[cores, subject, fleet, sockets]: Parameters<typeof step>): Promise<Step> {
  let quiet = 0
  for (let tries = 1; ; tries++) {
    const result = await step(cores, subject, fleet, sockets)
    if (result.others < DISTURBED) quiet++
    if (result.held || quiet >= TRIES.quiet || tries >= TRIES.disturbed) return result
  }
}

/** The largest number of sockets whose pings stay in time: grows until they do not, then bisects. */
async function findCapacity(cores: Cores, subject: Subject): Promise<Step> {
  const fleet = new Fleet()
  try {
    let most: Step | undefined
    let tooMany = MOST_SOCKETS + 1
    for (let sockets = FIRST_SOCKETS; ; ) {
      if (fleet.size < sockets) await subject.join(fleet, sockets - fleet.size)
      const result = await patientStep(cores, subject, fleet, sockets)
      if (result.held) most = result
      else tooMany = sockets
      const held = most?.sockets ?? 0
      if (tooMany - held <= Math.max(1, PRECISION * tooMany)) break
      sockets =
        tooMany > MOST_SOCKETS
          ? Math.min(MOST_SOCKETS, Math.round(sockets * GROWTH))
          : Math.round((held + tooMany) / 2)
    }
    if (most === undefined) throw new Error('not even one socket is served in time: the machine is too busy')
    return most
  } finally {
    fleet.close()
  }
}

async function run(stage: Stage): Promise<Report> {
  say('  reference: Fastify + ws, JSON.parse of every frame')
  const parsing = await stage.reference('parsing-server')
  const socketUrl = parsing.origin.replace('http', 'ws')
  const reference = await findCapacity(stage.cores, {
    server: parsing,
    join: (fleet, count) => fleet.join(new Array<string>(count).fill(socketUrl), false),
  })
  await stage.clear()

  say('  ours')
  const database = await stage.database()
  const server = await stage.ours({ DATABASE_URL: database.url })
  const ours = await findCapacity(stage.cores, {
    server,
    join: async (fleet, count) => fleet.join(await startSessions(server.origin, database, count)),
  })

  const rate = ({ sockets }: Step) => sockets * FRAMES_PER_SECOND
  const notes = [ours, reference]
    .filter(({ loadBusy, sockets }) => loadBusy > LOAD_SATURATED || sockets === MOST_SOCKETS)
    .map(({ sockets }) => `at ${sockets} sockets the load was at its own limit: the server may hold more`)
  return {
    figures: [
      { name: 'frames a second on one core', unit: 'frames/s', ours: rate(ours), reference: rate(reference) },
      { name: 'ping p95 there', unit: 'ms', ours: ours.p95, reference: reference.p95 },
      {
        name: 'processor time of the server',
        unit: 'us/frame',
        ours: ours.costMs * 1000,
        reference: reference.costMs * 1000,
      },
      {
        name: 'load on its own core',
        unit: '%',
        ours: ours.loadBusy * 100,
        reference: reference.loadBusy * 100,
      },
    ],
    checks: [
      {
        name: 'frames a second, times the reference',
        measured: rate(ours) / rate(reference),
        bound: 1.5,
        passes: 'at least',
        unit: 'x',
        decides: true,
      },
    ],
    notes,
  }
}

export const ingest: Bench = { title: 'frames a second while pings are answered within 100 ms', run }
