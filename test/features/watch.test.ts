import t from 'tap'
import type { StatusChanged } from '../../src/features/sessions/service.ts'
import { createWatch } from '../../src/features/sessions/watch.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'

type Row = Awaited<ReturnType<Parameters<typeof createWatch>[0]['listChanged']>>[number]

/** A session whose row says that it was moved to `status` at `at`. */
const row = (id: string, { status, at, reason }: StatusChanged, epoch = 1): Row => ({
  id,
  status,
  epoch,
  pausedAt: status === 'paused' ? new Date(at) : null,
  resumedAt: status === 'active' && at > 0 ? new Date(at) : null,
  endedAt: status === 'ended' ? new Date(at) : null,
  endReason: reason,
  moved: at > 0,
})

/** A watch over rows that the test sets, with all it has told. */
function setUp() {
  const told: [string, StatusChanged['status'], number][] = []
  const claimed: [string, number][] = []
  const deleted: string[] = []
  const table = { rows: [] as readonly Row[], gate: Promise.resolve(), looks: 0, here: ['a'], missing: ['x'] }
  const watch = createWatch({
    listChanged: async () => {
      table.looks++
      await table.gate
      return table.rows
    },
    present: () => table.here,
    listMissing: async (ids) => ids.filter((id) => table.missing.includes(id)),
    onDeleted: (sessionId) => deleted.push(sessionId),
    onStatus: (sessionId, { status, at }) => told.push([sessionId, status, at]),
    onClaimed: (sessionId, epoch) => claimed.push([sessionId, epoch]),
  })
  return { watch, table, told, claimed, deleted }
}

const paused: StatusChanged = { status: 'paused', at: 1000, reason: null }
const resumed: StatusChanged = { status: 'active', at: 2000, reason: null }
const ended: StatusChanged = { status: 'ended', at: 3000, reason: 'requested' }

t.test('a change made here is told once, though its notice and its row come as well', async (t) => {
  const { watch, table, told } = setUp()
  table.rows = [row('a', paused)]
  watch.tell('a', paused)
  await watch.look()
  watch.tell('a', paused)
  await watch.look()
  t.same(told, [['a', 'paused', 1000]])
})

t.test(
  'a change of another instance is told once, by notice or by looking, whichever is first',
  async (t) => {
    for (const ways of [
      ['notice', 'look'],
      ['look', 'notice'],
      ['look', 'look'],
      ['notice', 'notice'],
    ]) {
      const { watch, table, told } = setUp()
      table.rows = [row('a', ended)]
      for (const way of ways) {
        if (way === 'look') await watch.look()
        else watch.tell('a', ended)
      }
      t.same(told, [['a', 'ended', 3000]], ways.join(', then '))
    }
  },
)

t.test('each further change is told, and one that arrives after a later one is not', async (t) => {
  const { watch, table, told } = setUp()
  watch.tell('a', paused)
  watch.tell('b', paused)
  table.rows = [row('a', ended)]
  await watch.look()
  watch.tell('a', resumed)
  t.same(told, [
    ['a', 'paused', 1000],
    ['b', 'paused', 1000],
    ['a', 'ended', 3000],
  ])
})

t.test('a session that was only taken over has no change to tell, but a new owner', async (t) => {
  const { watch, table, told, claimed } = setUp()
  table.rows = [row('a', { status: 'active', at: 0, reason: null }, 4)]
  await watch.look()
  t.same([told, claimed], [[], [['a', 4]]])
})

t.test('a session that has a socket here and no row any more is found by looking', async (t) => {
  const { watch, table, deleted } = setUp()
  await watch.look()
  t.same(deleted, [])
  table.here = ['a', 'x']
  await watch.look()
  t.same(deleted, ['x'])
})

t.test('one look at a time', async (t) => {
  const { watch, table, told } = setUp()
  let open: () => void = () => undefined
  table.gate = new Promise((resolve) => {
    open = resolve
  })
  table.rows = [row('a', ended)]
  const looks = [watch.look(), watch.look(), watch.look()]
  open()
  await Promise.all(looks)
  t.equal(table.looks, 1)
  await watch.look()
  t.equal(table.looks, 2, 'and again afterwards')
  t.same(told, [['a', 'ended', 3000]])
})

t.test('a look that fails is followed by others', async (t) => {
  const { watch, table, told } = setUp()
  table.gate = Promise.reject(new Error('the database is away'))
  await t.rejects(watch.look(), /away/)
  table.gate = Promise.resolve()
  table.rows = [row('a', paused)]
  await watch.look()
  t.same(told, [['a', 'paused', 1000]])
})

t.test('an end that was asked for before a pause and waited for it is told as well', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const { sessionId, wsUrls } = await startSession(server, account)
  const socket = await connect(t, wsUrls.landmarks)
  const end = () =>
    server.app.inject({
      method: 'POST',
      url: `/api/session/${sessionId}/end`,
      headers: bearer(account.accessToken),
    })
  // Another instance has the row, and pauses the session only after the end has begun to wait for it.
  const ending = await server.database.sql.begin(async (sql) => {
    await sql`select 1 from sessions where id = ${sessionId} for update`
    const waiting = end()
    await blockedQuery(server.database)
    await sql`
      update sessions set status = 'paused', paused_at = clock_timestamp(), changed_at = now() where id = ${sessionId}`
    const [row] =
      await sql`select (extract(epoch from paused_at) * 1000)::float as at from sessions where id = ${sessionId}`
    const notice = {
      kind: 'status',
      sessionId,
      status: 'paused',
      at: Math.floor(Number(row?.['at'])),
      reason: null,
    }
    await sql`select pg_notify('maeum', ${JSON.stringify({ from: 'another', notice })})`
    return { waiting }
  })
  t.equal((await ending.waiting).statusCode, 200)
  await socket.next('session_ended')
  t.match(await socket.closed, { code: 1000 })
})

t.test('a change of long ago is not told to who comes to another instance', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const [old, recent] = [await startSession(server, account), await startSession(server, account)]
  const { sql } = server.database
  await sql`update sessions set resumed_at = now() - interval '1 minute' where id = ${old.sessionId}`
  const sockets = [await connect(t, old.wsUrls.landmarks), await connect(t, recent.wsUrls.landmarks)] as const
  await sql`
    update sessions set status = 'paused', paused_at = now(), changed_at = now() where id = ${recent.sessionId}`
  await sockets[1].next('session_paused') // the rows have been looked at
  sockets[0].send({ type: 'ping' })
  await sockets[0].next('pong')
  t.same(
    sockets[0].messages.map(({ type }) => type),
    ['connected', 'pong'],
  )
})
