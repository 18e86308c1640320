import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { NOTHING_LEARNT } from '../../src/live/face/learnt.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { NO_SPAN } from '../../src/lib/tracing.ts'
import { createScheduler } from '../../src/live/scheduler.ts'
import { createSparePool } from '../../src/live/frames/spare-pool.ts'
import { createLeases } from '../../src/live/leases/leases.ts'
import { createSafe } from '../../src/lib/sealing.ts'

const TTL_MS = 9000

type Key = { readonly sessionId: string; readonly epoch: number }

/** Leases against a database that is a set of the ids it still grants, and a clock that the test moves. */
function setUp() {
  const clock = { now: 100_000 }
  const lost: string[] = []
  const deleted: string[] = []
  const asked: string[][] = []
  const released: string[][] = []
  const unreachable: unknown[] = []
  const database = {
    taken: new Set<string>(),
    deleted: new Set<string>(),
    locked: new Set<string>(),
    /** What happens while the question is on its way. */
    onAsked: async (): Promise<void> => undefined,
    onGiven: async (): Promise<void> => undefined,
  }
  const leases = createLeases({
    renew: async (held) => {
      asked.push(held.map(({ sessionId }) => sessionId))
      await database.onAsked()
      const among = (ids: ReadonlySet<string>) =>
        held.map(({ sessionId }) => sessionId).filter((id) => ids.has(id))
      return {
        lost: among(database.taken),
        deleted: among(database.deleted),
        skipped: among(database.locked),
      }
    },
    release: async (given, patient) => {
      await database.onGiven()
      const locked = given.filter(({ sessionId }) => !patient && database.locked.has(sessionId))
      released.push(given.filter((key) => !locked.includes(key)).map(({ sessionId }) => sessionId))
      return locked
    },
    ttlMs: TTL_MS,
    monotonic: () => clock.now,
    onLost: (id) => lost.push(id),
    onDeleted: (id) => {
      deleted.push(id)
      leases.deleted(id)
    },
    onReleaseFailed: (error) => unreachable.push(error),
    onUnreachable: (error) => unreachable.push(error),
  })
  const away = () => Promise.reject(new Error('the database is away'))
  return { leases, clock, database, lost, deleted, asked, released, unreachable, away }
}

const A: Key = { sessionId: 'a', epoch: 1 }

t.test('a lease counts from before the question, by our own clock', async (t) => {
  const { leases, clock, asked, database } = setUp()
  leases.hold('a', 1, clock.now - 500).feed()
  clock.now += TTL_MS - 501
  t.ok(leases.isValid(A))
  t.ok(await leases.mayAct(A))
  t.same(asked, [], 'a valid lease is acted under without a question')
  clock.now += 1
  t.notOk(leases.isValid(A))
  database.onAsked = async () => {
    clock.now += 700
  }
  await leases.renew()
  clock.now += TTL_MS - 701
  t.ok(leases.isValid(A), 'the renewal counts from when it was asked for')
  clock.now += 1
  t.notOk(leases.isValid(A), 'not from when it was answered')
})

t.test('one that has run out is asked about before anything is done under it', async (t) => {
  const { leases, clock, asked } = setUp()
  leases.hold('a', 1, clock.now).feed()
  clock.now += TTL_MS
  t.ok(await leases.mayAct(A))
  t.same(asked, [['a']])
  t.ok(leases.isValid(A))
})

t.test(
  'after a long suspension as well, and what was lost in the meantime is told and never acted under',
  async (t) => {
    const { leases, clock, asked, database, lost } = setUp()
    leases.hold('a', 1, clock.now).feed()
    leases.hold('b', 1, clock.now).feed()
    await leases.renew()
    clock.now += 3_600_000
    database.taken.add('a')
    t.notOk(await leases.mayAct(A))
    t.same(asked, [
      ['a', 'b'],
      ['a', 'b'],
    ])
    t.same(lost, ['a'])
    t.ok(await leases.mayAct({ sessionId: 'b', epoch: 1 }))
    t.notOk(await leases.mayAct(A))
    t.equal(asked.length, 2, 'a lost lease is not asked about again')
    t.same(lost, ['a'], 'and told once')
  },
)

t.test('a question that was under way when the process was suspended is asked again', async (t) => {
  const { leases, clock, asked, database, lost } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.hold('b', 1, clock.now).feed()
  let wake: () => void = () => undefined
  database.onAsked = () =>
    new Promise((resolve) => {
      wake = resolve
    })
  const before = leases.renew()
  const mayAct = ['a', 'b'].map(async (sessionId) => {
    await turn()
    return leases.mayAct({ sessionId, epoch: 1 })
  })
  database.onAsked = async () => undefined
  clock.now += 3_600_000
  await turn()
  database.taken.add('b')
  wake()
  await before
  t.same(await Promise.all(mayAct), [true, false])
  t.same(lost, ['b'])
  t.equal(asked.length, 2)
})

t.test('an answer that a suspension has delayed is no sign of a database that is away', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { leases, clock, asked, database, lost, unreachable } = setUp()
  leases.hold('a', 1, clock.now).feed()
  database.onAsked = () => new Promise(() => undefined)
  const before = leases.renew()
  clock.now += 3_600_000
  mock.timers.tick(3_600_000)
  await before
  database.onAsked = async () => undefined
  database.taken.add('a')
  t.notOk(await leases.mayAct(A), 'asked before acting')
  t.same([asked.length, lost], [2, ['a']])
  t.equal(unreachable.length, 1)
})

t.test('a database that does not answer in time counts as away', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { leases, clock, database, unreachable } = setUp()
  leases.hold('a', 1, clock.now).feed()
  clock.now += TTL_MS
  database.onAsked = () => new Promise(() => undefined)
  const answer = leases.mayAct(A)
  await turn()
  clock.now += 2000
  mock.timers.tick(2000)
  t.ok(await answer)
  t.match(unreachable, [{ message: /in time/ }])
})

t.test('while the database cannot be asked we go on, and ask again when it is back', async (t) => {
  const { leases, clock, asked, database, lost, unreachable, away } = setUp()
  leases.hold('a', 1, clock.now).feed()
  clock.now += TTL_MS
  database.onAsked = away
  t.ok(await leases.mayAct(A))
  t.same([asked.length, unreachable.length, lost], [1, 1, []])
  t.ok(await leases.mayAct(A))
  t.equal(asked.length, 1, 'not asked for each act')
  clock.now += leases.renewEveryMs
  t.ok(await leases.mayAct(A))
  t.equal(asked.length, 2)
  clock.now += leases.renewEveryMs
  database.onAsked = async () => undefined
  database.taken.add('a')
  t.notOk(await leases.mayAct(A))
  t.same(lost, ['a'])
})

t.test('what another instance has taken is lost at once; an older owner takes nothing', (t) => {
  const { leases, clock, lost } = setUp()
  leases.hold('a', 3, clock.now).feed()
  leases.lostTo('a', 2)
  leases.lostTo('a', 3)
  leases.lostTo('unknown', 9)
  t.ok(leases.isValid({ sessionId: 'a', epoch: 3 }))
  leases.lostTo('a', 4)
  t.notOk(leases.isValid({ sessionId: 'a', epoch: 3 }))
  t.same(lost, ['a'])
  t.end()
})

t.test('work under an earlier lease of the same session is not done', async (t) => {
  const { leases, clock, asked } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.hold('a', 2, clock.now).feed()
  t.notOk(await leases.mayAct(A))
  t.ok(await leases.mayAct({ sessionId: 'a', epoch: 2 }))
  t.same(asked, [])
})

t.test('one question for any number of leases and of askers', async (t) => {
  const { leases, clock, asked } = setUp()
  for (let i = 0; i < 5000; i++) leases.hold(`s${i}`, 1, clock.now).feed()
  clock.now += TTL_MS
  const answers = await Promise.all(
    Array.from({ length: 5000 }, (_, i) => leases.mayAct({ sessionId: `s${i}`, epoch: 1 })),
  )
  t.ok(answers.every(Boolean))
  t.equal(asked.length, 1)
  t.equal(asked[0]?.length, 5000)
  const empty = setUp()
  await empty.leases.renew()
  t.equal(empty.asked.length, 0, 'and none for none')
})

t.test('a lease taken anew while a renewal is under way is not judged by its answer', async (t) => {
  const { leases, clock, database, lost } = setUp()
  leases.hold('a', 1, clock.now).feed()
  database.taken.add('a')
  database.onAsked = async () => void leases.hold('a', 2, clock.now).feed()
  await leases.renew()
  t.same(lost, [])
  t.ok(leases.isValid({ sessionId: 'a', epoch: 2 }))
})

t.test('only what is held is given up, and nothing is done under it after', async (t) => {
  const { leases, clock, released, lost } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.hold('b', 1, clock.now).feed()
  await leases.release(['a', 'unknown'])
  await leases.release(['a'])
  t.same(released, [['a']])
  t.notOk(await leases.mayAct(A))
  t.ok(leases.isValid({ sessionId: 'b', epoch: 1 }))
  t.same([leases.size, lost], [1, []])
})

/** What another part of the test lets go on. */
function gate() {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const granted = (leaseEpoch: number) => ({ session: { leaseEpoch } })

t.test('what is claimed in the moment in which it is given up is kept', async (t) => {
  const { leases, clock, released } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.hold('b', 1, clock.now).feed()
  const { open, opened } = gate()
  const claiming = leases.claim('a', async () => {
    await opened
    return granted(1)
  })
  const giving = leases.release(['a', 'b'])
  open()
  await Promise.all([claiming, giving])
  t.same(released, [['b']], 'its row has not been touched')
  t.ok(leases.isValid(A))
  const claimed = await claiming
  t.ok(claimed?.claim.feed())
  await leases.release(['a'])
  t.same(released, [['b'], ['a']], 'later it is released like the others')
})

t.test('a claim that comes while the session is being given up asks after that', async (t) => {
  const { leases, clock, database, released } = setUp()
  leases.hold('a', 1, clock.now).feed()
  const { open, opened } = gate()
  database.onGiven = () => opened
  const giving = leases.release(['a'])
  const seen: string[][] = []
  const claiming = leases.claim('a', async () => {
    seen.push(...released)
    return granted(2)
  })
  await turn()
  t.same([seen, released], [[], []], 'neither is done')
  open()
  await Promise.all([claiming, giving])
  t.same(seen, [['a']])
  t.ok(leases.isValid({ sessionId: 'a', epoch: 2 }))
})

t.test("one that was given up in vain, or claimed in vain, stands in nobody's way", async (t) => {
  const { leases, clock, database } = setUp()
  leases.hold('a', 1, clock.now).feed()
  database.onGiven = () => Promise.reject(new Error('the database is away'))
  await t.rejects(leases.release(['a']), /away/)
  await t.rejects(
    leases.claim('a', () => Promise.reject(new Error('still away'))),
    /still away/,
  )
  t.equal(await leases.claim('a', async () => undefined), undefined)
  t.match(await leases.claim('a', async () => granted(7)), granted(7))
  t.ok(leases.isValid({ sessionId: 'a', epoch: 7 }))
})

t.test('a claim that comes to nothing is given up, unless another one needs the lease', async (t) => {
  const { leases, released } = setUp()
  const claim = async (epoch = 1) => (await leases.claim('a', async () => granted(epoch)))?.claim
  const [first, second] = [await claim(), await claim()]
  first?.release()
  first?.release()
  await turn()
  t.same(released, [], 'a second handshake of the session is in progress')
  t.ok(second?.feed())
  second?.release()
  const third = await claim()
  third?.release()
  await turn()
  t.same(released, [], 'a socket feeds it')
  t.ok(leases.holds(A))

  await leases.release(['a'])
  const [fourth, fifth] = [await claim(3), await claim(3)]
  fourth?.release()
  fifth?.release()
  await turn()
  t.same(released, [['a'], ['a']], 'the last one gives it up, once')
  t.notOk(fifth?.feed(), 'and cannot be used any more')
})

t.test(
  'the lease of a session without activity is not renewed, and is again when there is some',
  async (t) => {
    const { leases, clock, asked } = setUp()
    let isActive = true
    leases.hold('a', 1, clock.now).feed(() => isActive)
    await leases.renew()
    isActive = false
    await leases.renew()
    t.same(asked, [['a']])
    clock.now += TTL_MS
    t.notOk(leases.isValid(A))
    isActive = true
    t.ok(await leases.mayAct(A), 'the database is asked whether it is still ours')
    t.same(asked, [['a'], ['a']])
  },
)

t.test('a claim of which nothing is heard is given up with the renewals', async (t) => {
  const { leases, clock, released } = setUp()
  const claimed = await leases.claim('a', async () => granted(1))
  leases.hold('b', 1, clock.now).feed()
  clock.now += 9999
  await leases.renew()
  await turn()
  t.same(released, [])
  clock.now += 1
  await leases.renew()
  await turn()
  t.same(released, [['a']])
  t.notOk(claimed?.claim.feed(), 'its socket, should it come, asks for the session again')
})

t.test('a lease that was lost between its claim and its socket is not fed', async (t) => {
  const { leases } = setUp()
  const claimed = await leases.claim('a', async () => granted(5))
  leases.lostTo('a', 6)
  t.notOk(claimed?.claim.feed())
  t.notOk(leases.holds({ sessionId: 'a', epoch: 5 }))
})

t.test('a lease that was passed over is kept, and runs out by our clock', async (t) => {
  const { leases, clock, database, lost } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.hold('b', 1, clock.now).feed()
  database.locked.add('a')
  clock.now += TTL_MS - 1
  await leases.renew()
  clock.now += 1
  t.notOk(await leases.mayAct(A), 'nothing is done under it')
  t.ok(await leases.mayAct({ sessionId: 'b', epoch: 1 }), 'which is no concern of the others')
  t.same(lost, [])
  database.locked.clear()
  t.ok(await leases.mayAct(A), 'it is asked about again')
})

t.test('one whose row is locked when it is given up is given up later, others at once', async (t) => {
  const { leases, clock, database, released } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.hold('b', 1, clock.now).feed()
  database.locked.add('a')
  await leases.release(['a', 'b'])
  t.same(released, [['b']])
  await turn()
  t.same(released, [['b'], ['a']])
})

t.test('a deleted session is told as such, not as one that another has', async (t) => {
  const { leases, clock, database, deleted } = setUp()
  leases.hold('a', 1, clock.now).feed()
  database.deleted.add('a')
  await leases.renew()
  t.same([leases.size, deleted], [0, ['a']])
})

t.test('a claim never goes back behind what is held: the row is set right', async (t) => {
  const { leases, clock, asked } = setUp()
  leases.hold('a', 5, clock.now).feed()
  const claimed = await leases.claim('a', async () => granted(4))
  t.equal(claimed?.claim.epoch, 5)
  t.same(asked, [['a']])
  t.ok(leases.isValid({ sessionId: 'a', epoch: 5 }))
})

t.test('a session that is deleted is lost', (t) => {
  const { leases, clock, lost } = setUp()
  leases.hold('a', 1, clock.now).feed()
  leases.deleted('a')
  leases.deleted('a')
  leases.deleted('unknown')
  t.same([leases.size, lost], [0, ['a']])
  t.end()
})

t.test('a quiet session whose next socket is on its way is not let go of', async (t) => {
  const clock = { now: 100_000 }
  const released: string[] = []
  const counts: number[] = []
  const scheduler = createScheduler({
    settings: {
      maxFrames: 40,
      deadlineMs: 9000,
      model: null,
      inferenceEnabled: true,
      spares: createSparePool(1000),
      voiceOf: async () => ({ measures: null, speech: null }),
      takeOffer: () => null,
      clock: { ...systemClock, now: () => clock.now },
      traceWindow: () => NO_SPAN,
    },
    owner: 'one',
    outbox: { write: async () => 'stored' },
    leases: {
      mayAct: async () => true,
      holds: () => true,
      release: async (ids) => void released.push(...ids),
    },
    announce: () => undefined,
    onAnswered: () => undefined,
    onFenced: () => undefined,
    onUncommitted: () => undefined,
    onFailed: (_id, _window, error) => t.fail(String(error)),
    onLive: (count) => counts.push(count),
    onReleaseFailed: (error) => t.fail(String(error)),
    graceMs: 30_000,
    quietMs: TTL_MS,
  })
  const times = { startedAt: 0, clockOffset: 0, intervalMs: 10_000 }
  const person = { language: 'ko' as const, learnt: NOTHING_LEARNT, userId: 1, safe: createSafe(null, '1') }
  for (const id of ['left', 'awaited']) {
    scheduler.open({ id, status: 'active', ...times, ...person, epoch: 1, lastWindow: 0, undelivered: [] })
  }
  clock.now += TTL_MS + 1
  t.notOk(scheduler.awaits('awaited', 2), 'under another epoch it is not here')
  t.notOk(scheduler.awaits('unknown', 1))
  t.ok(scheduler.awaits('awaited', 1))
  await scheduler.sweep()
  t.same(released, ['left'])
  t.ok(scheduler.has('awaited', 1))
  clock.now += TTL_MS + 1
  await scheduler.sweep()
  t.same(released, ['left', 'awaited'], 'a socket that never came keeps it no longer than any other')
  t.equal(Math.max(...counts), 2, 'two sessions were served')
  t.equal(counts.at(-1), 0)
})
