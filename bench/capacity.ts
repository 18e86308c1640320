import { performance } from 'node:perf_hooks'
import { median } from '../src/domain/face/statistics.ts'
import { leaseRepository } from '../src/live/leases/repository.ts'
import { createLeases } from '../src/live/leases/leases.ts'
import { type Believed, stateRepository } from '../src/live/leases/state-repository.ts'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import { type Cost, type Counted, openCounted } from './harness/counted.ts'
import type { BenchDatabase } from './harness/database.ts'
import { say } from './harness/report.ts'
import type { Stage } from './harness/stage.ts'
import { measureWindowWrites } from './harness/window-writes.ts'

/** Number of live sessions for which the load on the database is computed. */
const SESSIONS = 1000
/** Number of leases of one busy instance. */
const LEASES = 5000
const LEASE_MS = 15_000
const MINE = { owner: 'bench', ttlMs: LEASE_MS }
const INTERVAL_MS = 10_000
const LOOK_MS = 500
/** How often an instance marks its sessions with sockets. */
const TOUCH_MS = 5000
const EPOCH = 1
const FENCE = { owner: 'bench', epoch: EPOCH }
const ROUNDS = 15

/** Operations per second with `SESSIONS` live sessions, and the cost of each. */
type Item = { readonly name: string; readonly perSecond: number; readonly each: Cost; readonly rows: number }

async function insertSessions({ sql }: BenchDatabase, count: number): Promise<string[]> {
  await sql`insert into users (username, email, password_hash) values ('bench', 'bench@example.com', 'none')`
  const rows = await sql`
    insert into sessions (id, user_id, interval_ms, changed_at)
    select 'sess_' || md5(number::text), users.id, ${INTERVAL_MS}, now() - interval '1 hour'
    from users, generate_series(1, ${count}::int) as number returning id`
  return rows.map((row) => String(row['id']))
}

/** Statements that bypass the counter; each is its own transaction. */
const uncounted = (cost: Cost): Cost => ({ ...cost, statements: cost.transactions })

const leasesOf = ({ sql }: Counted, ids: readonly string[]) => {
  const leases = createLeases({
    renew: (held) => leaseRepository.renew(sql, held, MINE),
    release: (given, patient) => leaseRepository.release(sql, given, { ...MINE, patient }),
    ttlMs: LEASE_MS,
    monotonic: () => performance.now(),
    onLost: (id) => {
      throw new Error(`the lease of ${id} was lost`)
    },
    onDeleted: (id) => {
      throw new Error(`the session ${id} is gone`)
    },
    onUnreachable: (error) => {
      throw error
    },
    onReleaseFailed: (error) => {
      throw error
    },
  })
  for (const id of ids) leases.hold(id, EPOCH, performance.now()).feed()
  return leases
}

const repeat = (times: number, work: () => Promise<unknown>) => async () => {
  for (let i = 0; i < times; i++) await work()
}

/** The periodic statements for `SESSIONS` live sessions. */
async function measureUpkeep(counted: Counted, database: BenchDatabase, ids: readonly string[]) {
  const few = ids.slice(0, SESSIONS)
  const { sql } = counted
  const leases = leasesOf(counted, few)
  await leases.renew()
  const renewed = uncounted(await counted.cost(ROUNDS, repeat(ROUNDS, leases.renew)))
  const touched = uncounted(
    await counted.cost(
      ROUNDS,
      repeat(ROUNDS, () => leaseRepository.touch(sql, few)),
    ),
  )
  await database.sql`vacuum analyze sessions`
  const started = await database.sql`
    select id, trunc(extract(epoch from started_at) * 1000)::float8 as at from sessions
    where id = any(string_to_array(${few.join(',')}, ','))`
  const believed = started.map(
    (row): Believed => ({ id: String(row['id']), status: 'active', at: Number(row['at']), epoch: EPOCH }),
  )
  const looked = uncounted(
    await counted.cost(
      ROUNDS,
      repeat(ROUNDS, async () => {
        const differing = await stateRepository.listDiffering(sql, believed)
        if (differing.length > 0) throw new Error('no row says anything else')
      }),
    ),
  )
  await database.sql`checkpoint`
  const afterCheckpoint = await counted.cost(1, leases.renew)
  return { renewed, touched, looked, afterCheckpoint }
}

/** The renewal of many leases, alternating with a plain update of as many rows. Medians, ms. */
async function compareRenewals(counted: Counted, ids: readonly string[]) {
  const { sql } = counted
  const leases = leasesOf(counted, ids)
  const renewals: number[] = []
  const plain: number[] = []
  const log: number[] = []
  let statements = 0
  for (let round = 0; round < ROUNDS; round++) {
    const renewal = uncounted(await counted.cost(1, leases.renew))
    renewals.push(renewal.ms)
    log.push(renewal.walBytes / ids.length)
    statements = renewal.statements
    const begun = performance.now()
    await sql`
      update sessions set lease_until = now() + ${LEASE_MS} * interval '1 millisecond', seen_at = now()
      where id in ${sql(ids)}`
    plain.push(performance.now() - begun)
  }
  return { renewalMs: median(renewals), plainMs: median(plain), rowBytes: median(log), statements }
}

async function measure(stage: Stage) {
  const database = await stage.database()
  const counted = await openCounted(database, stage.folder)
  try {
    const ids = await insertSessions(database, LEASES)
    const mine = { ...MINE, onlyFree: false, patient: true }
    const claim = (id: string) => leaseRepository.claim(counted.sql, [id], mine)
    const claimed = await counted.cost(ids.length, async () => {
      for (const id of ids) await claim(id)
    })
    await untilQuiet()
    const windows = await measureWindowWrites(counted, { ids, few: ids.slice(0, SESSIONS), fence: FENCE })
    const upkeep = await measureUpkeep(counted, database, ids)
    await untilQuiet()
    const renewals = await compareRenewals(counted, ids)
    await database.sql`alter table sessions set (fillfactor = 70)`
    await database.sql`vacuum full sessions`
    const roomy = await compareRenewals(counted, ids)
    const [size] = await database.sql`
      select pg_total_relation_size('emotion_windows')::float8 / count(*) as bytes from emotion_windows`
    return { claimed, ...windows, ...upkeep, renewals, roomy, bytesAtRest: Number(size?.['bytes']) }
  } finally {
    await counted.close()
  }
}

type Measured = Awaited<ReturnType<typeof measure>>

async function run(stage: Stage): Promise<Report> {
  const measured = await measure(stage)
  say(`  a second of ${SESSIONS} live sessions, one instance, local analyser:`)
  return {
    figures: [...secondFigures(measured), ...windowFigures(measured), ...leaseFigures(measured)],
    checks: checksOf(measured),
    notes: ['this process and the database share a core, so times are longer than with two'],
  }
}

/** One second of all live sessions, by operation and in total. */
function secondFigures(m: Measured): Figure[] {
  const windowsPerSecond = (SESSIONS * 1000) / INTERVAL_MS
  const renewalsPerSecond = 3000 / LEASE_MS
  const items: Item[] = [
    { name: 'windows stored', perSecond: windowsPerSecond, each: m.stored, rows: 2 },
    { name: 'delivered marks', perSecond: windowsPerSecond, each: m.delivered, rows: 1 },
    { name: 'lease renewals', perSecond: renewalsPerSecond, each: m.renewed, rows: SESSIONS },
    { name: 'touches', perSecond: 1000 / TOUCH_MS, each: m.touched, rows: SESSIONS },
    { name: 'looks at the rows', perSecond: 1000 / LOOK_MS, each: m.looked, rows: 0 },
  ]
  const figures = items.flatMap(({ name, perSecond, each, rows }) => {
    const times = (value: number) => perSecond * value
    return [
      { name: `${name}: statements`, unit: '/s', ours: times(each.statements) },
      { name: `${name}: rows written`, unit: '/s', ours: times(rows) },
      { name: `${name}: write-ahead log`, unit: 'KB/s', ours: times(each.walBytes) / 1000 },
    ]
  })
  const sum = (of: (cost: Cost) => number) =>
    items.reduce((total, { perSecond, each }) => total + perSecond * of(each), 0)
  return [
    ...figures,
    { name: 'all: statements', unit: '/s', ours: sum(({ statements }) => statements) },
    { name: 'all: transactions', unit: '/s', ours: sum(({ transactions }) => transactions) },
    { name: 'all: write-ahead log', unit: 'KB/s', ours: sum(({ walBytes }) => walBytes) / 1000 },
  ]
}

const windowFigures = (m: Measured): Figure[] => [
  { name: 'one window: statements', unit: '', ours: m.stored.statements + m.delivered.statements },
  { name: 'one window: write-ahead log', unit: 'B', ours: m.stored.walBytes + m.delivered.walBytes },
  { name: 'one window: on disk, with indexes', unit: 'B', ours: m.bytesAtRest },
  { name: "a model's answer on top: statements", unit: '', ours: m.answered.statements },
  { name: "a model's answer on top: write-ahead log", unit: 'B', ours: m.answered.walBytes },
  { name: 'one window in batches: statements', unit: '', ours: m.batched.statements },
  { name: 'one window in batches: write-ahead log', unit: 'B', ours: m.batched.walBytes },
  { name: 'windows stored and marked, in batches', unit: '/s', ours: 1000 / m.batched.ms },
  {
    name: 'windows stored and marked, one by one',
    unit: '/s',
    ours: 1000 / (m.stored.ms + m.delivered.ms),
  },
]

const leaseFigures = (m: Measured): Figure[] => [
  { name: 'one claim: write-ahead log', unit: 'B', ours: m.claimed.walBytes },
  {
    name: `renewal of ${SESSIONS} after a checkpoint: log`,
    unit: 'KB',
    ours: m.afterCheckpoint.walBytes / 1000,
  },
  { name: 'one renewal: write-ahead log', unit: 'B', ours: m.renewals.rowBytes },
  { name: 'one renewal with fillfactor 70: log', unit: 'B', ours: m.roomy.rowBytes },
  {
    name: `renewal of ${LEASES} leases`,
    unit: 'ms',
    ours: m.renewals.renewalMs,
    reference: m.renewals.plainMs,
  },
  {
    name: 'the same with fillfactor 70',
    unit: 'ms',
    ours: m.roomy.renewalMs,
    reference: m.roomy.plainMs,
  },
]

const checksOf = ({ renewals: { renewalMs, plainMs, statements } }: Measured): Check[] => [
  {
    name: `renewal of ${LEASES} leases, times a plain update of as many rows`,
    measured: renewalMs / plainMs,
    bound: 3,
    passes: 'at most',
    unit: 'x',
    decides: true,
  },
  {
    name: `renewal of ${LEASES} leases`,
    measured: statements,
    bound: 1,
    passes: 'at most',
    unit: 'statements',
    decides: true,
  },
  {
    name: `renewal of ${LEASES} leases`,
    measured: renewalMs,
    bound: 50,
    passes: 'at most',
    unit: 'ms',
    decides: false,
  },
]

export const capacity: Bench = {
  title: `what ${SESSIONS} live sessions ask of the database, and the renewal of ${LEASES} leases`,
  run,
}
