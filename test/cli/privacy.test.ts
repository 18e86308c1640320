import { createPublicKey, verify } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createChainHash } from '../../src/features/audit/chain.ts'
import { auditRepository } from '../../src/features/audit/repository.ts'
import { verifyTrail } from '../../src/features/audit/verify.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { cli, cliJson, SECRET } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'

const ENV = { DATA_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}` }

type Exported = { data: { exportedAt: string; account: { email: string }; auditTrail: { event: string }[] } }

t.test('the export is that of REST, on standard output or in a new file', async (t) => {
  const server = await startTestApp(t, { env: ENV })
  const { app, database } = server
  const account = await createAccount(server)
  const headers = bearer(account.accessToken)
  const payload = { type: 'talk', notes: '상담 메모 7461' }
  await app.inject({ method: 'POST', url: '/api/counselings', headers, payload })
  const strip = ({ data }: Exported) => ({ ...data, exportedAt: '', auditTrail: [] })
  const overRest = (await app.inject({ url: '/api/user/export', headers })).json<Exported>()

  const { code, out, err } = await cli(database, ['export', account.email], { env: ENV })
  t.same({ code, err }, { code: 0, err: [] })
  const printed = JSON.parse(out.join('\n')) as Exported
  t.same(strip(printed), strip(overRest))
  t.match(out.join(''), '상담 메모 7461')

  const file = join(t.testdir(), 'export.json')
  const line = ['export', String(account.id), '--out', file]
  const written = await cliJson<{ bytes: number }>(t, database, line, { env: ENV })
  t.match(written, { exit: 0, user: account.id, file })
  const text = await readFile(file, 'utf8')
  t.equal(Buffer.byteLength(text), written.bytes)
  const stored = JSON.parse(text) as Exported
  t.same(strip(stored), strip(overRest))
  t.ok(
    stored.data.auditTrail.some(({ event }) => event === 'sensitive_read'),
    'the trail has the first export',
  )
  t.equal((await stat(file)).mode & 0o777, 0o600)
  t.match(
    await cli(database, line, { env: ENV }),
    { code: 2, err: [/exists already/] },
    'no file is overwritten',
  )
  t.equal(await readFile(file, 'utf8'), text)
})

t.test('an erasure needs a confirmation and prints the receipt', async (t) => {
  const server = await startTestApp(t, { env: ENV })
  const { app, database } = server
  const [account, other] = [await createAccount(server), await createAccount(server)]
  const socket = await connect(t, (await startSession(server, account)).wsUrls.session)
  const erase = ['erase', account.email]
  const exists = async () => (await database.sql`select 1 from users where id = ${account.id}`).length === 1

  t.match(await cli(database, erase, { env: ENV }), { code: 2, err: [/use --yes$/] })
  const typed = [['Type the e-mail', 'yes']] as const
  const refused = await cli(database, erase, { env: ENV, typed })
  t.equal(refused.code, 2)
  t.equal(refused.err.at(-1), 'not confirmed, nothing was changed')
  t.ok(await exists())

  const confirmed = [['Type the e-mail', account.email]] as const
  const done = await cli(database, erase, { env: ENV, typed: confirmed })
  t.equal(done.code, 0)
  t.match(done.out, [/^user \d+ is erased: 1 sessions, 0 counselings/, /^receipt: /, /^public key: /])
  t.notOk(await exists())
  t.ok([1000, 1008].includes((await socket.closed).code), 'the sockets of the live session are closed')
  await eventually(
    () => app.inject({ url: '/api/auth/me', headers: bearer(account.accessToken) }),
    ({ statusCode }) => statusCode === 401,
  )

  type Receipt = {
    erased: Record<string, number>
    receipt: string
    publicKey: { kty: string; crv: string; x: string }
  }
  const yes = await cliJson<Receipt>(t, database, ['erase', String(other.id), '--yes'], { env: ENV })
  t.match(yes, { exit: 0, user: other.id, erased: { devices: 1 } })
  const [header = '', content = '', signature = ''] = yes.receipt.split('.')
  const key = createPublicKey({ key: yes.publicKey, format: 'jwk' })
  const signed = Buffer.from(`${header}.${content}`)
  t.ok(verify(null, signed, key, Buffer.from(signature, 'base64url')), 'the receipt is signed')
  const { trail } = JSON.parse(Buffer.from(content, 'base64url').toString()) as {
    trail: { chain: string; place: number; hash: string }
  }
  const row = await auditRepository.findRow(database.orm, trail.chain, trail.place)
  t.equal(row?.hash, trail.hash, 'and names a row of the trail')
  t.same(Object.keys(trail).toSorted(), ['chain', 'hash', 'place'], 'without its content')
  t.match(
    await database.sql`select actor from audit_log where event = 'user_deleted' and subject is not null`,
    [{ actor: 'operator' }, { actor: 'operator' }],
  )
  const hashes = [createChainHash(SECRET)]
  t.same((await verifyTrail({ orm: database.orm, repository: auditRepository, hashes })).findings, [])
  t.match(await cli(database, ['erase', account.email, '--yes'], { env: ENV }), {
    code: 2,
    err: [/^there is no such account/],
  })
})

t.test('expired data is erased by command', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const account = await createAccount(server)
  const old = await startSession(server, account)
  const socket = await connect(t, old.wsUrls.session)
  await server.app.inject({
    method: 'POST',
    url: `/api/session/${old.sessionId}/end`,
    headers: bearer(account.accessToken),
  })
  await socket.closed
  const young = await startSession(server, account)
  await server.app.close()
  await database.sql`
    update sessions set started_at = now() - interval '40 days', ended_at = now() - interval '40 days'
    where id = ${old.sessionId}`
  const env = { RETENTION_DAYS: 'sessions=30' }
  const { code, out } = await cli(database, ['retention', 'run'], { env })
  t.same({ code, out }, { code: 0, out: ['erased: 1 sessions'] })
  t.match(await cliJson(t, database, ['retention', 'run'], { env }), { erased: { sessions: 0 }, failed: [] })
  t.same(await database.sql`select id from sessions`, [{ id: young.sessionId }])
  t.match(await cli(database, ['retention', 'run']), { code: 2, err: [/^RETENTION_DAYS: is not set/] })
})
