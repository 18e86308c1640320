import t from 'tap'
import {
  CHECKPOINT,
  type ChainHash,
  createChainHash,
  type Details,
  SEALED,
  toHeadText,
} from '../../src/features/audit/chain.ts'
import { auditRepository as repository } from '../../src/features/audit/repository.ts'
import { createAudit, RETENTION_BATCH } from '../../src/features/audit/service.ts'
import { verifyTrail } from '../../src/features/audit/verify.ts'
import { ChainWriter } from '../../src/features/audit/writer.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { cli } from '../helpers/cli.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const hash = createChainHash(SECRET)
const FOREIGN = createChainHash('write access to the database does not include the secret')
const { signal } = new AbortController()

type Failing = { fail: boolean; lateCommit: boolean }

/** The trail of one instance. */
function instance(database: TestDatabase, name: string, hashed: ChainHash = hash) {
  const faults: Failing = { fail: false, lateCommit: false }
  const lost: number[] = []
  const chain = `${name}-${hashed.mark}`
  const writer = new ChainWriter({
    chain,
    hash: hashed,
    write: async (rows) => {
      if (faults.fail) throw new Error('away')
      await repository.insert(database.sql, rows)
      if (faults.lateCommit) {
        faults.lateCommit = false
        throw new Error('the commit was not confirmed')
      }
    },
    onRetry: () => undefined,
    onLost: (count) => void lost.push(count),
  })
  const trail = createAudit({
    database,
    repository,
    writer,
    chain,
    hashes: [hash],
    pseudonymOf: async (userId) => `person ${userId}`,
  })
  return { chain, writer, trail, faults, lost }
}

const verify = (database: TestDatabase, hashes = [hash]) =>
  verifyTrail({ orm: database.orm, repository, hashes })
const kinds = async (database: TestDatabase) =>
  (await verify(database)).findings.map(({ kind, chain, place }) => `${kind} ${chain.split('-')[0]} ${place}`)

/** Two chains of ten rows that have sealed each other. */
async function sealedTrails(t: Parameters<typeof createTestDatabase>[0]) {
  const database = await createTestDatabase(t)
  const one = instance(database, 'one')
  const two = instance(database, 'two')
  for (const { trail } of [one, two])
    for (let userId = 1; userId <= 10; userId++)
      trail.record({ event: 'authn_login_success', userId, address: '203.0.113.7' })
  for (const { writer } of [one, two]) await writer.settled(60_000)
  for (const { trail, writer } of [one, two]) {
    await trail.seal()
    await writer.settled(60_000)
  }
  return { database, one, two }
}

t.test('verification of an unchanged trail finds no fault', async (t) => {
  const { database } = await sealedTrails(t)
  t.same(await verify(database), { chains: 2, rows: 22, findings: [], losses: [] })
  const other = createChainHash('another secret, of more than 32 characters')
  t.match(
    (await verify(database, [other])).findings,
    [{ kind: 'unproven' }, { kind: 'unproven' }],
    'all chains are unproven with another secret',
  )
})

/** Only the owner of the table can do this. */
const switchOffGuard = ({ sql }: TestDatabase) => sql`alter table audit_log disable trigger user`

t.test('the table of the trail is append-only', async (t) => {
  const { database, one } = await sealedTrails(t)
  const { sql, orm } = database
  const refused = async (what: string, work: (tx: typeof sql) => Promise<unknown>) =>
    t.rejects(work(sql), { message: /the audit trail is append-only/ }, what)
  await refused('an update', (tx) => tx`update audit_log set event = 'never' where place = 4`)
  await refused('an update without a change', (tx) => tx`update audit_log set place = place where place = 4`)
  await refused('a deletion', (tx) => tx`delete from audit_log where place = 4`)
  await refused('a truncation', (tx) => tx`truncate audit_log cascade`)
  await refused(
    'an update instead of an insert',
    (tx) => tx`
      insert into audit_log select * from audit_log where place = 4
      on conflict (chain, place) do update set event = 'never'`,
  )
  for (const days of ['0', '-1', '1', ''])
    await t.rejects(
      sql.begin(async (tx) => {
        await tx`select set_config('maeum.audit_kept_days', ${days}, true)`
        await tx`delete from audit_log where place = 4`
      }),
      { message: /append-only/ },
      `rows of today cannot be deleted: ${days}`,
    )
  t.equal(await one.trail.retain(1, signal), 0)
  t.same(await verify(database), { chains: 2, rows: 22, findings: [], losses: [] }, 'all rows exist')
  t.equal(await repository.isGuarded(orm), true)
  await switchOffGuard(database)
  t.equal(await repository.isGuarded(orm), false, 'a disabled trigger is detected')
})

t.test('every change of a row is found', async (t) => {
  const { database, one, two } = await sealedTrails(t)
  const { sql } = database
  await switchOffGuard(database)
  const tamper = async (name: string, work: (tx: typeof sql) => Promise<unknown>, expected: string[]) => {
    await sql`create table kept as select * from audit_log`
    await work(sql)
    t.same(await kinds(database), expected, name)
    await sql`delete from audit_log`
    await sql`insert into audit_log select * from kept`
    await sql`drop table kept`
    t.same(await kinds(database), [], 'no fault after the rows are restored')
  }
  const { chain } = one
  const changes: [string, string][] = [
    ['event', `event = 'authn_logout'`],
    ['actor', `actor = 'person 99'`],
    ['subject', 'subject = null'],
    ['time', `at = at - interval '1 millisecond'`],
    ['address', `address = '198.51.100.0/24'`],
    ['details', `details = '{"a": 1}'`],
  ]
  for (const [what, set] of changes)
    await tamper(
      `changed: ${what}`,
      () => sql.unsafe(`update audit_log set ${set} where chain = '${chain}' and place = 4`),
      ['altered one 4'],
    )
  await tamper('missing', () => sql`delete from audit_log where chain = ${chain} and place = 4`, [
    'missing one 4',
  ])
  await tamper(
    'the first rows missing',
    () => sql`delete from audit_log where chain = ${chain} and place < 3`,
    ['missing one 1'],
  )
  await tamper(
    'reordered',
    () => sql`update audit_log set place = case place when 4 then 105 when 5 then 104 end
              where chain = ${chain} and place in (4, 5)`,
    ['missing one 4', 'missing one 12', 'altered one 105', 'altered one 105'],
  )
  await tamper('swapped in place', async () => {
    await sql`update audit_log set place = place + 100 where chain = ${chain} and place in (4, 5)`
    await sql`update audit_log set place = case place when 104 then 5 else 4 end
                where chain = ${chain} and place > 100`
  }, ['altered one 4', 'altered one 4', 'altered one 5', 'altered one 5', 'altered one 6'])
  await tamper(
    'the last rows missing',
    () => sql`delete from audit_log where chain = ${two.chain} and place > 8`,
    ['missing two 10'],
  )
  await tamper('a whole chain missing', () => sql`delete from audit_log where chain = ${chain}`, [
    'missing one 11',
  ])
  await tamper('a chain rewritten with another secret', async () => {
    let previous = ''
    for (const row of await repository.listRows(database.orm, chain, 1, 100)) {
      const linked = FOREIGN.link({ ...row, actor: 'person 99', previous })
      previous = linked.hash
      await sql`update audit_log set actor = ${linked.actor}, previous = ${linked.previous}, hash = ${linked.hash}
                  where chain = ${chain} and place = ${row.place}`
    }
  }, [...Array.from({ length: 11 }, (_, i) => `altered one ${i + 1}`), 'altered one 11'])
})

t.test('the trail stays verifiable after old rows are deleted', async (t) => {
  const database = await createTestDatabase(t)
  const { sql } = database
  const old = instance(database, 'old')
  const now = instance(database, 'now')
  const aged = (days: number, event: string, details: Details = {}) =>
    old.writer.add({
      at: new Date(Date.now() - days * 86_400_000),
      event,
      actor: null,
      subject: null,
      address: null,
      details,
    })
  for (let i = 0; i < 6; i++) aged(500 - i, 'long ago')
  aged(1, 'yesterday')
  await old.writer.settled(60_000)
  await now.trail.seal()
  await now.writer.settled(60_000)

  t.equal(await now.trail.retain(400, signal), 6)
  const left = await sql`select event from audit_log where chain = ${old.chain}`
  t.same(
    left.map(({ event }) => event),
    ['yesterday'],
  )
  t.same((await verify(database)).findings, [], 'the remaining rows are valid')
  await t.rejects(sql`delete from audit_log where chain = ${old.chain}`, { message: /append-only/ })
  await switchOffGuard(database)
  await sql`update audit_log set event = 'never' where chain = ${old.chain}`
  t.same(await kinds(database), ['altered old 7'])
  await sql`update audit_log set event = 'yesterday' where chain = ${old.chain}`
  await sql`delete from audit_log where event = 'audit_checkpoint'`
  t.ok(
    (await kinds(database)).includes('missing old 1'),
    'without the checkpoint the deleted rows are missing',
  )
  t.equal(await now.trail.retain(400, signal), 0, 'no row is old enough')
  for (const { writer } of [old, now]) await writer.close(10_000)
})

/** A chain with `count` old rows and one row of today. */
async function agedTrail(t: Parameters<typeof createTestDatabase>[0], count: number) {
  const database = await createTestDatabase(t)
  const [old, now] = [instance(database, 'old'), instance(database, 'now')]
  const { chain } = old
  const row = { chain, event: 'long ago', actor: null, subject: null, address: null, details: {} }
  let previous = ''
  const rows = Array.from({ length: count + 1 }, (_, i) => {
    const at = i < count ? new Date(Date.now() - 500 * 86_400_000) : new Date()
    const linked = hash.link({ ...row, at, place: i + 1, previous })
    previous = linked.hash
    return linked
  })
  await repository.insert(database.sql, rows)
  t.teardown(() => now.writer.close(10_000))
  return { database, old, now }
}

t.test('old rows are deleted in batches, and the trail is valid after each of them', async (t) => {
  const count = 2 * RETENTION_BATCH + 3
  const { database, old, now } = await agedTrail(t, count)
  const { sql } = database
  await sql`create table pieces (taken int)`
  await sql`
    create function count_piece() returns trigger language plpgsql as $$
    begin insert into pieces select count(*) from gone; return null; end $$`
  await sql`
    create trigger count_pieces after delete on audit_log referencing old table as gone
    for each statement execute function count_piece()`
  await sql`
    create function fail_once() returns trigger language plpgsql as $$
    begin if (select count(*) from pieces) = 1 then raise 'the power is gone'; end if; return null; end $$`
  await sql`create trigger fail_once before delete on audit_log for each statement execute function fail_once()`

  await t.rejects(now.trail.retain(400, signal), { cause: { message: 'the power is gone' } })
  const [first] = await repository.listRows(database.orm, old.chain, 1, 1)
  t.equal(first?.place, RETENTION_BATCH + 1, 'one batch was deleted')
  t.same((await verify(database)).findings, [], 'the remaining rows are valid')
  await sql`drop trigger fail_once on audit_log`
  t.equal(await now.trail.retain(400, signal), count - RETENTION_BATCH)
  const pieces = await sql`select taken from pieces where taken > 0 order by taken`
  t.same(
    pieces.map(({ taken }) => Number(taken)),
    [3, RETENTION_BATCH, RETENTION_BATCH],
  )
  t.same((await verify(database)).findings, [])
})

t.test('retention attests neither rows deleted by others nor forged rows', async (t) => {
  const { database, old, now } = await agedTrail(t, 6)
  const { sql, orm } = database
  const today = instance(database, 'today')
  for (let userId = 1; userId <= 5; userId++) today.trail.record({ event: 'authn_login_success', userId })
  await today.writer.settled(60_000)
  const [last] = await repository.listRows(orm, today.chain, 5, 1)
  await switchOffGuard(database)
  await sql`delete from audit_log where chain = ${today.chain} and place <= 2`
  await sql`
    insert into audit_log (chain, place, at, event, details, previous, hash)
    values (${today.chain}, 6, now() - interval '500 days', 'forged', '{}', ${last?.hash ?? ''}, ${last?.hash ?? ''})`
  t.equal(await now.trail.retain(400, signal), 6, 'the old rows are deleted')
  t.same(await kinds(database), ['missing today 1', 'altered today 6'])
  t.equal((await repository.listRows(orm, old.chain, 1, 10)).length, 1)
})

/** Output and exit code of `maeum audit verify`. */
async function runVerification(database: TestDatabase, ...flags: string[]) {
  const { code, out } = await cli(database, ['audit', 'verify', ...flags])
  return { said: out.join('\n'), code }
}

/** Adds a checkpoint for the heads, hashed with another secret. */
async function forgeCheckpoint({ sql }: TestDatabase, heads: Details) {
  const chain = `forged-${FOREIGN.mark}`
  const row = { place: 1, at: new Date(), actor: null, subject: null, address: null, details: heads }
  await repository.insert(sql, [FOREIGN.link({ ...row, chain, event: CHECKPOINT, previous: '' })])
}

t.test('a checkpoint hashed with another secret is ignored', async (t) => {
  const { database, one, two } = await sealedTrails(t)
  const { sql, orm } = database
  const three = instance(database, 'three')
  await three.trail.seal()
  await three.writer.settled(60_000)
  const headOf = async (chain: string, place: number) => {
    const row = await repository.findRow(orm, chain, place)
    return row === undefined ? '' : toHeadText(row)
  }
  const heads = { [one.chain]: await headOf(one.chain, 7), [two.chain]: await headOf(two.chain, 11) }
  await sql`alter table audit_log disable trigger user`
  await sql`delete from audit_log where chain = ${one.chain} and place <= 7`
  await sql`delete from audit_log where chain = ${two.chain}`
  await forgeCheckpoint(database, heads)
  await sql`alter table audit_log enable trigger user`
  const found = ['unproven forged 0', 'missing one 1', 'missing two 10', 'missing two 11']
  t.same((await kinds(database)).sort(), found.sort())
  const answer = await runVerification(database, '--allow-unproven')
  t.match(answer, { code: 1, said: /3 faults, 1 chains are unproven/ })
})

t.test('a checkpoint or seal with an invalid hash is ignored', async (t) => {
  const { database, one, two } = await sealedTrails(t)
  const { sql, orm } = database
  const [last] = await repository.listRows(orm, one.chain, 7, 1)
  await switchOffGuard(database)
  await sql`delete from audit_log where chain = ${one.chain} and place <= 7`
  const heads = JSON.stringify({ [one.chain]: last && toHeadText(last) })
  for (const [event, place] of [
    [CHECKPOINT, 12],
    [SEALED, 13],
  ] as const)
    await sql`
      insert into audit_log (chain, place, at, event, details, previous, hash)
      select chain, ${place}, at, ${event}, ${heads}::text::jsonb, hash, hash from audit_log
      where chain = ${two.chain} and place = 11`
  const found = await kinds(database)
  t.ok(found.includes('missing one 1'), found.join(', '))
  t.notOk(found.includes('missing one 7'), 'an invalid seal causes no finding')
})

t.test('an unproven chain fails the verification unless the operator allows it', async (t) => {
  const { database } = await sealedTrails(t)
  const older = instance(database, 'older', FOREIGN)
  older.trail.record({ event: 'authn_login_success' })
  await older.writer.settled(60_000)
  const said = /nothing is missing or altered in what can be proven, 1 chains are unproven$/
  t.match(await runVerification(database), { code: 1, said })
  t.match(await runVerification(database, '--allow-unproven'), { code: 0, said })
})

t.test('many unproven chains do not hide an altered row', async (t) => {
  const { database, one } = await sealedTrails(t)
  const { sql } = database
  await switchOffGuard(database)
  await sql`update audit_log set event = 'never' where chain = ${one.chain} and place = 4`
  await sql`
    insert into audit_log (chain, place, at, event, details, previous, hash)
    select 'a' || i || '-00000000', 1, now(), 'noise', '{}', '', repeat('x', 43) from generate_series(1, 1100) i`
  t.ok((await kinds(database)).includes('altered one 4'))
})

const EXCESS = { event: 'excess_connections', details: { reason: 'address' } } as const

t.test('events that an unauthenticated client can repeat are written once and then counted', async (t) => {
  const database = await createTestDatabase(t)
  const { trail, writer } = instance(database, 'one')
  t.teardown(() => writer.close(10_000))
  const rows = async () => {
    await writer.settled(60_000)
    const found = await database.sql<{ text: string }[]>`
      select event || ' ' || coalesce(address, '-') || ' ' || details::text as text from audit_log order by place`
    return found.map((row) => row.text)
  }
  for (let i = 0; i < 500; i++) trail.record({ ...EXCESS, address: `203.0.113.${i % 250}` })
  trail.record({ ...EXCESS, address: '198.51.100.1' })
  for (let i = 0; i < 3; i++) trail.record({ event: 'authn_login_throttled', userId: 7 })
  const first = [
    'excess_connections 203.0.113.0/24 {"reason": "address"}',
    'excess_connections 198.51.100.0/24 {"reason": "address"}',
    'authn_login_throttled - {}',
  ]
  t.same(await rows(), first, 'at once')
  trail.writeRepeats()
  const counted = [
    'excess_connections 203.0.113.0/24 {"count": 499, "reason": "address"}',
    'authn_login_throttled - {"count": 2}',
  ]
  t.same(await rows(), [...first, ...counted], 'a minute later')
  trail.record({ ...EXCESS, address: '203.0.113.9' })
  trail.record({ ...EXCESS, address: '198.51.100.1' })
  trail.writeRepeats()
  trail.writeRepeats()
  t.same(
    (await rows()).slice(5),
    [first[1], 'excess_connections 203.0.113.0/24 {"count": 1, "reason": "address"}'],
    'a continuing event stays counted, an event that had stopped is written again',
  )
})

t.test('events from many networks do not fill the trail', async (t) => {
  const database = await createTestDatabase(t)
  const { trail, writer } = instance(database, 'one')
  t.teardown(() => writer.close(10_000))
  for (let i = 0; i < 9000; i++) trail.record({ ...EXCESS, address: `10.${i >> 8}.${i & 255}.1` })
  trail.writeRepeats()
  await writer.settled(60_000)
  const [found] = await database.sql`
    select count(*)::int as rows, sum((details->>'count')::int)::int as counted from audit_log`
  t.same(found, { rows: 1002, counted: 7999 }, 'all of them are counted')
})

t.test('an outage delays the trail, and the count of dropped events is recorded', async (t) => {
  const database = await createTestDatabase(t)
  const { trail, writer, faults, lost } = instance(database, 'one')
  faults.fail = true
  for (let i = 0; i < 10_005; i++) trail.record({ event: 'authn_login_success' })
  t.equal(
    lost.reduce((sum, one) => sum + one, 0),
    5,
    'bounded',
  )
  faults.fail = false
  faults.lateCommit = true
  await writer.settled(60_000)
  const found = await verify(database)
  t.same(found.findings, [], 'a repeated batch is stored once')
  t.equal(found.rows, 10_001)
  const [lossRow] = await database.sql`select details from audit_log where event = 'audit_lost'`
  t.match(JSON.stringify(lossRow?.['details']), /5/)
})

t.test('the trail contains the events of accounts and no contents', async (t) => {
  const server = await startTestApp(t)
  const { sql } = server.database
  const account = await createAccount(server)
  const other = await createAccount(server)
  const { email, password } = account
  const login = (word: string) =>
    server.app.inject({ method: 'POST', url: '/api/auth/login', payload: { email, password: word } })
  t.equal((await login('not this one')).statusCode, 401)
  t.equal((await login(password)).statusCode, 200)
  await server.app.inject({
    method: 'POST',
    url: '/api/user/consent',
    headers: bearer(account.accessToken),
    payload: { purpose: 'emotion_analysis', textVersion: '1', locale: 'ko' },
  })
  const rows = await eventually(
    () => sql`select event, actor, subject, address, details::text as details from audit_log order by place`,
    (found) => found.length >= 6,
  )
  t.match(
    rows.map(({ event }) => event),
    [
      'audit_opened',
      'user_created',
      'user_created',
      'authn_login_fail',
      'authn_login_success',
      'sensitive_create',
    ],
  )
  const [, mine, others, fail, success] = rows
  t.match(mine?.['actor'], /^[\w-]{22}$/, 'a pseudonym')
  t.not(mine?.['actor'], others?.['actor'])
  t.equal(success?.['actor'], mine?.['actor'], 'the same each time')
  t.equal(fail?.['actor'], null, 'a failed login has no actor')
  t.equal(fail?.['subject'], mine?.['subject'])
  t.equal(success?.['address'], '127.0.0.0/24')
  const text = JSON.stringify(rows)
  for (const secret of [email, password, other.email, 'not this one', account.accessToken])
    t.notOk(text.includes(secret))
  t.same((await verifyTrail({ orm: server.database.orm, repository, hashes: [hash] })).findings, [])

  await server.app.close()
  const [last] = await sql`select event from audit_log order by place desc limit 1`
  t.equal(last?.['event'], 'audit_closed', 'waiting events are written at shutdown')
})

t.test('handshakes refused by a socket limit do not fill the trail', async (t) => {
  const server = await startTestApp(t, { env: { SOCKETS_PER_ADDRESS: '1' } })
  const { wsUrls } = await startSession(server, await createAccount(server))
  await connect(t, wsUrls.landmarks)
  for (let i = 0; i < 25; i++) await t.rejects(connect(t, wsUrls.session), /429/)
  await server.app.close()
  const rows = await server.database.sql<{ text: string }[]>`
    select address || ' ' || details::text as text from audit_log where event = 'excess_connections' order by place`
  t.same(
    rows.map(({ text: row }) => row),
    ['127.0.0.0/24 {"reason": "address"}', '127.0.0.0/24 {"count": 24, "reason": "address"}'],
  )
})
