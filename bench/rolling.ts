import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import { type Client, Fleet } from './harness/fleet.ts'
import type { MeasuredProcess } from './harness/measured-process.ts'
import { onInstance, startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'
import { balance, type Span } from './harness/window-ledger.ts'

const SESSIONS = 100
const FRAMES_PER_SECOND = 10
/** A window of each session before, between and after the two restarts. */
const STEADY_MS = 11_000
const MOST_EXIT_MS = 10_000
/** Longer than a window's answer may take after its close. */
const PATIENCE_MS = 15_000
const LATE_MS = 1000
const SLICE_MS = 500

type Exit = { readonly code: number | null; readonly ms: number }

/** Ends an instance like a deployment and starts its successor at the same address; resolves when it is ready. */
async function replace(stage: Stage, instance: MeasuredProcess, databaseUrl: string): Promise<Exit> {
  const begun = performance.now()
  const code = await instance.stop()
  const ms = performance.now() - begun
  await stage.ours({ DATABASE_URL: databaseUrl, PORT: new URL(instance.origin).port })
  return { code, ms }
}

/** Each client starts on one instance and also has the URL of the other; half of them use the newer protocol. */
function clientsOf(urls: readonly string[], origins: readonly [string, string]): Client[] {
  return urls.map((url, place) => {
    const [first, second] = origins.map((origin) => onInstance(url, origin)) as [string, string] // of two
    return {
      urls: place % 2 === 0 ? [first, second] : [second, first],
      ...(place % 4 < 2 ? {} : { protocol: 'maeum.v2' }),
    }
  })
}

/** Streams frames on every socket during the work. */
async function streamDuring(fleet: Fleet, work: () => Promise<void>): Promise<Span> {
  const load = { sockets: SESSIONS, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: 0, ms: SLICE_MS }
  const from = Date.now()
  let isOver = false
  const stream = async () => {
    while (!isOver) await fleet.stream(load)
  }
  const worked = work().finally(() => {
    isOver = true
  })
  await Promise.all([worked, stream()])
  return { from, to: Date.now() }
}

async function measure(stage: Stage) {
  const database = await stage.database()
  const start = () => stage.ours({ DATABASE_URL: database.url })
  const instances = [await start(), await start()] as const
  const fleet = new Fleet()
  try {
    const urls = await startSessions(instances[0].origin, database, SESSIONS)
    await untilQuiet()
    await fleet.joinAs(clientsOf(urls, [instances[0].origin, instances[1].origin]))
    const exits: Exit[] = []
    const span = await streamDuring(fleet, async () => {
      await sleep(STEADY_MS)
      for (const instance of instances) {
        exits.push(await replace(stage, instance, database.url))
        await sleep(STEADY_MS)
      }
    })
    const patience = { lateMs: LATE_MS, patienceMs: PATIENCE_MS }
    const ledger = await balance(database, { fleet, urls }, span, patience)
    return { exits, ledger, socketsLost: fleet.lost }
  } finally {
    fleet.close()
  }
}

async function run(stage: Stage): Promise<Report> {
  const { exits, ledger, socketsLost } = await measure(stage)
  const windows = (name: string, ours: number) => ({ name, unit: 'windows', ours })
  const none = (name: string, measured: number, unit = 'windows') => ({
    name,
    measured,
    bound: 0,
    passes: 'at most' as const,
    unit,
    decides: true,
  })
  return {
    figures: [
      windows('expected', ledger.closed),
      windows('stored', ledger.stored),
      windows('delivered', ledger.delivered),
      windows(`answered more than ${LATE_MS} ms after the close`, ledger.late),
      { name: 'latest answer after the close', unit: 'ms', ours: ledger.latestMs },
      { name: 'that clients had to replace', unit: 'sockets', ours: socketsLost },
    ],
    checks: [
      none('lost', ledger.lost),
      none('sent twice', ledger.twice),
      none('ended with another code than 0', exits.filter(({ code }) => code !== 0).length, 'instances'),
      {
        name: 'longest exit',
        measured: Math.max(...exits.map(({ ms }) => ms)),
        bound: MOST_EXIT_MS,
        passes: 'at most',
        unit: 'ms',
        decides: false,
      },
    ],
    notes: [],
  }
}

export const rolling: Bench = {
  title: `${SESSIONS} streaming sessions, two instances are replaced one after the other`,
  run,
}
