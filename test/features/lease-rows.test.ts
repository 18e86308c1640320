import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import t from 'tap'
import * as schema from '../../src/db/schema/index.ts'
import { parseDatabaseUrl } from '../../src/db/url.ts'
import { analysisRepository, type NewWindowRow } from '../../src/features/analysis/repository.ts'
import { sessionsRepository } from '../../src/features/sessions/repository.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { readingOf } from '../helpers/scripted-model.ts'

const { emotionWindows, sessions, users } = schema
const database = await createTestDatabase(t)
const { orm } = database
const { claim, renewLeases } = sessionsRepository

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
  (await claim(orm, id, { owner, ttlMs, onlyFree }))?.session.leaseEpoch
const window = (sessionId: string, number: number, epoch: number, framesReceived = 40) => {
  const row: NewWindowRow = {
    sessionId,
    window: number,
    epoch,
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
  return { epoch, row }
}
const insert = (...writes: ReturnType<typeof window>[]) =>
  orm.transaction((tx) => analysisRepository.insertWindows(tx, writes))
const stored = (id: string) => orm.$count(emotionWindows, sql`${emotionWindows.sessionId} = ${id}`)
const row = async (id: string) => (await sessionsRepository.find(orm, id))?.session

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
  await sessionsRepository.releaseLeases(orm, [{ sessionId: id, epoch: 2 }])
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

t.test('a lease is renewed and released by its epoch alone', async (t) => {
  const id = await start()
  const other = await start()
  await claimed(id, 'one')
  await claimed(id, 'two', false, 1000)
  await claimed(other, 'one', false, 1000)
  const before = await row(id)
  t.same(await renewLeases(orm, [{ sessionId: id, epoch: 1 }], 60_000), [])
  t.same((await row(id))?.leaseUntil, before?.leaseUntil, 'an old epoch renews nothing')
  const keys = [
    { sessionId: id, epoch: 2 },
    { sessionId: other, epoch: 1 },
    { sessionId: 'sess_unknown', epoch: 1 },
  ]
  t.same((await renewLeases(orm, keys, 60_000)).sort(), [id, other].sort())
  t.ok(Number((await row(id))?.leaseUntil) > Number(before?.leaseUntil))
  await sessionsRepository.releaseLeases(orm, [{ sessionId: id, epoch: 1 }])
  t.equal((await row(id))?.leaseOwner, 'two', 'an old epoch releases nothing')
  await sessionsRepository.releaseLeases(orm, [{ sessionId: id, epoch: 2 }])
  t.match(await row(id), { leaseOwner: null, leaseUntil: null, leaseEpoch: 2 })
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
  const keys = ids.map((sessionId) => ({ sessionId, epoch: 1 }))
  const renewed = await renewLeases(drizzle(watched, { schema }), keys, 60_000)
  t.equal(renewed.length, 5000)
  t.equal(statements.length, 1)
  t.match(statements[0], /^update "sessions"/)
})

t.test('what carries an old epoch is not stored', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  t.same([...(await insert(window(id, 1, 1)))], [analysisRepository.keyOf({ sessionId: id, window: 1 })])
  await claimed(id, 'two')
  t.same([...(await insert(window(id, 2, 1)))], [])
  t.equal(await stored(id), 1)
  t.match(await row(id), { landmarkCount: 40 }, 'nor are its frames counted')
  t.equal((await insert(window(id, 2, 2))).size, 1)
  t.equal((await insert(window('sess_unknown', 1, 0))).size, 0)
})

t.test('an answer that carries an old epoch is not stored, nor a second one', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, 1))
  const { emotion, confidence, uncertain, scores, valence, arousal, dominance } = readingOf('sad')
  const about = { source: 'gemini', model: 'm', modelOutcome: 'answered', latencyMs: 5 } as const
  const reading = { emotion, confidence, uncertain, scores, valence, arousal, dominance }
  const answer = { sessionId: id, window: 1, ...reading, ...about }
  const update = (epoch: number) =>
    orm.transaction((tx) => analysisRepository.updateAnswers(tx, [{ epoch, row: answer }]))
  await claimed(id, 'two')
  t.equal((await update(1)).size, 0)
  t.equal((await update(2)).size, 1)
  t.equal((await update(2)).size, 0)
})

t.test('a try after a commit that was never confirmed counts as stored, and nothing twice', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  const writes = [window(id, 1, 1), window(id, 2, 1)]
  await insert(...writes)
  t.equal((await insert(...writes, window(id, 3, 1))).size, 3)
  t.equal(await stored(id), 3)
  t.match(await row(id), { landmarkCount: 120 })
})

t.test('a window that an earlier owner has stored is not ours', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  await insert(window(id, 1, 1))
  await claimed(id, 'two')
  t.equal((await insert(window(id, 1, 2, 99))).size, 0)
  t.match(await row(id), { landmarkCount: 40 })
})

t.test('a claim waits for windows that are being stored, and later ones find it', async (t) => {
  const id = await start()
  await claimed(id, 'one')
  let commit: () => void = () => undefined
  const committed = new Promise<void>((resolve) => {
    commit = resolve
  })
  let begun: () => void = () => undefined
  const inside = new Promise<void>((resolve) => {
    begun = resolve
  })
  const writing = orm.transaction(async (tx) => {
    await analysisRepository.insertWindows(tx, [window(id, 1, 1)])
    begun()
    await committed
  })
  await inside
  const taking = claimed(id, 'two')
  await blockedQuery(database)
  commit()
  await writing
  t.equal(await taking, 2)
  t.equal(await analysisRepository.findLastWindow(orm, id), 1)
  t.equal((await insert(window(id, 2, 1))).size, 0)
})
