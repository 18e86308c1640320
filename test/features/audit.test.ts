import t from 'tap'
import { type ChainHash, createChainHash, type Details } from '../../src/features/audit/chain.ts'
import { auditRepository as repository } from '../../src/features/audit/repository.ts'
import { createAudit, networkOf } from '../../src/features/audit/service.ts'
import { verifyTrail } from '../../src/features/audit/verify.ts'
import { ChainWriter } from '../../src/features/audit/writer.ts'
import { bearer, createAccount, startTestApp } from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const hash = createChainHash(SECRET)

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
  for (const { writer } of [one, two]) await writer.settled(10_000)
  for (const { trail, writer } of [one, two]) {
    await trail.seal()
    await writer.settled(10_000)
  }
  return { database, one, two }
}

t.test('a trail that nobody touched is found whole', async (t) => {
  const { database } = await sealedTrails(t)
  t.same(await verify(database), { chains: 2, rows: 22, findings: [] })
  const other = createChainHash('another secret that is long enough for everybody')
  t.match(
    (await verify(database, [other])).findings,
    [{ kind: 'unproven' }, { kind: 'unproven' }],
    'under another secret nothing is proven',
  )
})

/** As who owns the table can, and nobody else. */
const switchOffGuard = ({ sql }: TestDatabase) => sql`alter table audit_log disable trigger user`

t.test('the database lets the trail grow, and nothing else', async (t) => {
  const { database, one } = await sealedTrails(t)
  const { sql, orm } = database
  const refused = async (what: string, work: (tx: typeof sql) => Promise<unknown>) =>
    t.rejects(work(sql), { message: /the audit trail is append-only/ }, what)
  await refused('a change', (tx) => tx`update audit_log set event = 'never' where place = 4`)
  await refused('a change of nothing', (tx) => tx`update audit_log set place = place where place = 4`)
  await refused('a deletion', (tx) => tx`delete from audit_log where place = 4`)
  await refused('everything', (tx) => tx`truncate audit_log cascade`)
  await refused(
    'a change in place of an insert',
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
      `what is of today goes for nobody: ${days}`,
    )
  t.equal(await one.trail.retain(1), 0)
  t.same(await verify(database), { chains: 2, rows: 22, findings: [] }, 'all is there')
  t.equal(await repository.isGuarded(orm), true)
  await switchOffGuard(database)
  t.equal(await repository.isGuarded(orm), false, 'and a guard that is off is seen')
})

t.test('whatever is done to a row is found', async (t) => {
  const { database, one, two } = await sealedTrails(t)
  const { sql } = database
  await switchOffGuard(database)
  const touch = async (name: string, work: (tx: typeof sql) => Promise<unknown>, expected: string[]) => {
    await sql`create table kept as select * from audit_log`
    await work(sql)
    t.same(await kinds(database), expected, name)
    await sql`delete from audit_log`
    await sql`insert into audit_log select * from kept`
    await sql`drop table kept`
    t.same(await kinds(database), [], 'and put back it is whole')
  }
  const { chain } = one
  const changes: [string, string][] = [
    ['event', `event = 'authn_logout'`],
    ['who', `actor = 'person 99'`],
    ['whose', 'subject = null'],
    ['when', `at = at - interval '1 millisecond'`],
    ['from where', `address = '198.51.100.0/24'`],
    ['details', `details = '{"a": 1}'`],
  ]
  for (const [what, set] of changes)
    await touch(
      `changed: ${what}`,
      () => sql.unsafe(`update audit_log set ${set} where chain = '${chain}' and place = 4`),
      ['altered one 4'],
    )
  await touch('missing', () => sql`delete from audit_log where chain = ${chain} and place = 4`, [
    'missing one 4',
  ])
  await touch(
    'the first ones missing',
    () => sql`delete from audit_log where chain = ${chain} and place < 3`,
    ['missing one 1'],
  )
  await touch(
    'reordered',
    () => sql`update audit_log set place = case place when 4 then 105 when 5 then 104 end
              where chain = ${chain} and place in (4, 5)`,
    ['missing one 4', 'missing one 12', 'altered one 105', 'altered one 105'],
  )
  await touch('swapped in place', async () => {
    await sql`update audit_log set place = place + 100 where chain = ${chain} and place in (4, 5)`
    await sql`update audit_log set place = case place when 104 then 5 else 4 end
                where chain = ${chain} and place > 100`
  }, ['altered one 4', 'altered one 4', 'altered one 5', 'altered one 5', 'altered one 6'])
  await touch(
    'the last ones missing',
    () => sql`delete from audit_log where chain = ${two.chain} and place > 8`,
    ['missing two 10'],
  )
  await touch('a whole chain missing', () => sql`delete from audit_log where chain = ${chain}`, [
    'missing one 11',
  ])
  await touch('a chain written anew with another secret', async () => {
    const forged = createChainHash('whoever can write to the database does not know the secret')
    let previous = ''
    for (const row of await repository.listRows(database.orm, chain, 1, 100)) {
      const linked = forged.link({ ...row, actor: 'person 99', previous })
      previous = linked.hash
      await sql`update audit_log set actor = ${linked.actor}, previous = ${linked.previous}, hash = ${linked.hash}
                  where chain = ${chain} and place = ${row.place}`
    }
  }, [...Array.from({ length: 11 }, (_, i) => `altered one ${i + 1}`), 'altered one 11'])
})

t.test('old rows go and the trail still holds', async (t) => {
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
  await old.writer.settled(10_000)
  await now.trail.seal()
  await now.writer.settled(10_000)

  t.equal(await now.trail.retain(400), 6)
  const left = await sql`select event from audit_log where chain = ${old.chain}`
  t.same(
    left.map(({ event }) => event),
    ['yesterday'],
  )
  t.same((await verify(database)).findings, [], 'what is left is proven')
  await t.rejects(sql`delete from audit_log where chain = ${old.chain}`, { message: /append-only/ })
  await switchOffGuard(database)
  await sql`update audit_log set event = 'never' where chain = ${old.chain}`
  t.same(await kinds(database), ['altered old 7'])
  await sql`update audit_log set event = 'yesterday' where chain = ${old.chain}`
  await sql`delete from audit_log where event = 'audit_checkpoint'`
  t.ok((await kinds(database)).includes('missing old 1'), 'and only because it is written that they went')
  t.equal(await now.trail.retain(400), 0, 'nothing is old any more')
  for (const { writer } of [old, now]) await writer.close(10_000)
})

t.test('an outage delays the trail, and what finds no room is confessed', async (t) => {
  const database = await createTestDatabase(t)
  const { trail, writer, faults, lost } = instance(database, 'one')
  faults.fail = true
  for (let i = 0; i < 10_005; i++) trail.record({ event: 'authz_fail' })
  t.equal(
    lost.reduce((sum, one) => sum + one, 0),
    5,
    'bounded',
  )
  faults.fail = false
  faults.lateCommit = true
  await writer.settled(20_000)
  const found = await verify(database)
  t.same(found.findings, [], 'a batch that came twice is there once')
  t.equal(found.rows, 10_001)
  const [confession] = await database.sql`select details from audit_log where event = 'audit_lost'`
  t.match(JSON.stringify(confession?.['details']), /5/)
})

t.test('addresses are kept as networks', async (t) => {
  t.equal(networkOf('203.0.113.7'), '203.0.113.0/24')
  t.equal(networkOf('::ffff:203.0.113.7'), '203.0.113.0/24')
  t.equal(networkOf('2001:db8:7:1::9'), '2001:db8:7::/48')
  t.equal(networkOf('::1'), '0:0:0::/48')
  t.equal(networkOf('nonsense'), null)
})

t.test(
  'what happens to accounts is in the trail of the server, and nothing of what people said',
  async (t) => {
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
      () =>
        sql`select event, actor, subject, address, details::text as details from audit_log order by place`,
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
    t.equal(fail?.['actor'], null, 'whoever guesses is not the owner')
    t.equal(fail?.['subject'], mine?.['subject'])
    t.equal(success?.['address'], '127.0.0.0/24')
    const text = JSON.stringify(rows)
    for (const secret of [email, password, other.email, 'not this one', account.accessToken])
      t.notOk(text.includes(secret))
    t.same((await verifyTrail({ orm: server.database.orm, repository, hashes: [hash] })).findings, [])

    await server.app.close()
    const [last] = await sql`select event from audit_log order by place desc limit 1`
    t.equal(last?.['event'], 'audit_closed', 'what waits at the end is written')
  },
)
