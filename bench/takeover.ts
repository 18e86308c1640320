import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from '../src/domain/face/statistics.ts'
import type { Bench, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import type { BenchDatabase } from './harness/database.ts'
import { Fleet, type Update } from './harness/fleet.ts'
import type { MeasuredProcess } from './harness/measured-process.ts'
import { onInstance, startSessions } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'

const SESSIONS = 200
/** Only as many frames as are parsed, so that the ingest, which another bench measures, does not use up the core. */
const FRAMES_PER_SECOND = 4
const INTERVAL_MS = 10_000
/** Two windows of each session on the first instance, at least one on the second. */
const BEFORE_MS = 22_000
const KILL_BEFORE_END_MS = 100
const AFTER_MS = 12_000
/** The last windows close after the stream has ended. */
const LAST_CLOSE_MS = INTERVAL_MS + 1500
/** A window that overlaps a stream by less than this may have had no frame. */
const SLIVER_MS = 1000
/** Windows that close within this time may be written in either order. */
const TOGETHER_MS = 300

type Span = { readonly from: number; readonly to: number }
type Stored = { readonly session: number; readonly window: number }

const keyOf = ({ session, window }: Stored) => `${session} ${window}`

/** An instance that can be killed; it writes its process id to a file. */
async function startMortal(stage: Stage, database: BenchDatabase, name: string) {
  const pidFile = join(stage.folder, `${name}.pid`)
  const server: MeasuredProcess = await stage.ours({
    DATABASE_URL: database.url,
    NODE_OPTIONS: `--import ${pidWriter(pidFile)}`,
  })
  const pid = Number(await readFile(pidFile, 'utf8'))
  return { server, kill: () => process.kill(pid, 'SIGKILL') }
}

/** A module that writes its process id to a file. */
const pidWriter = (file: string) =>
  `data:text/javascript,${encodeURIComponent(`import{writeFileSync}from"node:fs";writeFileSync(${JSON.stringify(file)},String(process.pid))`)}`

/** Connects all clients at once, as after a crash; returns ms from connect to first message for each. */
async function connectAll(fleet: Fleet, urls: readonly string[]): Promise<number[]> {
  return Promise.all(
    urls.map(async (url) => {
      const begun = performance.now()
      await fleet.join([url])
      return performance.now() - begun
    }),
  )
}

async function stream(fleet: Fleet, ms: number): Promise<Span> {
  const from = Date.now()
  await fleet.stream({ sockets: SESSIONS, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: 0, ms })
  return { from, to: Date.now() }
}

/**
 * The progress of the killed instance: the close of the newest window whose row, and whose delivery mark, was
 * committed. Results are written in order, so all windows that closed before must be stored.
 */
type Frontier = { readonly stored: number; readonly marked: number }

async function readFrontier({ sql }: BenchDatabase): Promise<Frontier> {
  const [row] = await sql`
    select (extract(epoch from max(closed_at)) * 1000)::float8 as stored,
           (extract(epoch from max(closed_at) filter (where delivered_at is not null)) * 1000)::float8 as marked
    from emotion_windows`
  return { stored: Number(row?.['stored']) - TOGETHER_MS, marked: Number(row?.['marked']) - TOGETHER_MS }
}

type Run = {
  readonly frontier: Frontier
  readonly starts: readonly number[]
  readonly before: Span
  readonly killedAt: number
  readonly after: Span
  readonly stored: readonly Stored[]
  readonly updates: { readonly before: readonly Update[]; readonly after: readonly Update[] }
}

/** The windows that must be stored, and those that closed shortly before the kill and may be stored. */
function expectedWindows(run: Run) {
  const { starts, before, killedAt, after, frontier } = run
  const certain = new Set<string>()
  const underWay = new Set<string>()
  for (const [session, start] of starts.entries()) {
    const last = Math.ceil((after.to - start) / INTERVAL_MS)
    for (let window = 1; window <= last; window++) {
      const opens = start + (window - 1) * INTERVAL_MS
      const closes = opens + INTERVAL_MS
      const shared = ({ from, to }: Span) => Math.min(closes, to) - Math.max(opens, from)
      const key = keyOf({ session, window })
      if (shared(after) > SLIVER_MS) certain.add(key)
      else if (shared(before) > SLIVER_MS && closes <= killedAt)
        (closes <= frontier.stored ? certain : underWay).add(key)
    }
  }
  return { certain, underWay }
}

function ledger(run: Run) {
  const { certain, underWay } = expectedWindows(run)
  const stored = new Set(run.stored.map(keyOf))
  const sent = (updates: readonly Update[]) =>
    updates.map(({ socket, window }) => ({
      key: keyOf({ session: socket, window }),
      closed: (run.starts[socket] ?? 0) + window * INTERVAL_MS,
    }))
  const before = sent(run.updates.before)
  const after = sent(run.updates.after)
  const delivered = new Set([...before, ...after].map(({ key }) => key))
  const twiceOnOne = [before, after].reduce(
    (sum, list) => sum + list.length - new Set(list.map(({ key }) => key)).size,
    0,
  )
  const again = before.filter(({ key }) => after.some((update) => update.key === key))
  return {
    expected: certain.size,
    stored: stored.size,
    delivered: delivered.size,
    lost: [...certain].filter((key) => !stored.has(key)).length,
    undelivered: [...certain].filter((key) => !delivered.has(key)).length,
    underWay: underWay.size,
    underWayLost: [...underWay].filter((key) => !stored.has(key)).length,
    duplicated: twiceOnOne + again.filter(({ closed }) => closed <= run.frontier.marked).length,
    /** Sent shortly before the kill, and again because the mark was not committed; this is guaranteed behaviour. */
    sentAgain: again.filter(({ closed }) => closed > run.frontier.marked).length,
  }
}

async function readRows({ sql }: BenchDatabase, ids: readonly string[]) {
  const place = new Map(ids.map((id, i) => [id, i]))
  const sessions = await sql`
    select id, (extract(epoch from started_at) * 1000)::float8 as start from sessions where id in ${sql([...ids])}`
  const starts = new Array<number>(ids.length).fill(0)
  for (const row of sessions) starts[place.get(String(row['id'])) ?? 0] = Number(row['start'])
  const windows = await sql`select session_id, "window" from emotion_windows`
  const stored = windows.map((row) => ({
    session: place.get(String(row['session_id'])) ?? -1,
    window: Number(row['window']),
  }))
  return { starts, stored }
}

async function measure(stage: Stage) {
  const database = await stage.database()
  const first = await startMortal(stage, database, 'first')
  const second = await stage.ours({ DATABASE_URL: database.url })
  const [fleetA, fleetB] = [new Fleet(), new Fleet()]
  try {
    const urls = await startSessions(first.server.origin, database, SESSIONS)
    const moved = urls.map((url) => onInstance(url, second.origin))
    await untilQuiet()
    const fresh = await connectAll(fleetA, urls)
    const streaming = stream(fleetA, BEFORE_MS)
    await sleep(BEFORE_MS - KILL_BEFORE_END_MS)
    first.kill()
    const killedAt = Date.now()
    const frontier = await readFrontier(database)
    const before = { from: (await streaming).from, to: killedAt }
    const taken = await connectAll(fleetB, moved)
    const after = await stream(fleetB, AFTER_MS)
    await sleep(LAST_CLOSE_MS)
    const ids = urls.map((url) => url.slice(url.lastIndexOf('/') + 1))
    const rows = await readRows(database, ids)
    const updates = { before: fleetA.updates, after: fleetB.updates }
    return {
      fresh,
      taken,
      lagMs: killedAt - frontier.stored,
      ledger: ledger({ ...rows, frontier, before, killedAt, after, updates }),
    }
  } finally {
    fleetA.close()
    fleetB.close()
  }
}

async function run(stage: Stage): Promise<Report> {
  const { fresh, taken, lagMs, ledger: books } = await measure(stage)
  const at = (values: readonly number[], share: number) => quantile(values, share)
  const p99 = at(taken, 0.99)
  const windows = (name: string, ours: number) => ({ name, unit: 'windows', ours })
  const none = (name: string, measured: number) => ({
    name,
    measured,
    bound: 0,
    passes: 'at most' as const,
    unit: 'windows',
    decides: true,
  })
  return {
    figures: [
      {
        name: 'reconnect to connected, p50 (reference: a fresh instance)',
        unit: 'ms',
        ours: at(taken, 0.5),
        reference: at(fresh, 0.5),
      },
      { name: 'reconnect to connected, p99', unit: 'ms', ours: p99, reference: at(fresh, 0.99) },
      windows('expected', books.expected),
      windows('stored', books.stored),
      windows('delivered', books.delivered),
      windows('sent again, for the mark was not committed', books.sentAgain),
      windows('closed just before the kill', books.underWay),
      windows('of these not stored', books.underWayLost),
    ],
    checks: [
      {
        name: 'p99 beyond three times that of a fresh instance',
        measured: p99 - 3 * at(fresh, 0.99),
        bound: 50,
        passes: 'at most',
        unit: 'ms',
        decides: true,
      },
      none('lost', books.lost),
      none('expected and never sent', books.undelivered),
      none('duplicated', books.duplicated),
      {
        name: 'reconnect to connected, p99',
        measured: p99,
        bound: 250,
        passes: 'at most',
        unit: 'ms',
        decides: false,
      },
    ],
    notes: [
      `just before the kill: within ${lagMs.toFixed(0)} ms, after the newest window that was committed by then`,
    ],
  }
}

export const takeover: Bench = {
  title: `${SESSIONS} streaming sessions, kill -9 of their instance, all reconnect to another at once`,
  run,
}
