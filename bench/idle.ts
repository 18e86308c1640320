import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Report } from './harness/bench.ts'
import { Fleet } from './harness/fleet.ts'
import type { MeasuredProcess } from './harness/measured-process.ts'
import { startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'

const WARM_UP = 50
const SESSIONS = 1000
/** More than one ping interval. */
const REST_MS = 12_000
const KIB = 1024
/** A bare socket takes about 8 KiB, so this is about 64 KiB. */
const MOST_TIMES_BARE = 8

/** Memory per additional idle socket after a garbage collection, KiB. */
async function costOf(server: MeasuredProcess, join: (fleet: Fleet, count: number) => Promise<void>) {
  const fleet = new Fleet()
  try {
    await join(fleet, WARM_UP)
    await sleep(REST_MS)
    const before = await server.usage('collect')
    await join(fleet, SESSIONS)
    await sleep(REST_MS)
    const after = await server.usage('collect')
    return {
      rss: (after.rss - before.rss) / SESSIONS / KIB,
      heap: (after.heapUsed - before.heapUsed) / SESSIONS / KIB,
    }
  } finally {
    fleet.close()
  }
}

async function run(stage: Stage): Promise<Report> {
  const counting = await stage.reference('counting-server')
  const socketUrl = counting.origin.replace('http', 'ws')
  const reference = await costOf(counting, (fleet, count) =>
    fleet.join(new Array<string>(count).fill(socketUrl), false),
  )
  await stage.clear()

  const database = await stage.database()
  const server = await stage.ours({ DATABASE_URL: database.url })
  const ours = await costOf(server, async (fleet, count) =>
    fleet.join(await startSessions(server.origin, database, count)),
  )
  return {
    figures: [
      { name: 'resident memory', unit: 'KiB/session', ours: ours.rss, reference: reference.rss },
      { name: 'heap, part of it', unit: 'KiB/session', ours: ours.heap, reference: reference.heap },
    ],
    checks: [
      {
        name: 'resident memory of a quiet session, times a bare socket',
        measured: ours.rss / reference.rss,
        bound: MOST_TIMES_BARE,
        passes: 'at most',
        unit: 'x',
        decides: true,
      },
      {
        name: 'resident memory of a quiet session',
        measured: ours.rss,
        bound: 64,
        passes: 'at most',
        unit: 'KiB',
        decides: false,
      },
    ],
    notes: [],
  }
}

export const idle: Bench = { title: `memory of ${SESSIONS} connected sessions that send nothing`, run }
