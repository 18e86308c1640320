import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import { Fleet, missingWindows, type Update } from './harness/fleet.ts'
import type { MeasuredProcess } from './harness/measured-process.ts'
import { say } from './harness/report.ts'
import { startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'

const HONEST_SESSIONS = 5
const FRAMES_PER_SECOND = 10
const FLOOD = { frames: 20_000, ms: 10_000 }
/** Two windows, to warm up before memory is measured. */
const WARM_UP_MS = 25_000
const QUIET_MS = 10_000
/** Time for the last flood's windows to close. */
const AFTER_MS = 11_000
const TOTAL_MS = WARM_UP_MS + 2 * QUIET_MS + 2 * FLOOD.ms + AFTER_MS
const SAMPLE_MS = 100
const MIB = 1024 * 1024

type Phase = { readonly from: number; readonly to: number; readonly peak: number }

type Flooded = {
  /** Peak resident memory, bytes: before, in the first flood, in the second. */
  readonly before: Phase
  readonly first: Phase
  readonly second: Phase
  readonly framesSent: number
  readonly updates: readonly Update[]
}

/** Samples the server's memory during `work`. */
async function watch(server: MeasuredProcess, work: Promise<unknown>): Promise<Phase> {
  const from = Date.now()
  const watched = { done: false, peak: 0 }
  const finished = work.finally(() => {
    watched.done = true
  })
  while (!watched.done) {
    watched.peak = Math.max(watched.peak, (await server.usage()).rss)
    await sleep(SAMPLE_MS)
  }
  await finished
  return { from, to: Date.now(), peak: watched.peak }
}

/** Two floods from one socket, with normal sessions at the same time. */
async function flood(server: MeasuredProcess, urls: readonly string[], greeted: boolean): Promise<Flooded> {
  const honest = new Fleet()
  const attacker = new Fleet()
  try {
    await honest.join(urls.slice(1), greeted)
    await attacker.join(urls.slice(0, 1), greeted)
    await untilQuiet()
    const streaming = honest.stream({
      sockets: honest.size,
      framesPerSecond: FRAMES_PER_SECOND,
      pingsPerSecond: 0,
      ms: TOTAL_MS,
    })
    const attack = { sockets: 1, framesPerSecond: FLOOD.frames / (FLOOD.ms / 1000), pingsPerSecond: 0 }
    let framesSent = 0
    const attacked = async () => {
      framesSent += (await attacker.stream({ ...attack, ms: FLOOD.ms })).framesSent
    }
    await sleep(WARM_UP_MS)
    const before = await watch(server, sleep(QUIET_MS))
    const first = await watch(server, attacked())
    await sleep(QUIET_MS)
    const second = await watch(server, attacked())
    await streaming
    return { before, first, second, framesSent, updates: [...honest.updates] }
  } finally {
    honest.close()
    attacker.close()
  }
}

const growth = ({ before, first, second }: Flooded) => ({
  first: (first.peak - before.peak) / MIB,
  second: (second.peak - first.peak) / MIB,
})

const worst = (updates: readonly Update[]) => Math.max(0, ...updates.map(({ lateMs }) => lateMs))

async function run(stage: Stage): Promise<Report> {
  say('  reference: ws alone, which counts bytes')
  const counting = await stage.reference('counting-server')
  const socketUrl = counting.origin.replace('http', 'ws')
  const reference = await flood(counting, new Array<string>(HONEST_SESSIONS + 1).fill(socketUrl), false)
  await stage.clear()

  say('  ours')
  const database = await stage.database()
  const server = await stage.ours({ DATABASE_URL: database.url })
  const ours = await flood(server, await startSessions(server.origin, database, HONEST_SESSIONS + 1), true)
  return { figures: figuresOf(ours, reference), checks: checksOf(ours, reference), notes: [] }
}

/** The updates of the honest sessions, by whether they arrived in a flood. */
function splitUpdates({ first, second, updates }: Flooded) {
  const during = updates.filter(({ at }) => [first, second].some(({ from, to }) => at >= from && at <= to))
  return { during, quiet: updates.filter((update) => !during.includes(update)) }
}

function figuresOf(ours: Flooded, reference: Flooded): Figure[] {
  const grown = { ours: growth(ours), reference: growth(reference) }
  const { during, quiet } = splitUpdates(ours)
  return [
    {
      name: 'frames sent in both floods',
      unit: 'frames',
      ours: ours.framesSent,
      reference: reference.framesSent,
    },
    {
      name: 'resident memory before',
      unit: 'MiB',
      ours: ours.before.peak / MIB,
      reference: reference.before.peak / MIB,
    },
    {
      name: 'growth in the first flood',
      unit: 'MiB',
      ours: grown.ours.first,
      reference: grown.reference.first,
    },
    {
      name: 'growth in the second flood',
      unit: 'MiB',
      ours: grown.ours.second,
      reference: grown.reference.second,
    },
    { name: 'updates of the others in the floods', unit: 'updates', ours: during.length },
    {
      name: 'latest of them (reference: without a flood)',
      unit: 'ms',
      ours: worst(during),
      reference: worst(quiet),
    },
  ]
}

function checksOf(ours: Flooded, reference: Flooded): Check[] {
  const grown = { ours: growth(ours), reference: growth(reference) }
  const { during, quiet } = splitUpdates(ours)
  return [
    {
      name: 'growth in the first flood beyond the reference',
      measured: grown.ours.first - grown.reference.first,
      bound: 24,
      passes: 'at most',
      unit: 'MiB',
      decides: true,
    },
    {
      name: 'growth in the second flood beyond the reference',
      measured: grown.ours.second - Math.max(0, grown.reference.second),
      bound: 4,
      passes: 'at most',
      unit: 'MiB',
      decides: true,
    },
    {
      name: 'windows of the others without an update',
      measured: missingWindows(ours.updates),
      bound: 0,
      passes: 'at most',
      unit: 'windows',
      decides: true,
    },
    {
      name: 'latest update of the others, beyond the latest without a flood',
      measured: worst(during) - worst(quiet),
      bound: 250,
      passes: 'at most',
      unit: 'ms',
      decides: true,
    },
  ]
}

export const flooding: Bench = {
  title: `${FLOOD.frames} frames in ${FLOOD.ms / 1000} s from one socket, twice, beside ${HONEST_SESSIONS} honest sessions`,
  run,
}
