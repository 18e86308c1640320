import { performance } from 'node:perf_hooks'
import { measureWindow } from '../src/domain/face/measures.ts'
import { median } from '../src/domain/face/statistics.ts'
import { byLocal, type MeasuredWindow } from '../src/features/analysis/answer.ts'
import { parseFrame } from '../src/features/analysis/landmarks-frame.ts'
import { encodeLearnt, NOTHING_LEARNT, readAndLearn } from '../src/features/analysis/learnt.ts'
import { Outbox } from '../src/features/analysis/outbox.ts'
import { analysisRepository } from '../src/features/analysis/repository.ts'
import { toAnswerRow, toWindowRow } from '../src/features/analysis/rows.ts'
import { leaseRepository } from '../src/features/sessions/lease-repository.ts'
import { createLeases } from '../src/features/sessions/leases.ts'
import { type Believed, stateRepository } from '../src/features/sessions/state-repository.ts'
import { createSafe } from '../src/lib/sealing.ts'
import type { Bench, Figure, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import { type Cost, type Counted, openCounted } from './harness/counted.ts'
import type { BenchDatabase } from './harness/database.ts'
import { landmarksMessages } from './harness/frames.ts'
import { say } from './harness/report.ts'
import type { Stage } from './harness/stage.ts'

/** Live sessions for which the load on the database is told. */
const SESSIONS = 1000
/** Leases of one instance that is well filled. */
const LEASES = 5000
const LEASE_MS = 15_000
const MINE = { owner: 'bench', ttlMs: LEASE_MS }
const INTERVAL_MS = 10_000
const LOOK_MS = 500
/** Who is there is told in the rows so often. */
const TOUCH_MS = 5000
const EPOCH = 1
const FENCE = { owner: 'bench', epoch: EPOCH }
const ROUNDS = 15
const FRAMES_OF_A_WINDOW = 40

/** How often something happens in a second of `SESSIONS` live sessions, and what it costs each time. */
type Item = { readonly name: string; readonly perSecond: number; readonly each: Cost; readonly rows: number }

/** One real window, as it is before it is stored. */
function recordedWindow(): MeasuredWindow {
  const frames = landmarksMessages(FRAMES_OF_A_WINDOW).map((message, i) => {
    const frame = parseFrame(message)
    if (typeof frame === 'string') throw new Error(`a recorded frame was refused: ${frame}`)
    return { at: i * 250, ...frame }
  })
  const measures = measureWindow(frames)
  if (measures === undefined) throw new Error('a recorded window was refused')
  const { reading: local, learnt } = readAndLearn(NOTHING_LEARNT, measures)
  return {
    number: 1,
    closedAt: Date.now(),
    framesReceived: 100,
    measures,
    local,
    localMs: 4,
    differences: null,
    learnt: encodeLearnt(learnt),
  }
}

async function insertSessions({ sql }: BenchDatabase, count: number): Promise<string[]> {
  await sql`insert into users (username, email, password_hash) values ('bench', 'bench@example.com', 'none')`
  const rows = await sql`
    insert into sessions (id, user_id, interval_ms, changed_at)
    select 'sess_' || md5(number::text), users.id, ${INTERVAL_MS}, now() - interval '1 hour'
    from users, generate_series(1, ${count}::int) as number returning id`
  return rows.map((row) => String(row['id']))
}

const outboxOf = (counted: Counted) =>
  new Outbox({
    transaction: counted.transaction,
    repository: analysisRepository,
    isPassing: () => false,
    holds: () => true,
    onLost: () => undefined,
    onBehind: async () => undefined,
    onLocked: () => undefined,
    onWaiting: () => undefined,
    onStored: () => undefined,
    onRetry: () => undefined,
    onDrop: (reason, _sessionId, error) => {
      throw new Error(`a window was not stored: ${reason}`, { cause: error })
    },
    maxWindowsPerSession: 60,
    maxBytes: 64 * 1024 * 1024,
  })

/** The writes of windows, each in a transaction of its own as when windows close one after the other, and in batches. */
async function measureWindows(counted: Counted, ids: readonly string[]) {
  const outbox = outboxOf(counted)
  const few = ids.slice(0, SESSIONS)
  const recorded = recordedWindow()
  const safe = createSafe(null, '1')
  const store = (sessionId: string, number: number, isFinal: boolean) => {
    const window = { ...recorded, number }
    const row = toWindowRow(
      { sessionId, ...FENCE, safe },
      window,
      byLocal(window, { modelOutcome: null }),
      isFinal,
    )
    return outbox.write({ kind: 'window', write: { ...FENCE, row, learnt: window.learnt } })
  }
  const answer = (sessionId: string, number: number) => {
    const row = toAnswerRow(
      { sessionId, ...FENCE, safe },
      byLocal({ ...recorded, number }, { modelOutcome: 'answered' }),
    )
    const whole = () => {
      throw new Error('a window has vanished')
    }
    return outbox.write({ kind: 'answer', write: { ...FENCE, row }, whole })
  }
  const mark = (sessionId: string, window: number) =>
    outbox.write({ kind: 'delivered', write: { sessionId, window, ...FENCE } })
  const oneByOne = (work: (id: string) => Promise<unknown>) =>
    counted.cost(few.length, async () => {
      for (const id of few) await work(id)
    })

  await Promise.all(ids.map((id) => store(id, 1, true))) // the first use of each page is written as a whole
  const stored = await oneByOne((id) => store(id, 2, true))
  const delivered = await oneByOne((id) => mark(id, 2))
  await Promise.all(few.map((id) => store(id, 3, false)))
  const answered = await oneByOne((id) => answer(id, 3))
  const batched = await counted.cost(ids.length, async () => {
    await Promise.all(ids.map((id) => store(id, 4, true)))
    await Promise.all(ids.map((id) => mark(id, 4)))
  })
  return { stored, delivered, answered, batched }
}

/** Statements that go straight to the driver are not counted there; each is a transaction of its own. */
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
    onGone: (id) => {
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

/** What keeps a session alive, for `SESSIONS` of them each time. */
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

/** The renewal of many leases, and a plain update of as many rows, in turns. Medians, ms. */
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
    const windows = await measureWindows(counted, ids)
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

async function run(stage: Stage): Promise<Report> {
  const m = await measure(stage)
  const windowsPerSecond = (SESSIONS * 1000) / INTERVAL_MS
  const renewalsPerSecond = 3000 / LEASE_MS
  const items: Item[] = [
    { name: 'windows stored', perSecond: windowsPerSecond, each: m.stored, rows: 2 },
    { name: 'delivered marks', perSecond: windowsPerSecond, each: m.delivered, rows: 1 },
    { name: 'lease renewals', perSecond: renewalsPerSecond, each: m.renewed, rows: SESSIONS },
    { name: 'touches', perSecond: 1000 / TOUCH_MS, each: m.touched, rows: SESSIONS },
    { name: 'looks at the rows', perSecond: 1000 / LOOK_MS, each: m.looked, rows: 0 },
  ]
  say(`  a second of ${SESSIONS} live sessions, one instance, local analyser:`)
  const figures: Figure[] = items.flatMap(({ name, perSecond, each, rows }) => {
    const times = (value: number) => perSecond * value
    return [
      { name: `${name}: statements`, unit: '/s', ours: times(each.statements) },
      { name: `${name}: rows written`, unit: '/s', ours: times(rows) },
      { name: `${name}: write-ahead log`, unit: 'KB/s', ours: times(each.walBytes) / 1000 },
    ]
  })
  const sum = (of: (cost: Cost) => number) =>
    items.reduce((total, { perSecond, each }) => total + perSecond * of(each), 0)
  const { renewalMs, plainMs, statements } = m.renewals
  return {
    figures: [
      ...figures,
      { name: 'all: statements', unit: '/s', ours: sum(({ statements }) => statements) },
      { name: 'all: transactions', unit: '/s', ours: sum(({ transactions }) => transactions) },
      { name: 'all: write-ahead log', unit: 'KB/s', ours: sum(({ walBytes }) => walBytes) / 1000 },
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
      { name: 'one claim: write-ahead log', unit: 'B', ours: m.claimed.walBytes },
      {
        name: `renewal of ${SESSIONS} after a checkpoint: log`,
        unit: 'KB',
        ours: m.afterCheckpoint.walBytes / 1000,
      },
      { name: 'one renewal: write-ahead log', unit: 'B', ours: m.renewals.rowBytes },
      { name: 'one renewal with fillfactor 70: log', unit: 'B', ours: m.roomy.rowBytes },
      { name: `renewal of ${LEASES} leases`, unit: 'ms', ours: renewalMs, reference: plainMs },
      {
        name: 'the same with fillfactor 70',
        unit: 'ms',
        ours: m.roomy.renewalMs,
        reference: m.roomy.plainMs,
      },
    ],
    checks: [
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
    ],
    notes: ['this process and the database share a core, so times are longer than with two'],
  }
}

export const capacity: Bench = {
  title: `what ${SESSIONS} live sessions ask of the database, and the renewal of ${LEASES} leases`,
  run,
}
