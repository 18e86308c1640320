import t, { type Test } from 'tap'
import { createChainHash, GAP, HEALED, toGapText } from '../../src/features/audit/chain.ts'
import { createHealing } from '../../src/features/audit/healing.ts'
import { auditRepository as repository } from '../../src/features/audit/repository.ts'
import { createAudit } from '../../src/features/audit/service.ts'
import { verifyTrail } from '../../src/features/audit/verify.ts'
import { ChainWriter } from '../../src/features/audit/writer.ts'
import { startTestApp } from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'

const hash = createChainHash('a secret for tests, of more than 32 characters')
const FOREIGN = createChainHash('access to the database does not give the secret away')

/** The trail of one instance, which keeps `maxKept` rows in memory, on a database whose history the test sets. */
function instance(t: Test, database: TestDatabase, name: string, history: { now: string }, maxKept = 100) {
  const { sql, orm } = database
  const chain = `${name}-${hash.mark}`
  const writer = new ChainWriter({
    chain,
    hash,
    write: (rows) => repository.insert(sql, rows),
    onRetry: () => undefined,
    onLost: () => undefined,
    maxKept,
  })
  const trail = createAudit({
    database,
    repository,
    writer,
    chain,
    hashes: [hash],
    pseudonymOf: async (userId) => `person ${userId}`,
  })
  const healing = createHealing({
    chain,
    writer,
    insert: (rows) => repository.insert(sql, rows),
    listPlaces: (named, from) => repository.listPlaces(orm, named, from),
    findPlaceBefore: (named, place) => repository.findPlaceBefore(orm, named, place),
    findHistory: async () => history.now,
    note: trail.note,
    onHealed: () => undefined,
    onGap: () => undefined,
  })
  t.teardown(() => writer.close(10_000))
  const record = async (count: number) => {
    for (let userId = 1; userId <= count; userId++) trail.record({ event: 'authn_login_success', userId })
    await writer.settled(60_000)
  }
  const seal = async () => {
    await healing.heal()
    await trail.seal()
    await writer.settled(60_000)
  }
  return { chain, writer, record, seal }
}

async function unguarded(t: Test): Promise<TestDatabase> {
  const database = await createTestDatabase(t)
  await database.sql`alter table audit_log disable trigger user`
  return database
}

async function verdict({ orm }: TestDatabase) {
  const { findings, losses } = await verifyTrail({ orm, repository, hashes: [hash] })
  return {
    faults: findings.map(({ kind, chain, place }) => `${kind} ${chain.split('-')[0]} ${place}`),
    losses: losses.map(
      ({ chain, from, to, isHealed }) =>
        `${chain.split('-')[0]} ${from} to ${to}: ${isHealed ? 'healed' : 'attested'}`,
    ),
  }
}

const lose = ({ sql }: TestDatabase, chain: string, from: number, to: number) =>
  sql`delete from audit_log where chain = ${chain} and place between ${from} and ${to}`

t.test('rows lost in a failover are written again, and the trail records it', async (t) => {
  const database = await unguarded(t)
  const history = { now: 'first' }
  const one = instance(t, database, 'one', history)
  await one.record(10)
  await one.seal()
  t.same(await verdict(database), { faults: [], losses: [] })
  await lose(database, one.chain, 6, 10)
  await one.record(1)
  t.same((await verdict(database)).faults, ['missing one 6'])
  await one.seal()
  t.same(await verdict(database), { faults: [], losses: ['one 6 to 10: healed'] })
  await one.seal()
  const [row] = await database.sql`select count(*)::int as n from audit_log where event = ${HEALED}`
  t.equal(row?.['n'], 1, 'once')
})

t.test('lost rows that are not in memory are attested if the database has a new history', async (t) => {
  const database = await unguarded(t)
  const history = { now: 'first' }
  const one = instance(t, database, 'one', history, 3)
  await one.record(10)
  await one.seal()
  history.now = 'second'
  await lose(database, one.chain, 5, 10)
  await one.record(2)
  await one.seal()
  t.same(await verdict(database), { faults: [], losses: ['one 10 to 10: healed', 'one 5 to 9: attested'] })
  await one.record(9)
  await one.seal()
  t.same((await verdict(database)).faults, [], 'and it does not change')
  await lose(database, one.chain, 3, 4)
  t.same((await verdict(database)).faults, ['missing one 3'], 'a gap covers only its own rows')
})

t.test('rows that disappear without a new history are missing, also after the next failover', async (t) => {
  const database = await unguarded(t)
  const history = { now: 'first' }
  const one = instance(t, database, 'one', history, 3)
  await one.record(10)
  await one.seal()
  await lose(database, one.chain, 5, 9)
  await one.record(2)
  await one.seal()
  t.same((await verdict(database)).faults, ['missing one 5'])
  history.now = 'second'
  await one.record(1)
  await one.seal()
  await one.seal()
  t.same((await verdict(database)).faults, ['missing one 5'])
})

t.test('a gap that is not attested with the secret is ignored', async (t) => {
  const database = await unguarded(t)
  const { sql, orm } = database
  const history = { now: 'first' }
  const one = instance(t, database, 'one', history, 1)
  await one.record(10)
  await one.seal()
  const last = await repository.findRow(orm, one.chain, 6)
  await lose(database, one.chain, 5, 6)
  const details = { [one.chain]: toGapText({ from: 5, to: 6, hash: last?.hash ?? '' }) }
  const row = { place: 1, at: new Date(), actor: null, subject: null, address: null, previous: '' }
  await repository.insert(sql, [
    FOREIGN.link({ ...row, chain: `forged-${FOREIGN.mark}`, event: GAP, details }),
    FOREIGN.link({ ...row, chain: `two-${hash.mark}`, event: GAP, details }),
  ])
  const { faults, losses } = await verdict(database)
  t.ok(faults.includes('missing one 5'), faults.join(', '))
  t.same(losses, [])
})

t.test('the lost end of a chain without a writer is attested by the chain that sealed it', async (t) => {
  const database = await unguarded(t)
  const history = { now: 'first' }
  const [gone, stays] = [instance(t, database, 'gone', history), instance(t, database, 'stays', history)]
  await gone.record(10)
  await stays.seal()
  await stays.seal()
  history.now = 'second'
  await lose(database, gone.chain, 8, 10)
  t.same((await verdict(database)).faults, ['missing gone 10'])
  await stays.seal()
  t.same(
    (await verdict(database)).faults,
    ['missing gone 10'],
    'its owner may write it again within a minute',
  )
  await stays.seal()
  t.same(await verdict(database), { faults: [], losses: ['gone 8 to 10: attested'] })
})

t.test('a server reads the history of its database', async (t) => {
  const { database } = await startTestApp(t)
  t.match(await repository.findHistory(database.orm), /^\d+ [0-9A-F]{8}$/)
})
