import { mock } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import t from 'tap'
import {
  type DropReason,
  Outbox,
  type OutboxRepository,
  type WriteResult,
} from '../../src/live/windows/outbox.ts'
import type { Client, NewWindowRow, Verdict } from '../../src/live/windows/repository.ts'
import { eventually } from '../helpers/eventually.ts'
import { readingOf } from '../helpers/scripted-model.ts'

type Write = readonly string[]

const nothing = () => undefined
const LEASE = { owner: 'one', epoch: 1 }

class Away extends Error {}
class Refused extends Error {}

/** An outbox whose database is a list of committed writes; `fault` decides about each transaction. */
function setUp({ perSession = 60, maxBytes = 1024 * 1024 } = {}) {
  const committed: Write[] = []
  /** Of each transaction. */
  const statements: number[] = []
  const dropped: [DropReason, string][] = []
  const retries: number[] = []
  const told: number[] = []
  let waiting = 0
  const database = {
    fault: nothing as (writes: Write) => Error | undefined,
    /** Awaited by each transaction before it commits. */
    gate: Promise.resolve(),
    /** What becomes of windows that are not simply stored; of an answer by the key with a `!`. */
    verdicts: new Map<string, Verdict>(),
    /** Set right when the database says that it is behind. */
    healed: 0,
    onHeal: nothing as () => void,
  }
  const lost: string[] = []
  const held = new Set<string>()
  const judge = (key: string): [string, Verdict] => [
    key.replace(/!$/, ''),
    database.verdicts.get(key) ?? 'stored',
  ]
  const isStored = (key: string) => judge(key)[1] === 'stored'
  let open: string[] = []
  const keyOf = ({ sessionId, window }: { sessionId: string; window: number }) => `${sessionId}#${window}`
  const repository: OutboxRepository = {
    keyOf,
    insertAndMark: async (client, writes, windows) => ({
      window: await repository.insertWindows(client, writes),
      delivered: await repository.updateDelivered(client, windows),
    }),
    insertWindows: async (_client, writes) => {
      const keys = writes.map(({ row }) => keyOf(row))
      open.push(...keys.filter(isStored))
      return new Map(keys.map(judge))
    },
    updateAnswers: async (_client, writes) => {
      const keys = writes.map(({ row }) => `${keyOf(row)}!`)
      open.push(...keys.filter(isStored))
      return new Map(keys.map(judge))
    },
    updateDelivered: async (_client, windows) => {
      open.push(...windows.map((window) => `${keyOf(window)}>`))
      return new Map()
    },
    updateReceived: async (_client, counts) => {
      open.push(...counts.map(({ sessionId, frames }) => `${sessionId}+${frames}`))
      return new Map()
    },
    updateRefined: async (_client, refinements) => {
      open.push(...refinements.map(({ sessionId, window }) => `${sessionId}~${window}`))
      return new Map()
    },
  }
  const outbox = new Outbox({
    transaction: async (count, work) => {
      statements.push(count)
      open = []
      const result = await work(undefined as unknown as Client) // the repository above does not look at it
      const writes = open
      await database.gate
      const fault = database.fault(writes)
      if (fault !== undefined) throw fault
      if (writes.length > 0) committed.push(writes)
      return result
    },
    repository,
    isPassing: (error) => error instanceof Away,
    onWaiting: (count) => {
      waiting = count
    },
    onStored: (stored) =>
      told.push(...stored.flatMap(({ kind, write }) => (kind === 'window' ? [write.row.window] : []))),
    onRetry: (_error, waiting) => retries.push(waiting),
    onDrop: (reason, sessionId) => dropped.push([reason, sessionId]),
    holds: ({ sessionId }) => !held.has(`not ${sessionId}`),
    onLost: ({ sessionId }) => lost.push(sessionId),
    onBehind: async () => {
      database.healed++
      database.onHeal()
    },
    onLocked: (sessionId) => lost.push(`locked ${sessionId}`),
    maxWindowsPerSession: perSession,
    maxBytes,
  })
  return {
    outbox,
    database,
    committed,
    statements,
    dropped,
    retries,
    told,
    lost,
    held,
    waiting: () => waiting,
    rows: () => committed.flat(),
  }
}

const row = (sessionId: string, window: number, measures = 10): NewWindowRow => ({
  sessionId,
  window,
  closedAt: new Date(0),
  framesReceived: 40,
  framesAnalysed: 40,
  ...readingOf('happy'),
  source: 'local',
  model: 'local-1',
  latencyMs: 1,
  analyserVersion: 'local-1',
  measures: new Uint8Array(measures),
})

/** Hands one window over to be stored. */
const store = (outbox: Outbox, entry: NewWindowRow): Promise<WriteResult> =>
  outbox.write({ kind: 'window', write: { ...LEASE, row: entry } })

const windows = (sessionId: string, count: number) =>
  Array.from({ length: count }, (_, i) => row(sessionId, i + 1))

t.test('what closes together is written in one transaction, in order', async (t) => {
  const { outbox, committed, waiting } = setUp()
  const stored = [...windows('a', 3), row('b', 1)].map((entry) => store(outbox, entry))
  void outbox.write({ kind: 'delivered', write: { sessionId: 'a', window: 1, ...LEASE } })
  void outbox.write({ kind: 'received', write: { sessionId: 'b', ...LEASE, frames: 7 } })
  void outbox.write({ kind: 'refined', write: { sessionId: 'a', window: 1, ...LEASE } })
  t.equal(waiting(), 7)
  t.same(await Promise.all(stored), ['stored', 'stored', 'stored', 'stored'])
  t.same(committed, [['a#1', 'a#2', 'a#3', 'b#1', 'b+7', 'a#1>', 'a~1']])
  t.equal(waiting(), 0)
})

t.test('windows and the marks of other windows are one statement', async (t) => {
  const { outbox, committed, statements } = setUp()
  const mark = (sessionId: string, window: number) =>
    outbox.write({ kind: 'delivered', write: { sessionId, window, ...LEASE } })
  await Promise.all([store(outbox, row('a', 2)), mark('a', 1), mark('b', 1), store(outbox, row('c', 1))])
  await Promise.all([store(outbox, row('d', 1)), mark('d', 1)])
  t.same(committed, [
    ['a#2', 'c#1', 'a#1>', 'b#1>'],
    ['d#1', 'd#1>'],
  ])
  t.same(statements, [1, 2], 'the mark of a window that is not stored yet comes after it')
})

t.test('while the database is away results wait, then are stored once and in order', async (t) => {
  const { outbox, database, retries, rows, dropped } = setUp()
  database.fault = () => new Away()
  const first = store(outbox, row('a', 1))
  await eventually(
    () => retries.length,
    (count) => count >= 2,
  )
  const others = [row('a', 2), row('b', 1)].map((entry) => store(outbox, entry))
  t.same(rows(), [])
  database.fault = () => undefined
  t.same(await Promise.all([first, ...others]), ['stored', 'stored', 'stored'])
  t.same(rows(), ['a#1', 'a#2', 'b#1'])
  t.same(dropped, [])
})

t.test('however long the database was away, it is asked again within a second', async (t) => {
  const { outbox, database, retries } = setUp()
  database.fault = () => new Away()
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const stored = store(outbox, row('a', 1))
  const untilAsked = async (times: number) => {
    for (let turn = 0; turn < 100 && retries.length < times; turn++) await immediate()
    return retries.length >= times
  }
  t.ok(await untilAsked(1))
  for (let times = 2; times <= 20; times++) {
    mock.timers.tick(1000)
    t.ok(await untilAsked(times), `try ${times}`)
  }
  database.fault = () => undefined
  mock.timers.tick(1000)
  t.equal(await stored, 'stored')
})

t.test(
  'what has waited is written together, also if it was tried one by one when the database returned',
  async (t) => {
    const { outbox, database, committed, rows } = setUp()
    let isBack = false
    database.fault = (writes) => {
      isBack ||= writes.length === 1
      return isBack ? undefined : new Away()
    }
    const sessions = ['a', 'b', 'c', 'd', 'e', 'f']
    const entries = sessions.flatMap((session) => windows(session, 2))
    const stored = await Promise.all(entries.map((entry) => store(outbox, entry)))
    t.same(new Set(stored), new Set(['stored']))
    t.equal(rows().length, entries.length)
    t.same(
      committed.map(({ length }) => length),
      [1, entries.length - 1],
    )
  },
)

t.test('what is discarded while the database is away is never written, and counts as no loss', async (t) => {
  const { outbox, database, retries, rows, dropped, waiting } = setUp()
  database.fault = () => new Away()
  const results = [row('a', 1), row('b', 1), row('a', 2)].map((entry) => store(outbox, entry))
  await eventually(
    () => retries.length,
    (count) => count >= 2,
  )
  outbox.discard('a')
  const later = store(outbox, row('b', 2))
  database.fault = () => undefined
  t.same(await Promise.all([...results, later]), ['refused', 'stored', 'refused', 'stored'])
  t.same(rows(), ['b#1', 'b#2'])
  t.same([dropped, waiting()], [[], 0])
})

t.test('a session whose results are discarded while its row is locked waits no longer', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { outbox, database } = setUp()
  database.verdicts.set('a#1', 'locked')
  const written = store(outbox, row('a', 1))
  const pass = async () => {
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve))
    mock.timers.tick(1000)
  }
  while (outbox.lockedSessions === 0) await pass()
  outbox.discard('a')
  await pass()
  t.equal(await written, 'refused')
  t.equal(outbox.lockedSessions, 0)
})

t.test('what is discarded while it is being written is not tried again', async (t) => {
  const { outbox, database, rows } = setUp()
  let open: () => void = () => undefined
  database.gate = new Promise((resolve) => {
    open = resolve
  })
  let tries = 0
  database.fault = () => (++tries === 1 ? new Away() : undefined)
  const written = store(outbox, row('a', 1))
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  const waits = store(outbox, row('a', 2))
  outbox.discard('a')
  open()
  t.same(await Promise.all([written, waits]), ['refused', 'refused'])
  t.same(await store(outbox, row('a', 3)), 'stored', 'what comes later is another matter')
  t.same(rows(), ['a#3'])
})

t.test('a refused entry leaves alone and is not tried again', async (t) => {
  const { outbox, database, rows, dropped, waiting } = setUp()
  let asked = 0
  database.fault = (writes) => {
    if (!writes.some((write) => write.startsWith('deleted'))) return undefined
    asked++
    return new Refused()
  }
  const entries = [row('a', 1), row('deleted', 1), row('b', 1), row('deleted', 2), row('a', 2)]
  const stored = entries.map((entry) => store(outbox, entry))
  t.same(await Promise.all(stored), ['stored', 'dropped', 'stored', 'dropped', 'stored'])
  t.same(rows(), ['a#1', 'b#1', 'a#2'])
  t.same(dropped, [
    ['refused_by_database', 'deleted'],
    ['refused_by_database', 'deleted'],
  ])
  t.equal(asked, 3, 'once together and once each alone')
  t.equal(waiting(), 0)
  t.notOk(outbox.isFull('deleted'))
})

t.test('the database goes away while a refused batch is written one by one', async (t) => {
  const { outbox, database, rows, dropped } = setUp()
  let transactions = 0
  database.fault = (writes) => {
    transactions++
    if (writes.some((write) => write.startsWith('deleted'))) return new Refused()
    return transactions === 3 ? new Away() : undefined
  }
  const entries = [row('a', 1), row('b', 1), row('deleted', 1), row('c', 1)]
  const stored = entries.map((entry) => store(outbox, entry))
  t.same(await Promise.all(stored), ['stored', 'stored', 'dropped', 'stored'])
  t.same(rows(), ['a#1', 'b#1', 'c#1'])
  t.same(dropped, [['refused_by_database', 'deleted']])
})

t.test('an entry that fails again and again does not keep the others waiting', async (t) => {
  const { outbox, database, rows, dropped } = setUp()
  database.fault = (writes) => (writes.includes('odd#1') ? new Away() : undefined)
  const odd = [row('odd', 1), row('odd', 2)].map((entry) => store(outbox, entry))
  const others = [row('a', 1), row('b', 1)].map((entry) => store(outbox, entry))
  t.same(await Promise.all(others), ['stored', 'stored'])
  t.same(rows(), ['a#1', 'b#1'])
  database.fault = () => undefined
  t.same(await Promise.all(odd), ['stored', 'stored'], 'it is kept, and stored when it can be')
  t.same(rows(), ['a#1', 'b#1', 'odd#1', 'odd#2'])
  t.same(dropped, [])
})

t.test('of one session no more than its share waits; others are not touched by it', async (t) => {
  const { outbox, database, rows, dropped } = setUp({ perSession: 5 })
  database.fault = () => new Away()
  const kept = windows('a', 5).map((entry) => store(outbox, entry))
  t.ok(outbox.isFull('a'))
  t.equal(await store(outbox, row('a', 6)), 'dropped')
  t.same(dropped, [['outbox_full', 'a']])
  t.notOk(outbox.isFull('b'))
  const other = store(outbox, row('b', 1))
  database.fault = () => undefined
  t.same(await Promise.all([...kept, other]), ['stored', 'stored', 'stored', 'stored', 'stored', 'stored'])
  t.notOk(outbox.isFull('a'))
  t.equal(await store(outbox, row('a', 7)), 'stored', 'there is room again')
  t.same(rows(), ['a#1', 'a#2', 'a#3', 'a#4', 'a#5', 'b#1', 'a#7'])
})

t.test('all sessions together stay within the bytes', async (t) => {
  const { outbox, database, dropped } = setUp({ maxBytes: 100_000 })
  database.fault = () => new Away()
  let kept = 0
  while (!outbox.isFull('x')) void store(outbox, row(`s${kept++}`, 1, 9000))
  t.equal(kept, 10)
  t.equal(await store(outbox, row('y', 1)), 'dropped')
  t.same(dropped, [['outbox_full', 'y']])
  await outbox.close(0)
})

t.test('many results are written in batches', async (t) => {
  const { outbox, committed } = setUp({ perSession: 1000 })
  await Promise.all(windows('a', 450).map((entry) => store(outbox, entry)))
  t.same(
    committed.map((writes) => writes.length),
    [200, 200, 50],
  )
})

t.test('closing writes what can be written', async (t) => {
  const { outbox, rows } = setUp()
  const stored = store(outbox, row('a', 1))
  await outbox.close(5000)
  t.equal(await stored, 'stored')
  t.same(rows(), ['a#1'])
  t.equal(await store(outbox, row('a', 2)), 'dropped', 'nothing is taken after that')
})

t.test('closing gives up what cannot be written, and tells', async (t) => {
  const { outbox, database, dropped, waiting } = setUp()
  database.fault = () => new Away()
  const stored = windows('a', 2).map((entry) => store(outbox, entry))
  await outbox.close(20)
  t.same(await Promise.all(stored), ['dropped', 'dropped'])
  t.same(dropped, [
    ['shutdown', 'a'],
    ['shutdown', 'a'],
  ])
  t.equal(waiting(), 0)
})

t.test('a commit that comes after giving up is not counted as well', async (t) => {
  const { outbox, database, dropped, told, committed, waiting } = setUp()
  let commit: () => void = nothing
  database.gate = new Promise((resolve) => {
    commit = resolve
  })
  const stored = store(outbox, row('a', 1))
  await outbox.close(20)
  t.equal(await stored, 'dropped')
  commit()
  await eventually(
    () => committed.length,
    (count) => count === 1,
  )
  t.same([dropped, told, waiting()], [[['shutdown', 'a']], [], 0])
})

t.test(
  'a window that another owner has stored is refused, and nobody is told that it was stored',
  async (t) => {
    const { outbox, database, told, dropped } = setUp()
    database.verdicts.set('a#2', 'taken')
    t.same(await Promise.all(windows('a', 3).map((entry) => store(outbox, entry))), [
      'stored',
      'refused',
      'stored',
    ])
    t.same(told, [1, 3])
    t.same(dropped, [['not_ours', 'a']])
  },
)
