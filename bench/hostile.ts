import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { emptyLedger, fuzzDecoders } from '../test/helpers/hostile/frame-fuzz.ts'
import type { OpenApi } from '../test/helpers/malformed.ts'
import type { Account, HostileLedger, Plan, Report as AttackReport } from './harness/attackers.ts'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import { Fleet, missingWindows } from './harness/fleet.ts'
import { CROWD, startAttackedSessions, planSockets, planLargeMessages } from './harness/hostile-sockets.ts'
import { say } from './harness/report.ts'
import { signUp, startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'

const SEED = 20_261_123
const MUTATIONS = Number(process.env['BENCH_MUTATIONS'] ?? 1_000_000)
/** Interval of progress lines. */
const MUTATIONS_A_LINE = 100_000

const HONEST_SESSIONS = 20
const FRAMES_PER_SECOND = 10
/** An answer that arrives more than a second after its window's close is late. */
const ON_TIME_MS = 1000

const LIMITS = { SOCKETS_PER_USER: '300', SOCKETS_PER_ADDRESS: '4000' }
/** Separate accounts for requests, because some requests end the sessions of their account. */
const OTHER_USERS = 8
/** How long large and nested JSON is sent alone, before the other attacks. */
const LARGE_MS = 15_000
/** Deadline for pings of other sessions meanwhile. */
const PING_MS = 200

/** The smallest plan of many hosts. The heap limit leaves room for memory outside the heap. */
const BOX_MIB = 512
const HEAP_MIB = 288
const WARM_UP_MS = 12_000
const ATTACK_MS = 1000 * Number(process.env['BENCH_SECONDS'] ?? 60)
const CALM_MS = 12_000
const SLICE_MS = 5000
/** A session without an update for this long at the end has lost its last window. */
const SILENT_MS = 16_000
const JOIN_DEADLINE_MS = 600_000
const SAMPLE_MS = 200
const MIB = 1024 * 1024

const LOAD = fileURLToPath(new URL('harness/attackers.ts', import.meta.url))
const LOADER = import.meta.resolve('tsx')

async function fuzz() {
  const ledger = emptyLedger()
  for (let done = 0; done < MUTATIONS; done += MUTATIONS_A_LINE) {
    fuzzDecoders(Math.min(MUTATIONS_A_LINE, MUTATIONS - done), SEED + done, ledger)
    say(`    ${ledger.attempts} mutated frames: ${ledger.refused} refused, ${ledger.accepted} still frames`)
    await sleep(0) // signals are heard in between
  }
  return ledger
}

type Attackers = { readonly child: ChildProcess; readonly next: () => Promise<AttackReport> }

/** At the lowest priority, because the CPU time of the attackers themselves is not measured. */
function startAttackers(stage: Stage): Attackers {
  const [command = process.execPath, ...args] = [
    ...[...stage.cores.prefix('load'), process.execPath, '--import', LOADER, LOAD],
  ]
  const child = spawn(command, args, { cwd: stage.root, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  if (child.pid !== undefined) setPriority(child.pid, 10)
  const died = once(child, 'exit').then(() => {
    throw new Error('the attackers died')
  })
  died.catch(() => undefined) // reported by the race below; expected after the last report
  const next = async () => {
    const signal = AbortSignal.timeout(JOIN_DEADLINE_MS)
    const [report] = (await Promise.race([once(child, 'message', { signal }), died])) as [AttackReport] // by attackers.ts
    return report
  }
  return { child, next }
}

type Slice = { readonly from: number; readonly to: number; readonly slowestPing: number }

/** Streams recorded faces from all sockets, in slices, until the signal. */
async function streamUntil(signal: AbortSignal, fleet: Fleet) {
  let framesSent = 0
  const slices: Slice[] = []
  const load = { sockets: fleet.size, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: 20, ms: SLICE_MS }
  while (!signal.aborted) {
    const from = Date.now()
    const slice = await fleet.stream(load)
    framesSent += slice.framesSent
    slices.push({ from, to: Date.now(), slowestPing: Math.max(...slice.pings) })
  }
  return { framesSent, slices, endedAt: Date.now() }
}

type Streamed = Awaited<ReturnType<typeof streamUntil>>

/** The slowest ping of the slices between these times. */
const slowestPing = ({ slices }: Streamed, from = 0, to = Number.POSITIVE_INFINITY): number =>
  Math.max(...slices.filter((slice) => slice.to > from && slice.from < to).map((slice) => slice.slowestPing))

/** Peak resident memory during `work`, bytes. */
async function peakOf(rss: () => Promise<number>, work: Promise<unknown>): Promise<number> {
  const watched = { done: false, peak: 0 }
  const finished = work.finally(() => {
    watched.done = true
  })
  while (!watched.done) {
    watched.peak = Math.max(watched.peak, await rss())
    await sleep(SAMPLE_MS)
  }
  await finished
  return watched.peak
}

const lines = (
  name: string,
  { attempts, refused, served, acceptedWrongly, unanswered }: Account,
): Figure[] => [
  { name: `${name}: attempts`, unit: '', ours: attempts },
  { name: `${name}: refused`, unit: '', ours: refused },
  { name: `${name}: odd and legal, served`, unit: '', ours: served },
  { name: `${name}: accepted wrongly`, unit: '', ours: acceptedWrongly },
  ...(unanswered === undefined ? [] : [{ name: `${name}: given up`, unit: '', ours: unanswered }]),
]

const atMost = (name: string, measured: number, bound: number, unit: string): Check => ({
  ...{ name, measured, bound, unit },
  passes: 'at most',
  decides: true,
})

async function run(stage: Stage): Promise<Report> {
  const frames = await fuzz()
  for (const fault of frames.faults) say(`    ${fault}`)

  const database = await stage.database()
  const server = await stage.ours({
    DATABASE_URL: database.url,
    NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    LOG_LEVEL: 'warn',
    ...LIMITS,
  })
  const { origin } = server
  const honest = new Fleet()
  const attackers = startAttackers(stage)
  try {
    const urls = await startSessions(origin, database, HONEST_SESSIONS)
    const sessions = await startAttackedSessions(origin)
    const tokens = await Promise.all(Array.from({ length: OTHER_USERS }, () => signUp(origin)))
    await honest.join(urls)
    const begun = Date.now()
    const during = { joined: 0, from: 0, to: 0 }
    const large = { from: 0, to: 0, bytes: 0 }
    let ledger: HostileLedger | undefined
    const stop = new AbortController()
    const streaming = streamUntil(stop.signal, honest)
    const attacked = async () => {
      await sleep(WARM_UP_MS)
      during.from = Date.now()
      const plan: Plan = {
        ...{ origin, seed: SEED, ms: ATTACK_MS, tokens },
        document: JSON.parse(readFileSync(join(stage.root, 'openapi.json'), 'utf8')) as OpenApi, // a file of ours
        ...{ large: planLargeMessages(origin, sessions), largeMs: LARGE_MS, pauseMs: SLICE_MS },
        crowd: planSockets(origin, sessions),
        // The first attacker has no free socket left.
        targets: sessions.slice(1).map(([id = '']) => `${origin.replace('http', 'ws')}/ws/session/${id}`),
        ids: urls.map((url) => url.split('/').at(-1) ?? ''),
      }
      attackers.child.send(plan)
      const started = await attackers.next()
      large.from = Date.now()
      if (started.kind === 'large-begun') say(`    ${started.open} sockets send large and nested JSON`)
      const ended = await attackers.next()
      large.to = Date.now()
      if (ended.kind === 'large-ended') large.bytes = ended.bytes
      const joined = await attackers.next()
      if (joined.kind === 'joined') during.joined = joined.open
      say(`    ${during.joined} hostile sockets after ${((Date.now() - during.from) / 1000).toFixed(0)} s`)
      const done = await attackers.next()
      if (done.kind === 'done') ledger = done.ledger
      during.to = Date.now()
      await sleep(CALM_MS)
      stop.abort()
    }
    const peak = await peakOf(async () => (await server.usage()).rss, attacked())
    const streamed = await streaming
    if (ledger === undefined) throw new Error('the attackers sent no ledger')
    return conclude({
      frames,
      ledger,
      peak,
      joined: during.joined,
      honest,
      streamed,
      large,
      seconds: (Date.now() - begun) / 1000,
    })
  } finally {
    honest.close()
    attackers.child.kill('SIGKILL')
  }
}

type Outcome = {
  readonly frames: ReturnType<typeof emptyLedger>
  readonly ledger: HostileLedger
  readonly peak: number
  readonly joined: number
  readonly honest: Fleet
  readonly streamed: Streamed
  /** When large and nested JSON was sent, and how much. */
  readonly large: { readonly from: number; readonly to: number; readonly bytes: number }
  readonly seconds: number
}

function conclude(outcome: Outcome): Report {
  for (const fault of outcome.ledger.faults) say(`    ${fault}`)
  return {
    figures: figuresOf(outcome),
    checks: checksOf(outcome),
    notes: [
      `late: more than ${ON_TIME_MS} ms after the window's close`,
      `the heap is bound to ${HEAP_MIB} MiB; the database is a process of its own`,
    ],
  }
}

function figuresOf({ frames, ledger, peak, joined, honest, streamed, large, seconds }: Outcome): Figure[] {
  const { crowd, protocol, handshakes, rest } = ledger
  return [
    ...lines('decoders', { ...frames, served: frames.accepted }),
    { name: 'decoders: frames refused that were good', unit: '', ours: frames.refusedWrongly },
    ...lines('protocol', protocol),
    ...lines('handshakes', handshakes),
    ...lines('REST', rest),
    { name: 'crowd: sockets asked for', unit: '', ours: crowd.asked },
    { name: 'crowd: refused by the limits', unit: '', ours: crowd.refused },
    { name: 'crowd: open at once', unit: '', ours: joined },
    { name: 'crowd: cut off later', unit: '', ours: crowd.cut },
    { name: 'crowd: invalid frames sent', unit: '', ours: crowd.frames },
    { name: 'crowd: answered like frames', unit: '', ours: crowd.updates },
    { name: 'crowd: sent', unit: 'MiB', ours: crowd.bytes / MIB },
    { name: 'honest sessions', unit: '', ours: honest.size },
    { name: 'honest: frames sent', unit: '', ours: streamed.framesSent },
    { name: 'honest: updates', unit: '', ours: honest.updates.length },
    {
      name: 'honest: latest update',
      unit: 'ms',
      ours: Math.max(0, ...honest.updates.map(({ lateMs }) => lateMs)),
    },
    { name: 'honest: slowest ping', unit: 'ms', ours: slowestPing(streamed) },
    {
      name: 'honest: slowest ping before any attack',
      unit: 'ms',
      ours: slowestPing(streamed, 0, large.from - SLICE_MS),
    },
    { name: 'large and nested JSON: sent', unit: 'MiB', ours: large.bytes / MIB },
    { name: 'under attack and before and after', unit: 's', ours: seconds },
    { name: 'peak resident memory', unit: 'MiB', ours: peak / MIB },
  ]
}

function checksOf({ frames, ledger, peak, joined, honest, streamed, large }: Outcome): Check[] {
  const { crowd, protocol, handshakes, rest } = ledger
  const late = honest.updates.filter(({ lateMs }) => lateMs > ON_TIME_MS).length
  const wrong =
    frames.acceptedWrongly +
    protocol.acceptedWrongly +
    handshakes.acceptedWrongly +
    rest.acceptedWrongly +
    crowd.updates
  const recent = honest.updates.filter(({ at }) => at > streamed.endedAt - SILENT_MS)
  const silent = honest.size - new Set(recent.map(({ socket }) => socket)).size
  return [
    atMost('accepted wrongly', wrong, 0, ''),
    atMost('decoders that threw', frames.threw, 0, ''),
    atMost('good frames refused', frames.refusedWrongly, 0, ''),
    atMost('honest updates late', late, 0, 'updates'),
    atMost('honest windows without an update', missingWindows(honest.updates), 0, 'windows'),
    atMost('honest sessions without an update at the end', silent, 0, 'sessions'),
    atMost('ping beside large and nested JSON', slowestPing(streamed, large.from, large.to), PING_MS, 'ms'),
    atMost('peak resident memory', peak / MIB, BOX_MIB, 'MiB'),
    { ...atMost('hostile sockets open at once', joined, CROWD, 'sockets'), passes: 'at least' },
  ]
}

export const hostile: Bench = {
  title: `${MUTATIONS} mutated frames, then ${CROWD} hostile sockets and fuzzers beside ${HONEST_SESSIONS} honest sessions`,
  run,
}
