import t from 'tap'
import type { StatusChanged } from '../../src/protocol/session-events.ts'
import { createWatch } from '../../src/live/leases/watch.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'

type Row = Awaited<ReturnType<Parameters<typeof createWatch>[0]['listDiffering']>>[number]

/** A session whose row changed to `status` at `at`. */
const row = (id: string, change: StatusChanged, epoch = 1): Row => ({ id, state: { ...change, epoch } })

const gone = (id: string): Row => ({ id, state: undefined })

/** A watch over rows that the test sets, with all published changes. */
function setUp() {
  const events: [string, StatusChanged['status'], number][] = []
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
    onStatus: (sessionId, { status, at }) => events.push([sessionId, status, at]),
    onClaimed: (sessionId, epoch) => claimed.push([sessionId, epoch]),
    deadlineMs: 50,
  })
  /** Blocks every poll until it is called. */
  const hold = () => {
    let open: () => void = () => undefined
    table.gate = new Promise((resolve) => {
      open = resolve
    })
    return open
  }
  return { watch, table, events, claimed, deleted, hold }
}

const active: StatusChanged = { status: 'active', at: 500, reason: null }
const paused: StatusChanged = { status: 'paused', at: 1000, reason: null }
const resumed: StatusChanged = { status: 'active', at: 2000, reason: null }
const ended: StatusChanged = { status: 'ended', at: 3000, reason: 'requested' }

t.test('a local change is published once, although its notice and its row arrive too', async (t) => {
  const { watch, table, events } = setUp()
  table.rows = [row('a', paused)]
  t.equal(watch.apply('a', paused), true)
  await watch.look()
  t.equal(watch.apply('a', paused), false)
  await watch.look()
  t.same(events, [['a', 'paused', 1000]])
  t.same(table.asked.at(-1), [{ id: 'a', status: 'paused', at: 1000 }], 'the row is compared with it')
})

t.test('a change of another instance is published once, by notice or by polling', async (t) => {
  for (const ways of [
    ['notice', 'look'],
    ['look', 'notice'],
    ['look', 'look'],
    ['notice', 'notice'],
  ]) {
    const { watch, table, events } = setUp()
    table.rows = [row('a', ended)]
    for (const way of ways) {
      if (way === 'look') await watch.look()
      else watch.apply('a', ended)
    }
    t.same(events, [['a', 'ended', 3000]], ways.join(', then '))
  }
})

t.test('each further change is published, but not one that arrives after a later one', async (t) => {
  const { watch, table, events } = setUp()
  watch.apply('a', paused)
  watch.apply('b', paused)
  table.rows = [row('a', ended)]
  await watch.look()
  watch.apply('a', resumed)
  t.same(events, [
    ['a', 'paused', 1000],
    ['b', 'paused', 1000],
    ['a', 'ended', 3000],
  ])
})

t.test('a change that a failover has lost is published, in both directions', async (t) => {
  const { watch, table, events } = setUp()
  watch.apply('a', active)
  watch.apply('a', paused)
  table.rows = [row('a', active)]
  await watch.look()
  table.rows = [row('a', paused)]
  await watch.look()
  t.same(events.slice(2), [
    ['a', 'active', 500],
    ['a', 'paused', 1000],
  ])
})

t.test('rows that were read before a change do not revert it', async (t) => {
  const { watch, table, events, hold } = setUp()
  watch.apply('a', active)
  table.rows = [row('a', active)]
  const open = hold()
  const look = watch.look()
  watch.apply('a', paused)
  open()
  await look
  t.same(events.at(-1), ['a', 'paused', 1000])
})

t.test('an end is published, even if it is older than the last change', async (t) => {
  const { watch, events } = setUp()
  watch.apply('a', resumed)
  watch.apply('a', { status: 'ended', at: 1500, reason: 'abandoned' })
  t.same(events.at(-1), ['a', 'ended', 1500])
})

t.test('a session that was only claimed has no change, but a new owner', async (t) => {
  const { watch, table, events, claimed } = setUp()
  table.rows = [row('a', active, 4)]
  await watch.look()
  t.same([events, claimed], [[], [['a', 4]]])
})

t.test('a deleted session is detected by polling', async (t) => {
  const { watch, table, deleted } = setUp()
  await watch.look()
  t.same(deleted, [])
  table.rows = [gone('a')]
  await watch.look()
  t.same(deleted, ['a'])
})

t.test('one poll at a time', async (t) => {
  const { watch, table, events, hold } = setUp()
  const open = hold()
  table.rows = [row('a', ended)]
  const looks = [watch.look(), watch.look(), watch.look()]
  open()
  await Promise.all(looks)
  t.equal(table.asked.length, 1)
  await watch.look()
  t.equal(table.asked.length, 2, 'and again afterwards')
  t.same(events, [['a', 'ended', 3000]])
})

t.test('a failed poll is followed by others', async (t) => {
  const { watch, table, events } = setUp()
  table.gate = Promise.reject(new Error('the database is away'))
  await t.rejects(watch.look(), /away/)
  table.gate = Promise.resolve()
  table.rows = [row('a', paused)]
  await watch.look()
  t.same(events, [['a', 'paused', 1000]])
})

t.test('a hanging poll is followed by others, a limited number of times', async (t) => {
  const { watch, table, events, hold } = setUp()
  const open = hold()
  table.rows = [row('a', paused)]
  await t.rejects(watch.look(), /did not answer in time/)
  table.gate = Promise.resolve()
  table.rows = [row('a', ended)]
  await watch.look()
  t.same(events, [['a', 'ended', 3000]])
  open()
  hold()
  for (let i = 0; i < 3; i++) await t.rejects(watch.look(), /did not answer in time/)
  await watch.look()
  t.equal(table.asked.length, 5, 'no more questions while three are open')
  t.same(events, [['a', 'ended', 3000]], 'late answers are not taken')
})

t.test('an end that was requested before a pause and waited for it is published too', async (t) => {
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
  // Another instance holds the row, and pauses the session only after the end waits for it.
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

t.test('an old change is not published to a socket on another instance', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const [old, recent] = [await startSession(server, account), await startSession(server, account)]
  const { sql } = server.database
  await sql`update sessions set resumed_at = now() - interval '1 minute' where id = ${old.sessionId}`
  const sockets = [await connect(t, old.wsUrls.landmarks), await connect(t, recent.wsUrls.landmarks)] as const
  await sql`
    update sessions set status = 'paused', paused_at = now(), changed_at = now() where id = ${recent.sessionId}`
  await sockets[1].next('session_paused') // the rows have been polled
  sockets[0].send({ type: 'ping' })
  await sockets[0].next('pong')
  t.same(
    sockets[0].messages.map(({ type }) => type),
    ['connected', 'pong'],
  )
})
