import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import t from 'tap'
import * as schema from '../../src/db/schema/index.ts'
import { parseDatabaseUrl } from '../../src/db/url.ts'
import { analysisRepository } from '../../src/live/repository.ts'
import type { Client, Fence, NewWindowRow } from '../../src/live/windows/repository.ts'
import { reportsRepository } from '../../src/features/reports/repository.ts'
import { createReportService } from '../../src/features/reports/service.ts'
import { createClaims } from '../../src/live/leases/claims.ts'
import type { LeaseKey } from '../../src/live/leases/lease.ts'
import { leaseRepository } from '../../src/live/leases/repository.ts'
import { sessionsRepository } from '../../src/features/sessions/repository.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { plainVault } from '../helpers/plain-vault.ts'
import { readingOf } from '../helpers/scripted-model.ts'

const { emotionWindows, sessions, users } = schema
const database = await createTestDatabase(t)
const { orm } = database
const claim: typeof leaseRepository.claim = (...about) => leaseRepository.claim(...about)
const release = (owner: string, ...leases: readonly LeaseKey[]) =>
  leaseRepository.release(database.sql, leases, { owner, patient: false })
const renewWith = (client: postgres.Sql, owner: string, leases: readonly LeaseKey[]) =>
  leaseRepository.renew(client, leases, { owner, ttlMs: 60_000 })
const renew = (owner: string, ...leases: readonly LeaseKey[]) => renewWith(database.sql, owner, leases)
const NONE = { lost: [], deleted: [], skipped: [] }

const account = { username: 'user', email: 'user@example.com', passwordHash: 'none' }
const [user] = await orm.insert(users).values(account).returning({ id: users.id })
if (user === undefined) throw new Error('the account was not stored')
const newSession = (id: string) => ({ id, userId: user.id, intervalMs: 10_000 })

let started = 0
const start = async (): Promise<string> => {
  const id = `sess_${String(++started).padStart(32, '0')}`
  await orm.insert(sessions).values(newSession(id))
  return id
}
const claimed = async (id: string, owner: string, onlyFree = false, ttlMs = 60_000) =>
  (await claim(database.sql, [id], { owner, ttlMs, onlyFree, patient: true })).get(id)?.session.leaseEpoch
const window = (sessionId: string, number: number, lease: Fence, framesReceived = 40) => {
  const row: NewWindowRow = {
    sessionId,
    window: number,
    epoch: lease.epoch,
    closedAt: new Date(),
    framesReceived,
    framesAnalysed: 40,
    ...readingOf('happy'),
    source: 'local',
    model: 'local-1',
    latencyMs: 1,
    analyserVersion: 'local-1',
    measures: new Uint8Array(),
  }
  return { ...lease, row }
}
const one = (epoch: number): Fence => ({ owner: 'one', epoch })
const two = (epoch: number): Fence => ({ owner: 'two', epoch })
const insert = async (...writes: ReturnType<typeof window>[]) => [
  ...(await analysisRepository.insertWindows(database.sql, writes)).values(),
]
const stored = (id: string) => orm.$count(emotionWindows, sql`${emotionWindows.sessionId} = ${id}`)
const row = async (id: string) => (await sessionsRepository.find(orm, id))?.session

/** The session began so many of its windows ago, and half of another. */
const began = (id: string, windows: number) => database.sql`
  update sessions set started_at = now() - (${windows} + 0.5) * interval_ms * interval '1 millisecond' where id = ${id}`

t.test('the epoch rises with another owner and not with the same', async (t) => {
  const id = await start()
  t.equal(await claimed(id, 'one'), 1)
  t.equal(await claimed(id, 'one'), 1)
  t.equal(await claimed(id, 'two'), 2)
  t.equal(await claimed(id, 'one'), 3)
  t.equal(await claimed(id, 'one', false, -1000), 3)
  t.equal(await claimed(id, 'one'), 3, 'nor when it had run out and nobody took it')
  t.equal(await claimed('sess_unknown', 'one'), undefined)
})

t.test('onlyFree takes what has no owner, our own and what has run out, and nothing else', async (t) => {
  const id = await start()
  t.equal(await claimed(id, 'one', true), 1)
  t.equal(await claimed(id, 'two', true), undefined)
  t.equal((await row(id))?.leaseOwner, 'one')
  t.equal(await claimed(id, 'one', true, -1000), 1)
  t.equal(await claimed(id, 'two', true), 2)
  await release('two', { sessionId: id, epoch: 2 })
  t.equal(await claimed(id, 'one', true), 3)
})

t.test('an ended session has no owner any more', async (t) => {
  const id = await start()
  await sessionsRepository.update(orm, id, { status: 'ended', endedAt: new Date(), endAnswer: {} })
  t.equal(await claimed(id, 'one'), undefined)
})

t.test('of two claims in the same instant one comes after the other', async (t) => {
  const id = await start()
  const epochs = await Promise.all(['one', 'two', 'three', 'four'].map((owner) => claimed(id, owner)))
  t.same([...epochs].sort(), [1, 2, 3, 4])
  const free = await start()
  const taken = await Promise.all(['one', 'two', 'three', 'four'].map((owner) => claimed(free, owner, true)))
  t.same(
    taken.filter((epoch) => epoch !== undefined),
    [1],
    'a free one goes to one of them',
  )
})

t.test('a lease is renewed and released by its owner and its epoch together', async (t) => {
  const id = await start()
  const other = await start()
  await claimed(id, 'one')
  await claimed(id, 'two', false, 1000)
  await claimed(other, 'one', false, 1000)
  const before = await row(id)
  t.same(await renew('one', { sessionId: id, epoch: 1 }), { ...NONE, lost: [id] }, 'an old epoch is lost')
  t.same(await renew('one', { sessionId: id, epoch: 2 }), { ...NONE, lost: [id] }, 'as is that of another')
  t.same((await row(id))?.leaseUntil, before?.leaseUntil, 'neither renews anything')
  const keys = [
    { sessionId: other, epoch: 1 },
    { sessionId: 'sess_unknown', epoch: 1 },
  ]
  t.same(await renew('one', ...keys), { ...NONE, deleted: ['sess_unknown'] })
  t.same(await renew('two', { sessionId: id, epoch: 2 }), NONE)
  t.ok(Number((await row(id))?.leaseUntil) > Number(before?.leaseUntil))
  await release('one', { sessionId: id, epoch: 1 })
  await release('one', { sessionId: id, epoch: 2 })
  t.equal((await row(id))?.leaseOwner, 'two', 'an old owner releases nothing')
  await release('two', { sessionId: id, epoch: 2 })
  t.match(await row(id), { leaseOwner: null, leaseUntil: null, leaseEpoch: 2 })
})

/** The database has lost everything since the session had this lease. */
const goBackTo = (id: string, owner: string | null, epoch: number) => database.sql`
  update sessions set lease_owner = ${owner}, lease_epoch = ${epoch}, lease_until = now() + interval '1 minute'
  where id = ${id}`

t.test('of two owners who were given the same epoch one has the lease', async (t) => {
  const id = await start()
  t.equal(await claimed(id, 'one'), 1)
  await insert(window(id, 1, one(1)))
  await goBackTo(id, null, 0)
  await database.sql`delete from emotion_windows where session_id = ${id}`
  t.equal(await claimed(id, 'two'), 1)
  t.same(await renew('one', { sessionId: id, epoch: 1 }), { ...NONE, lost: [id] })
  t.same(await insert(window(id, 2, one(1))), ['lost'])
  t.same(await insert(window(id, 2, two(1))), ['stored'])
  t.same(await insert(window(id, 2, one(1))), ['lost'], "nor does it take the other's window for its own")
  await release('one', { sessionId: id, epoch: 1 })
  t.equal((await row(id))?.leaseOwner, 'two')
})

t.test(
  'an owner may store what had ended when the session passed to another, and nothing else',
  async (t) => {
    const id = await start()
    await claimed(id, 'one')
    await began(id, 3)
    await insert(window(id, 1, one(1)))
    t.equal(await claimed(id, 'two'), 2)
    t.same(await insert(window(id, 4, two(2))), ['stored'], 'the one that is open belongs to the new owner')
    await began(id, 6)
    t.equal(await claimed(id, 'two'), 2)
    t.same(await insert(window(id, 2, one(1)), window(id, 3, one(1))), ['stored', 'stored'])
    t.same(
      await insert(window(id, 1, one(1)), window(id, 3, one(1))),
      ['stored', 'stored'],
      'tried once more',
    )
    t.same(await insert(window(id, 4, one(1)), window(id, 5, one(1))), ['lost', 'lost'])
    t.equal(await claimed(id, 'three'), 3)
    t.same(await insert(window(id, 5, one(1))), ['lost'], 'the owner before the last one knows nothing of it')
    t.same(await insert(window(id, 5, two(2))), ['stored'])
    await sessionsRepository.update(orm, id, { status: 'ended', endedAt: new Date(), endAnswer: {} })
    t.same(await insert(window(id, 6, two(2))), ['lost'], 'the report may be made')
  },
)

t.test('a claim that the database has lost is made good by its owner, unless another has come', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  t.equal(await claimed(id, 'two'), 2)
  await goBackTo(id, 'one', 1)
  t.same(await insert(window(id, 1, two(2))), ['behind'], 'that says that nobody has overtaken us')
  t.same(await renew('two', { sessionId: id, epoch: 2 }), NONE)
  t.match(await row(id), { leaseOwner: 'two', leaseEpoch: 2 })
  t.same(await insert(window(id, 1, two(2))), ['stored'])
  t.same(await renew('one', { sessionId: id, epoch: 1 }), { ...NONE, lost: [id] })
  await goBackTo(id, 'one', 1)
  t.equal(await claimed(id, 'three'), 2)
  t.same(await renew('two', { sessionId: id, epoch: 2 }), { ...NONE, lost: [id] })
})

t.test(
  'a row that is locked elsewhere holds up neither the renewal of others nor their results',
  async (t) => {
    const [held, free] = [await start(), await start()]
    await claimed(held, 'one', false, 1000)
    await claimed(free, 'one', false, 1000)
    const before = await row(free)
    const letGo = await holding((hold) =>
      orm.transaction(async (tx) => {
        await sessionsRepository.lock(tx, held)
        await hold()
      }),
    )
    const both = [held, free].map((sessionId) => ({ sessionId, epoch: 1 }))
    t.same(await renew('one', ...both), { ...NONE, skipped: [held] }, 'which is not lost')
    t.ok(Number((await row(free))?.leaseUntil) > Number(before?.leaseUntil))
    t.same(await insert(window(held, 1, one(1)), window(free, 1, one(1))), ['locked', 'stored'])
    t.same(await release('one', ...both), [{ sessionId: held, epoch: 1 }])
    t.match(await row(free), { leaseOwner: null })
    await letGo()
    t.same(await insert(window(held, 1, one(1))), ['stored'])
  },
)

t.test('a mark does not wait for a window that is locked elsewhere', async (t) => {
  const [held, free] = [await start(), await start()]
  for (const id of [held, free]) {
    await claimed(id, 'one')
    await insert(window(id, 1, one(1)))
  }
  const letGo = await holding((hold) =>
    database.sql.begin(async (client) => {
      await client`select from emotion_windows where session_id = ${held} for update`
      await hold()
    }),
  )
  const mark = (lease: Fence) =>
    analysisRepository.updateDelivered(
      database.sql,
      [held, free].map((sessionId) => ({ sessionId, window: 1, ...lease })),
    )
  t.same([...(await mark(two(1)))], [], 'that of another does nothing')
  t.same([...(await mark(one(1)))], [[analysisRepository.keyOf({ sessionId: held, window: 1 }), 'locked']])
  await letGo()
  t.same([...(await mark(one(1)))], [])
  const [{ left }] = (await database.sql`
    select count(*)::int as left from emotion_windows
    where session_id in ${database.sql([held, free])} and delivered_at is null`) as [postgres.Row]
  t.equal(left, 0)
})

t.test('windows and marks of one statement are judged apart', async (t) => {
  const [held, free, lost] = [await start(), await start(), await start()]
  for (const id of [held, free, lost]) {
    await claimed(id, 'one')
    await insert(window(id, 1, one(1)))
  }
  await claimed(lost, 'two')
  const letGo = await holding((hold) =>
    database.sql.begin(async (client) => {
      await client`select from emotion_windows where session_id = ${held} for update`
      await hold()
    }),
  )
  const key = (sessionId: string, number: number) => analysisRepository.keyOf({ sessionId, window: number })
  const sessions = [held, free, lost]
  const verdicts = await analysisRepository.insertAndMark(
    database.sql,
    sessions.map((id) => window(id, 2, one(1), 47)),
    sessions.map((sessionId) => ({ sessionId, window: 1, ...one(1) })),
  )
  await letGo()
  t.same(
    new Map(verdicts.window),
    new Map([
      [key(held, 2), 'stored'],
      [key(free, 2), 'stored'],
      [key(lost, 2), 'lost'],
    ]),
  )
  t.same([...verdicts.delivered], [[key(held, 1), 'locked']])
  const rows = await database.sql`
    select session_id, "window", delivered_at is not null as marked, landmark_count::int as frames
    from emotion_windows join sessions on sessions.id = session_id
    where session_id in ${database.sql(sessions)} order by "window"`
  const of = (id: string) =>
    rows.filter((row) => row['session_id'] === id).map((row) => [row['window'], row['marked'], row['frames']])
  t.same(of(held), [
    [1, false, 87],
    [2, false, 87],
  ])
  t.same(of(free), [
    [1, true, 87],
    [2, false, 87],
  ])
  t.same(of(lost), [[1, false, 40]], 'another owner has it')
})

t.test('only the owner answers for earlier ones, and only for them', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, one(1)))
  await claimed(id, 'two')
  await claimed(id, 'one')
  await insert(window(id, 2, one(3)))
  const outcomes = async () =>
    (
      await database.sql`
        select coalesce(model_outcome, 'open') as outcome from emotion_windows where session_id = ${id} order by "window"`
    ).map((stored) => String(stored['outcome']))
  await analysisRepository.answerOrphans(orm, id, two(2))
  t.same(await outcomes(), ['open', 'open'], 'an owner that has been overtaken answers nothing')
  await analysisRepository.answerOrphans(orm, id, one(3))
  t.same(await outcomes(), ['owner_lost', 'open'])
})

t.test('five thousand leases are renewed by one statement', async (t) => {
  const ids = Array.from({ length: 5000 }, (_, i) => `sess_many_${String(i).padStart(32, '0')}`)
  await orm
    .insert(sessions)
    .values(ids.map((id) => ({ ...newSession(id), leaseOwner: 'one', leaseEpoch: 1 })))
  const statements: string[] = []
  const watched = postgres({
    path: `${database.socketDir}/.s.PGSQL.5432`,
    user: 'maeum',
    database: parseDatabaseUrl(database.url).database,
    max: 1,
    fetch_types: false,
    debug: (_connection, query) => statements.push(query),
  })
  t.teardown(() => watched.end())
  drizzle(watched, { schema }) // changes the parsers, as in production
  const keys = ids.map((sessionId) => ({ sessionId, epoch: 1 }))
  const [before] =
    await database.sql`select max(lease_until) as until from sessions where id like 'sess_many_%'`
  t.same(await renewWith(watched, 'one', keys), NONE, 'none is lost')
  t.equal(statements.length, 1)
  t.equal(before?.['until'], null)
  const [after] = await database.sql`
    select count(*)::int as renewed from sessions where id like 'sess_many_%' and lease_until > now()`
  t.equal(after?.['renewed'], 5000)
})

t.test('what carries an old epoch is not stored', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  t.same(await insert(window(id, 1, one(1))), ['stored'])
  await claimed(id, 'two')
  t.same(await insert(window(id, 2, one(1))), ['lost'])
  t.equal(await stored(id), 1)
  t.match(await row(id), { landmarkCount: 40 }, 'nor are its frames counted')
  t.same(await insert(window(id, 2, two(2))), ['stored'])
  await claimed(id, 'one')
  t.same(
    await insert(window(id, 3, one(1))),
    ['lost'],
    'nor what an owner wrote under an earlier lease of its own',
  )
  t.same(await insert(window(id, 3, one(3))), ['stored'])
  t.same(await insert(window('sess_unknown', 1, one(0))), ['deleted'])
})

t.test('an answer that carries an old epoch is not stored, nor a second one', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, one(1)))
  const { emotion, confidence, uncertain, scores, valence, arousal, dominance } = readingOf('sad')
  const about = { source: 'gemini', model: 'm', modelOutcome: 'answered', latencyMs: 5 } as const
  const reading = { emotion, confidence, uncertain, scores, valence, arousal, dominance }
  const answer = { sessionId: id, window: 1, ...reading, ...about }
  const update = async (lease: Fence, client: Client = database.sql) => [
    ...(await analysisRepository.updateAnswers(client, [{ ...lease, row: answer }])).values(),
  ]
  await began(id, 1)
  await claimed(id, 'two')
  t.same(await update(one(1)), ['lost'])
  t.same(await update(one(2)), ['lost'])
  t.same(await update(two(2)), ['stored'])
  t.same(await update(two(2)), ['taken'])
  await database.sql`delete from emotion_windows where session_id = ${id}`
  t.same(await update(two(2)), ['missing'])
  t.same(await update(one(1)), ['missing'])
  await database.sql.begin(async (client) => {
    await analysisRepository.insertWindows(client, [window(id, 1, one(1))])
    t.same(await update(one(1), client), ['stored'], 'it comes together with its window')
  })
})

t.test('nor is what the model said late, nor are frames counted', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, one(1)))
  const { emotion: refinedEmotion, confidence: refinedConfidence, scores: refinedScores } = readingOf('angry')
  const late = (lease: Fence) =>
    analysisRepository.updateRefined(database.sql, [
      { sessionId: id, window: 1, ...lease, refinedEmotion, refinedConfidence, refinedScores },
    ])
  const count = (lease: Fence) =>
    analysisRepository.updateReceived(database.sql, [{ sessionId: id, ...lease, frames: 7 }])
  const refined = async () => (await orm.select().from(emotionWindows).where(sql`session_id = ${id}`))[0]
  await claimed(id, 'two')
  await late(one(1))
  await count(one(1))
  await late(one(2))
  await count(one(2))
  t.equal((await refined())?.refinedEmotion, null)
  t.match(await row(id), { landmarkCount: 40 })
  await late(two(2))
  await count(two(2))
  t.equal((await refined())?.refinedEmotion, 'angry')
  t.match(await row(id), { landmarkCount: 47 })
})

t.test('a try after a commit that was never confirmed counts as stored, and nothing twice', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  const writes = [window(id, 1, one(1)), window(id, 2, one(1))]
  await insert(...writes)
  t.same(await insert(...writes, window(id, 3, one(1))), ['stored', 'stored', 'stored'])
  t.equal(await stored(id), 3)
  t.match(await row(id), { landmarkCount: 120 })
})

t.test('a window that an earlier owner has stored is not ours', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, one(1)))
  await claimed(id, 'two')
  t.same(await insert(window(id, 1, two(2), 99)), ['taken'])
  t.match(await row(id), { landmarkCount: 40 })
})

t.test(
  'a window that ended before the next claim is stored, also when a failover lost our claim',
  async (t) => {
    for (const isLost of [false, true]) {
      const id = await start()
      await claimed(id, 'one')
      await database.sql`update sessions set started_at = now() - interval '25 seconds' where id = ${id}`
      if (isLost) await database.sql`update sessions set lease_owner = null, lease_epoch = 0 where id = ${id}`
      const epoch = await claimed(id, 'two')
      t.equal(epoch, isLost ? 1 : 2)
      t.same(await insert(window(id, 2, one(1)), window(id, 3, one(1))), ['stored', 'lost'])
      t.same(await insert(window(id, 3, two(epoch ?? 0))), ['stored'])
    }
  },
)

t.test('a window that began after the end is not stored, and the one that was open is', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  const endedAt = new Date(((await row(id))?.startedAt.getTime() ?? 0) + 15_000)
  await sessionsRepository.update(orm, id, { status: 'ended', endedAt, endAnswer: {} })
  t.same(await insert(window(id, 1, one(1)), window(id, 2, one(1)), window(id, 3, one(1))), [
    'stored',
    'stored',
    'taken',
  ])
  t.equal(await stored(id), 2)
})

t.test('the lease of a session that has ended is not renewed, and not lost to anybody', async (t) => {
  const [live, ended] = [await start(), await start()]
  for (const id of [live, ended]) await claimed(id, 'one', false, 1000)
  await sessionsRepository.update(orm, ended, { status: 'ended', endedAt: new Date(), endAnswer: {} })
  const until = async (id: string) => (await row(id))?.leaseUntil?.getTime() ?? 0
  const before = await until(ended)
  t.same(await renew('one', ...[live, ended].map((sessionId) => ({ sessionId, epoch: 1 }))), NONE)
  t.equal(await until(ended), before)
  t.ok((await until(live)) > before)
})

t.test('a claim waits for windows that are being stored, and later ones find it', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  const letGo = await storing(window(id, 1, one(1)))
  const taking = claimed(id, 'two')
  await blockedQuery(database)
  await letGo()
  t.equal(await taking, 2)
  t.same(await database.sql`select max("window") as last from emotion_windows where session_id = ${id}`, [
    { last: 1 },
  ])
  t.same(await insert(window(id, 2, one(1))), ['lost'])
})

/** Lets `transaction` do its work and leaves it open, at `hold`, until the function that it resolves with is called. */
async function holding(transaction: (hold: () => Promise<void>) => Promise<unknown>) {
  let commit: () => void = () => undefined
  const committed = new Promise<void>((resolve) => {
    commit = resolve
  })
  let begun: () => void = () => undefined
  const inside = new Promise<void>((resolve) => {
    begun = resolve
  })
  const done = transaction(() => {
    begun()
    return committed
  })
  await inside
  return async () => {
    commit()
    await done
  }
}

/** Stores a window in a transaction that stays open. */
const storing = (write: ReturnType<typeof window>) =>
  holding((hold) =>
    database.sql.begin(async (client) => {
      await analysisRepository.insertWindows(client, [write])
      await hold()
    }),
  )

/** Claims as an instance makes them, with the number of its statements. */
function claimsOf(owner: string) {
  const asked: (readonly string[])[] = []
  const mine = { owner, ttlMs: 60_000 }
  const claimOne = createClaims({
    usersOf: (ids) => leaseRepository.listUsers(database.sql, ids),
    claim: (ids) => {
      asked.push(ids)
      return claim(database.sql, ids, { ...mine, onlyFree: false, patient: false })
    },
    claimPatiently: (id, onlyFree) => claim(database.sql, [id], { ...mine, onlyFree, patient: true }),
    progressOf: (ids) => leaseRepository.listProgress(database.sql, ids),
  })
  return {
    asked,
    claimOne: (id: string, admit?: (userId: number) => void) => claimOne(id, { onlyFree: false, admit }),
  }
}

t.test('claims that arrive together share a statement and each gets its own session', async (t) => {
  const ids = await Promise.all(Array.from({ length: 40 }, start))
  const [first = '', second = '', ended = ''] = ids
  await claimed(first, 'one')
  await insert(window(first, 4, one(1)))
  await database.sql`update emotion_windows set delivered_at = now() where session_id = ${first}`
  await claimed(second, 'one')
  await insert(window(second, 7, one(1)))
  await sessionsRepository.update(orm, ended, { status: 'ended', endedAt: new Date(), endAnswer: {} })
  const { asked, claimOne } = claimsOf('two')
  const results = await Promise.all([...ids, 'sess_unknown', first].map((id) => claimOne(id)))
  t.equal(asked.length, 1)
  t.same(
    results.map((result) => result?.session.id),
    [...ids.map((id) => (id === ended ? undefined : id)), undefined, first],
  )
  t.match(results[0], { before: 'one', progress: { lastWindow: 4, hasUndelivered: false } })
  t.match(results[1], { before: 'one', progress: { lastWindow: 7, hasUndelivered: true } })
  t.match(results[3], { before: null, progress: { lastWindow: 0, hasUndelivered: false } })
  t.same(results[3]?.session, await row(ids[3] ?? ''), 'the row as everybody reads it')
  await t.rejects(claimsOf('three').claimOne('with a \0'), 'a fault of the database is told to who asked')
})

t.test(
  'a row that somebody holds on to delays its own claim alone, which then sees what was stored',
  async (t) => {
    const [held, free] = [await start(), await start()]
    await claimed(held, 'one')
    const letGo = await storing(window(held, 1, one(1)))
    const { claimOne } = claimsOf('two')
    const waiting = claimOne(held)
    t.match(await claimOne(free), { session: { id: free, leaseOwner: 'two' } })
    await blockedQuery(database)
    await letGo()
    t.match(await waiting, { session: { leaseEpoch: 2 }, progress: { lastWindow: 1, hasUndelivered: true } })
  },
)

t.test('a report waits for results that are being stored at that moment', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, one(1)))
  const endedAt = new Date(Date.now() + 15_000)
  await sessionsRepository.update(orm, id, { status: 'ended', endedAt, endAnswer: {} })
  const letGo = await storing(window(id, 2, one(1)))
  const service = createReportService({
    database,
    repository: reportsRepository,
    vault: plainVault,
    onFinalised: () => undefined,
    graceMs: 60_000,
  })
  const making = service.finalise(id, 'one')
  await blockedQuery(database)
  await letGo()
  await making
  const [report] = await database.sql`
    select (content #>> '{statistics,windows}')::int as windows from reports where session_id = ${id}`
  t.equal(report?.['windows'], 2)
})

t.test('who is there is marked, but for a row that is busy', async (t) => {
  const [busy, here, ended] = [await start(), await start(), await start()]
  await database.sql`update sessions set seen_at = 'epoch' where id in ${database.sql([busy, here, ended])}`
  await sessionsRepository.update(orm, ended, { status: 'ended', endedAt: new Date(), endAnswer: {} })
  const letGo = await holding((hold) =>
    orm.transaction(async (tx) => {
      await sessionsRepository.lock(tx, busy)
      await hold()
    }),
  )
  await leaseRepository.touch(database.sql, [busy, here, ended, 'sess_unknown'])
  await letGo()
  const seen = await Promise.all([busy, here, ended].map(async (id) => Number((await row(id))?.seenAt)))
  t.same(
    seen.map((at) => at > 0),
    [false, true, false],
  )
})

t.test('devices that nobody can use any more are forgotten, a bounded number at a time', async (t) => {
  await database.sql`
    insert into refresh_families (id, user_id, expires_at)
    select 'old ' || n, ${user.id}, now() - interval '2 days' - n * interval '1 hour' from generate_series(1, 5) as n`
  await database.sql`
    insert into refresh_families (id, user_id, expires_at, revoked_at) values
      ('expired just now', ${user.id}, now() - interval '1 hour', null),
      ('revoked', ${user.id}, now() + interval '1 hour', now()),
      ('alive', ${user.id}, now() + interval '1 hour', null)`
  const id = await start()
  await database.sql`update sessions set family_id = 'old 5' where id = ${id}`
  t.equal(await sessionsRepository.deleteExpiredFamilies(orm, 3), 3)
  const left = async () =>
    (await database.sql`select id from refresh_families order by expires_at, id`).map((one) =>
      String(one['id']),
    )
  t.same(await left(), ['old 2', 'old 1', 'expired just now', 'alive', 'revoked'], 'the oldest first')
  t.equal(await sessionsRepository.deleteExpiredFamilies(orm, 3), 2)
  t.equal(await sessionsRepository.deleteExpiredFamilies(orm, 3), 0)
  t.same(await left(), ['expired just now', 'alive', 'revoked'])
  t.match(await row(id), { status: 'active', familyId: null }, 'what such a device had started goes on')
})
