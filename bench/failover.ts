import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Surroundings, type Trial, TRIALS } from './failover-trials.ts'
import type { Bench, Report } from './harness/bench.ts'
import type { BenchDatabase } from './harness/database.ts'
import { atMost, checksOf, figuresOf, notesOf, summaryOf, type Shown } from './harness/failover-account.ts'
import { FailoverWatch } from './harness/failover-watch.ts'
import { type Client, Fleet } from './harness/fleet.ts'
import { missingPrograms, PatroniCluster } from './harness/patroni-cluster.ts'
import { say } from './harness/report.ts'
import { RestLoad } from './harness/rest-load.ts'
import { landmarksUrl, post, signUp, startSessionsOf } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'
import { balance, type Span } from './harness/window-ledger.ts'

const { env } = process
const SESSIONS = Number(env['BENCH_SESSIONS'] ?? 50)
const FRAMES_PER_SECOND = Number(env['BENCH_FRAMES'] ?? 10)
const NAMES = env['BENCH_TRIALS']?.split(',')
const IS_SYNCHRONOUS = env['BENCH_SYNCHRONOUS'] !== 'no'
const POOL_MODE = env['BENCH_POOL_MODE'] ?? 'transaction'
const LOGS = env['BENCH_LOGS']
const IS_FENCED = env['BENCH_FENCE'] !== 'no'

const INTERVAL_MS = 10_000
/** More than a window of each session before and after. */
const STEADY_MS = 12_000
const SLICE_MS = 500
const LATE_MS = 1000
const PATIENCE_MS = 20_000
const REPORT_DEADLINE_MS = 60_000
const COUNTERS =
  /^(maeum_(?:rows_lost|windows_restored|windows_dropped|answers_before_commit|lease_takeovers|database_errors|internal_errors)_total\S*) (\S+)$/gm

type Stands = Pick<Surroundings, 'cluster' | 'watch'> & {
  readonly database: BenchDatabase
  readonly origins: readonly [string, string]
}

/** Each client starts on one instance and also has the URL of the other; half of them use the newer protocol. */
const clientsOf = (ids: readonly string[], [first, second]: Stands['origins']): Client[] =>
  ids.map((id, place) => {
    const urls = [landmarksUrl(first, id), landmarksUrl(second, id)]
    return {
      urls: place % 2 === 0 ? urls : urls.reverse(),
      ...(place % 4 < 2 ? {} : { protocol: 'maeum.v2' }),
    }
  })

async function streamDuring<Result>(fleet: Fleet, work: () => Promise<Result>) {
  const load = { sockets: fleet.size, framesPerSecond: FRAMES_PER_SECOND, pingsPerSecond: 0, ms: SLICE_MS }
  const from = Date.now()
  let isOver = false
  const stream = async () => {
    while (!isOver) await fleet.stream(load)
  }
  const worked = work().finally(() => {
    isOver = true
  })
  const [result] = await Promise.all([worked, stream()])
  const span: Span = { from, to: Date.now() }
  return { result, span }
}

/**
 * Cuts the sockets of sessions in the middle of a window: frames arrive before and after. A former owner discards its
 * part of a window, so one that closed at this moment could have no frame.
 */
function moveSome(fleet: Fleet, starts: readonly number[]): number {
  const isMiddle = (start: number) => {
    const phase = ((Date.now() - start) / INTERVAL_MS) % 1
    return phase > 0.2 && phase < 0.6
  }
  const numbers = starts.flatMap((start, number) => (isMiddle(start) ? [number] : []))
  fleet.cut(numbers)
  return numbers.length
}

async function readCounters(origins: readonly string[]): Promise<Map<string, number>> {
  const sums = new Map<string, number>()
  for (const origin of origins) {
    const text = await (await fetch(`${origin}/metrics`)).text()
    for (const [, name = '', value] of text.matchAll(COUNTERS))
      sums.set(name, (sums.get(name) ?? 0) + Number(value))
  }
  return sums
}

/** Ends each session on the instance that its client did not start on, and waits for its report. */
async function endSessions(ids: readonly string[], origins: Stands['origins'], token: string) {
  let [unended, unreported] = [0, 0]
  const hasReport = async (origin: string, id: string): Promise<boolean> => {
    for (const end = Date.now() + REPORT_DEADLINE_MS; Date.now() < end; ) {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await fetch(`${origin}/api/session/${id}/report`, { headers }).catch(() => undefined)
      const body = (await answer?.json()) as { data?: { reportId?: string | null } } | undefined // our server's
      if (typeof body?.data?.reportId === 'string') return true
      await sleep(SLICE_MS)
    }
    return false
  }
  await Promise.all(
    ids.map(async (id, place) => {
      const origin = origins[(place + 1) % 2] ?? origins[0]
      const isEnded = await post(`${origin}/api/session/${id}/end`, {}, token).then(
        () => true,
        () => false,
      )
      if (!isEnded) unended++
      else if (!(await hasReport(origin, id))) unreported++
    }),
  )
  return { unended, unreported }
}

async function startsOf({ sql }: BenchDatabase, ids: readonly string[]): Promise<Map<string, number>> {
  const rows = await sql`
    select id, extract(epoch from started_at)::float8 * 1000 as start from sessions where id in ${sql([...ids])}`
  const starts = new Map(rows.map((row) => [String(row['id']), Number(row['start'])]))
  return new Map(ids.map((id) => [id, starts.get(id) ?? 0]))
}

async function countUnready(origins: readonly string[]): Promise<number> {
  const statuses = await Promise.all(
    origins.map(async (origin) => (await fetch(`${origin}/api/health/ready`)).status),
  )
  return statuses.filter((status) => status !== 200).length
}

/** One trial with sessions of its own; undefined if it cannot be done here. */
async function measureTrial(name: string, trial: Trial, stands: Stands): Promise<Shown | string> {
  const { cluster, watch, database, origins } = stands
  const token = await signUp(origins[0])
  watch.reset()
  const fleet = new Fleet()
  const before = await readCounters(origins)
  const start = { origin: origins[0], database, count: SESSIONS, how: 'spread' } as const
  const ids = await startSessionsOf(token, start)
  const starts = await startsOf(database, ids)
  await fleet.joinAs(clientsOf(ids, origins))
  const rest = new RestLoad(origins)
  try {
    const { result, span } = await streamDuring(fleet, async () => {
      await sleep(STEADY_MS)
      const begun = Date.now()
      const moveClients = () => moveSome(fleet, [...starts.values()])
      const outcome = await trial.run({ cluster, watch, moveClients })
      await sleep(STEADY_MS)
      return { outcome, begun }
    })
    const { outcome, begun } = result
    if ('skipped' in outcome) return outcome.skipped
    if (outcome.note !== undefined) say(`    ${outcome.note}`)
    await rest.stop()
    const patience = { lateMs: LATE_MS, patienceMs: PATIENCE_MS }
    const urls = ids.map((id) => landmarksUrl(origins[0], id))
    const ledger = await balance(database, { fleet, urls }, span, patience)
    const seen = {
      windows: new Map(watch.windows),
      vanished: new Set(watch.vanished),
      claims: new Map(watch.claims),
    }
    const gapMs = watch.longestGap(begun, span.to)
    const ended = await endSessions(ids, origins, token)
    const after = await readCounters(origins)
    const unready = await countUnready(origins)
    await outcome.afterwards?.()
    return {
      ...{ trial: name, isLossy: trial.losesCommits !== undefined, ledger, calls: rest.calls, starts, span },
      ...{ watch: seen, acceptedAt: outcome.acceptedAt, gapMs, ...ended, unready },
      counted: new Map([...after].map(([key, value]) => [key, value - (before.get(key) ?? 0)])),
    }
  } finally {
    await rest.stop()
    fleet.close()
  }
}

/** The trials that belong to the chosen kind of replication. */
const chosenTrials = (): [string, Trial][] =>
  (NAMES ?? Object.keys(TRIALS)).flatMap((name) => {
    const trial = TRIALS[name]
    if (trial === undefined) throw new Error(`no trial ${name}; there are ${Object.keys(TRIALS).join(', ')}`)
    const isLeftOut =
      trial.losesCommits === 'always'
        ? IS_SYNCHRONOUS
        : trial.losesCommits === 'possibly' && NAMES === undefined
    return isLeftOut ? [] : [[name, trial] as [string, Trial]]
  })

async function measureAll(stage: Stage, cluster: PatroniCluster): Promise<Report> {
  await cluster.start()
  const watch = new FailoverWatch(cluster.network)
  try {
    const { pooled, direct } = cluster.urls
    const settings = { DATABASE_URL: pooled, DATABASE_DIRECT_URL: direct }
    const [one, two] = [await stage.ours(settings), await stage.ours(settings)]
    const stands: Stands = { cluster, watch, database: cluster.database(), origins: [one.origin, two.origin] }
    const shown: Shown[] = []
    const skipped: string[] = []
    const failed: string[] = []
    for (const [name, trial] of chosenTrials()) {
      say(`  ${name}: ${trial.title}`)
      const result = await measureTrial(name, trial, stands).catch((error: unknown) => {
        failed.push(`${name}: ${String(error)}`)
        return String(error)
      })
      if (typeof result === 'string') skipped.push(`${name}: ${result}`)
      else shown.push(result)
      say(`    ${typeof result === 'string' ? result : summaryOf(result)}`)
      const unhealthy = await cluster.untilHealthy().then(
        () => undefined,
        (error: unknown) => String(error),
      )
      if (unhealthy !== undefined) {
        failed.push(`after ${name}: ${unhealthy}`)
        break
      }
    }
    const replication = IS_SYNCHRONOUS ? 'synchronous' : 'asynchronous'
    return {
      figures: shown.flatMap(figuresOf),
      checks: [...shown.flatMap(checksOf), atMost('trials that failed', failed.length, 'trials')],
      notes: [
        `${SESSIONS} sessions, ${FRAMES_PER_SECOND} frames a second each, ${replication} replication, PgBouncer in ${POOL_MODE} mode`,
        ...skipped,
        ...failed,
        ...shown.flatMap(notesOf),
      ],
    }
  } finally {
    await watch.stop()
  }
}

async function copyLogs(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const folder of [from, join(from, 'cluster')]) {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.log'))
    for (const name of names) await copyFile(join(folder, name), join(to, basename(name)))
  }
}

async function run(stage: Stage): Promise<Report> {
  const missing = missingPrograms()
  if (missing.length > 0) {
    const reason = `NOT RUN: ${missing.join(', ')} are missing (apt-get install patroni etcd-server haproxy pgbouncer)`
    return { figures: [], checks: [], notes: [reason] }
  }
  const folder = join(stage.folder, 'cluster')
  const cluster = new PatroniCluster({
    ...{ folder, prefix: stage.cores.prefix('any'), synchronous: IS_SYNCHRONOUS },
    ...{ poolMode: POOL_MODE, isFenced: IS_FENCED },
  })
  try {
    return await measureAll(stage, cluster)
  } finally {
    await stage.clear()
    await cluster.stop()
    if (LOGS !== undefined) await copyLogs(stage.folder, LOGS)
  }
}

export const failover: Bench = {
  title: `${SESSIONS} streaming sessions on two instances while the database under them fails over`,
  run,
}
