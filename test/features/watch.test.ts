import t from 'tap'
import type { StatusChanged } from '../../src/features/sessions/service.ts'
import { createWatch } from '../../src/features/sessions/watch.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'

type Row = Awaited<ReturnType<Parameters<typeof createWatch>[0]['listDiffering']>>[number]

/** A session whose row says that it was moved to `status` at `at`. */
const row = (id: string, change: StatusChanged, epoch = 1): Row => ({ id, state: { ...change, epoch } })

const gone = (id: string): Row => ({ id, state: undefined })

/** A watch over rows that the test sets, with all it has told. */
function setUp() {
  const told: [string, StatusChanged['status'], number][] = []
  const claimed: [string, number][] = []
  const deleted: string[] = []
  const table = {
    rows: [] as readonly Row[],
    gate: Promise.resolve(),
    asked: [] as { readonly id: string; readonly status: string | undefined; readonly at: number }[][],
    here: ['a'],
  }
  const watch = createWatch({
    present: () => new Map(table.here.map((id) => [id, 1])),
    listDiffering: async (believed) => {
      table.asked.push(believed.map(({ id, status, at }) => ({ id, status, at })))
      const { rows } = table
      await table.gate
      return rows
    },
    onDeleted: (sessionId) => deleted.push(sessionId),
    onStatus: (sessionId, { status, at }) => told.push([sessionId, status, at]),
    onClaimed: (sessionId, epoch) => claimed.push([sessionId, epoch]),
    deadlineMs: 50,
  })
  /** Holds every look up until it is called. */
  const hold = () => {
    let open: () => void = () => undefined
    table.gate = new Promise((resolve) => {
      open = resolve
    })
    return open
  }
  return { watch, table, told, claimed, deleted, hold }
}

const active: StatusChanged = { status: 'active', at: 500, reason: null }
const paused: StatusChanged = { status: 'paused', at: 1000, reason: null }
const resumed: StatusChanged = { status: 'active', at: 2000, reason: null }
const ended: StatusChanged = { status: 'ended', at: 3000, reason: 'requested' }

t.test('a change made here is told once, though its notice and its row come as well', async (t) => {
  const { watch, table, told } = setUp()
  table.rows = [row('a', paused)]
  t.equal(watch.tell('a', paused), true)
  await watch.look()
  t.equal(watch.tell('a', paused), false)
  await watch.look()
  t.same(told, [['a', 'paused', 1000]])
  t.same(table.asked.at(-1), [{ id: 'a', status: 'paused', at: 1000 }], 'the row is compared with it')
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

t.test('a change that a failover of the database took back is told, in both directions', async (t) => {
  const { watch, table, told } = setUp()
  watch.tell('a', active)
  watch.tell('a', paused)
  table.rows = [row('a', active)]
  await watch.look()
  table.rows = [row('a', paused)]
  await watch.look()
  t.same(told.slice(2), [
    ['a', 'active', 500],
    ['a', 'paused', 1000],
  ])
})

t.test('what was read before a change became known does not take it back', async (t) => {
  const { watch, table, told, hold } = setUp()
  watch.tell('a', active)
  table.rows = [row('a', active)]
  const open = hold()
  const look = watch.look()
  watch.tell('a', paused)
  open()
  await look
  t.same(told.at(-1), ['a', 'paused', 1000])
})

t.test('an end is told, even of a session that went before its last change', async (t) => {
  const { watch, told } = setUp()
  watch.tell('a', resumed)
  watch.tell('a', { status: 'ended', at: 1500, reason: 'abandoned' })
  t.same(told.at(-1), ['a', 'ended', 1500])
})

t.test('a session that was only taken over has no change to tell, but a new owner', async (t) => {
  const { watch, table, told, claimed } = setUp()
  table.rows = [row('a', active, 4)]
  await watch.look()
  t.same([told, claimed], [[], [['a', 4]]])
})

t.test('a session that is here and has no row any more is found by looking', async (t) => {
  const { watch, table, deleted } = setUp()
  await watch.look()
  t.same(deleted, [])
  table.rows = [gone('a')]
  await watch.look()
  t.same(deleted, ['a'])
})

t.test('one look at a time', async (t) => {
  const { watch, table, told, hold } = setUp()
  const open = hold()
  table.rows = [row('a', ended)]
  const looks = [watch.look(), watch.look(), watch.look()]
  open()
  await Promise.all(looks)
  t.equal(table.asked.length, 1)
  await watch.look()
  t.equal(table.asked.length, 2, 'and again afterwards')
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

t.test('a look that hangs is followed by others, a bounded number of times', async (t) => {
  const { watch, table, told, hold } = setUp()
  const open = hold()
  table.rows = [row('a', paused)]
  await t.rejects(watch.look(), /not answered in time/)
  table.gate = Promise.resolve()
  table.rows = [row('a', ended)]
  await watch.look()
  t.same(told, [['a', 'ended', 3000]])
  open()
  hold()
  for (let i = 0; i < 3; i++) await t.rejects(watch.look(), /not answered in time/)
  await watch.look()
  t.equal(table.asked.length, 5, 'no more questions while three are open')
  t.same(told, [['a', 'ended', 3000]], 'late answers are not taken')
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
