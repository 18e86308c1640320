import t, { type Test } from 'tap'
import { connect } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { type Instance, type StartedSession, startFleet } from '../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer, hangBeforeHeaders } from '../helpers/gemini-steps.ts'
import { settle } from '../helpers/ledger.ts'
import { allReceive, openClient, openClients, type WebClient } from '../helpers/web-client.ts'

// Two real processes on one real database: one serves a session at a time, whatever the other believes.

const INTERVAL_MS = 1200
/** As promised: notices arrive at once, and the rows are looked at every half second. */
const CONTROL_MS = 5000
const LEDGER = { intervalMs: INTERVAL_MS, handedOver: false }

const gemini = await createGeminiDouble(t, [answer()])
const fleet = await startFleet(t, 2, {
  ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
  LEASE_MS: '1500',
  WS_PING_INTERVAL_MS: '500',
  SESSION_GRACE_MS: '3000',
  GEMINI_API_KEY: DOUBLE_KEY,
  GEMINI_BASE_URL: gemini.baseUrl,
  GEMINI_MODELS: 'gemini-2.5-flash-lite',
  GEMINI_TIMEOUT_MS: '3000',
})
const { database } = fleet
const [a, b] = fleet.instances as [Instance, Instance] // as many as were asked for

/** Clients of new sessions, streaming to the first of these instances. */
const stream = (t: Test, count: number, instances: readonly Instance[], protocol?: 'maeum.v2') =>
  openClients(t, fleet, { count, instances, ...(protocol === undefined ? {} : { protocol }) })

/** The owners' epochs as the rows have them. */
const leases = (clients: readonly WebClient[]) =>
  database.sql<{ id: string; epoch: number; expired: boolean }[]>`
    select id, lease_epoch as epoch, coalesce(lease_until < now(), true) as expired
    from sessions where id in ${database.sql(clients.map(({ session }) => session.id))} order by id`

const epochs = async (clients: readonly WebClient[]) => (await leases(clients)).map(({ epoch }) => epoch)

/** All of them in the middle of a window that has frames. */
const midWindow = (clients: readonly WebClient[]) =>
  eventually(
    () => clients.map(({ session }) => (Date.now() - session.startedAt) % INTERVAL_MS),
    (inside) => inside.every((ms) => ms > INTERVAL_MS / 3 && ms < (INTERVAL_MS * 3) / 4),
  )

/** As well, with every window that has closed delivered and nothing on its way. */
const calmMidWindow = (clients: readonly WebClient[]) =>
  eventually(
    async () => {
      const rows = await fleet.rows(clients.map(({ session }) => session))
      return clients.map(({ session, windows }) => {
        const elapsed = Date.now() - session.startedAt
        const [closed, inside] = [Math.floor(elapsed / INTERVAL_MS), elapsed % INTERVAL_MS]
        const mine = rows.filter(({ id }) => id === session.id)
        return (
          mine.at(-1)?.window === closed &&
          mine.every((row) => row.delivered_at !== null) &&
          windows().includes(closed) &&
          inside > INTERVAL_MS / 3 &&
          inside < (INTERVAL_MS * 3) / 4
        )
      })
    },
    (calm) => calm.every(Boolean),
  )

const expiry = (clients: readonly WebClient[]) =>
  eventually(
    () => leases(clients),
    (rows) => rows.every(({ expired }) => expired),
  )

t.test('an owner that was stopped past its lease goes on when nobody has taken over', async (t) => {
  const clients = await stream(t, 3, [a])
  await allReceive(clients, 1)
  const before = await epochs(clients)
  await midWindow(clients)
  for (const client of clients) client.stream(false)
  a.signal('SIGSTOP')
  await expiry(clients)
  a.signal('SIGCONT')
  for (const client of clients) client.stream(true)
  await allReceive(clients, 2)
  const { twice } = await settle(t, fleet, clients, LEDGER)
  t.same(twice, [])
  t.same(await epochs(clients), before, 'the same owner')
  t.ok(clients.every(({ sockets }) => sockets.length === 1 && sockets[0]?.closed === undefined))
})

t.test('an owner that was stopped while another took over does nothing more', async (t) => {
  const clients = await stream(t, 3, [a])
  await allReceive(clients, 1)
  const [epoch] = await epochs(clients)
  await calmMidWindow(clients)
  for (const client of clients) client.loses()
  a.signal('SIGSTOP')
  await expiry(clients)
  const heard = clients.map(({ sockets }) => sockets[0]?.messages.length ?? 0)
  for (const client of clients) client.moveTo(b)
  await allReceive(clients, 1)
  a.signal('SIGCONT')
  await allReceive(clients, 3)
  await eventually(
    () => clients.map(({ sockets }) => sockets[0]?.messages.at(-1)?.at ?? 0),
    (times) => times.every((at) => at > Date.now() - 1000),
  )
  const { twice, rows } = await settle(t, fleet, clients, LEDGER)
  t.same(twice, [])
  const types = clients.flatMap(({ sockets }, place) =>
    (sockets[0]?.messages.slice(heard[place]) ?? []).map(({ type }) => type),
  )
  t.same([...new Set(types)], ['ping'], 'the older sockets are kept alive and hear nothing else')
  for (const client of clients) {
    const mine = rows.filter(({ id }) => id === client.session.id)
    const first = mine.find((row) => row.epoch !== epoch)?.window ?? 0
    t.notOk(
      mine.some((row) => row.epoch === epoch && row.window > first),
      'the former owner has stored only what had ended before',
    )
  }
})

t.test('windows that their owner could not store in time are not lost to the next one', async (t) => {
  const clients = await stream(t, 3, [a])
  await allReceive(clients, 1)
  const before = await epochs(clients)
  await a.line.cut()
  await allReceive(clients, 2)
  for (const client of clients) client.moveTo(b)
  await allReceive(clients, 1)
  t.same(
    await epochs(clients),
    before.map((epoch) => epoch + 1),
    'the next owner',
  )
  await a.line.mend()
  const { rows } = await settle(t, fleet, clients, LEDGER)
  const former = rows.filter(({ epoch }) => epoch === before[0])
  t.ok(former.length >= 3 * clients.length, 'one window before the outage and two in it, each')
})

t.test(
  'a newer socket on another instance that sends no frames leaves the session to the older one',
  async (t) => {
    const [visible] = (await stream(t, 1, [a])) as [WebClient]
    await visible.receives(1)
    const hidden = openClient(t, { session: visible.session, instances: [b] })
    hidden.stream(false)
    await eventually(
      () => hidden.sockets[0]?.messages.length ?? 0,
      (count) => count > 0,
    )
    await visible.receives(3)
    t.equal(visible.sockets.length, 1)
    t.equal(hidden.sockets[0]?.closed, undefined)

    hidden.stream(true)
    visible.leave()
    await hidden.receives(1)
    hidden.leave()
  },
)

t.test('of two landmarks sockets on two instances the newer one feeds and receives', async (t) => {
  const [older] = (await stream(t, 1, [a])) as [WebClient]
  const [olderV2] = (await stream(t, 1, [a], 'maeum.v2')) as [WebClient]
  await allReceive([older, olderV2], 1)
  const newer = openClient(t, { session: older.session, instances: [b] })
  const newerV2 = openClient(t, { session: olderV2.session, instances: [b], protocol: 'maeum.v2' })
  await newer.receives(1)
  const [socket] = older.sockets as [(typeof older.sockets)[0]]
  const heard = socket.messages.length
  const owned = await epochs([older])
  socket.socket.send('{"type":"ping"}')
  await newer.receives(2)
  t.same(
    new Set(socket.messages.slice(heard).map(({ type }) => type)),
    new Set(['ping', 'pong']),
    'the older one is kept alive only',
  )
  t.equal(socket.closed, undefined)
  t.same(await epochs([older]), owned, 'it does not take the session back')
  t.same(
    newer.updates().filter(({ window }) => older.updates().some((other) => other.window === window)),
    [],
    'no window went to both',
  )
  const [superseded] = olderV2.sockets
  await eventually(
    () => superseded?.closed,
    (closed) => closed !== undefined,
  )
  t.match(superseded?.closed, { code: 4001, reason: 'SUPERSEDED' })
  olderV2.leave()
  newerV2.leave()

  newer.leave()
  await older.receives(1)
  t.equal(older.sockets.length, 1, 'the older one has taken over')
  older.leave()
})

t.test('pause, resume and end on one instance reach the sockets of the other', async (t) => {
  /** How long a command on A takes until every socket on B has shown it, ms. */
  const control = async (session: StartedSession) => {
    const url = (channel: string) => `${b.origin.replace('http', 'ws')}/ws/${channel}/${session.id}`
    const landmarks = await connect(t, url('landmarks'))
    const watcher = await connect(t, url('session'))
    await watcher.next('status_update')
    const times: number[] = []
    for (const [word, type, status] of [
      ['pause', 'session_paused', 'paused'],
      ['resume', 'session_resumed', 'active'],
      ['end', 'session_ended', 'ended'],
    ] as const) {
      const askedAt = performance.now()
      await fleet.post(a, `/api/session/${session.id}/${word}`)
      await landmarks.next(type)
      t.match((await watcher.next('status_update')).data, { status })
      times.push(Math.round(performance.now() - askedAt))
    }
    t.match(await landmarks.closed, { code: 1000, reason: 'SESSION_ENDED' })
    t.match(await watcher.closed, { code: 1000, reason: 'SESSION_ENDED' })
    return times
  }
  const [told, polled, relistened] = (await fleet.startSessions(3)) as [
    StartedSession,
    StartedSession,
    StartedSession,
  ]
  const byNotice = await control(told)
  t.ok(
    byNotice.every((ms) => ms < CONTROL_MS),
    `by notice: ${byNotice.join(', ')} ms`,
  )

  b.noticeLine.freeze()
  const byRows = await control(polled)
  t.ok(
    byRows.every((ms) => ms < CONTROL_MS),
    `without notices: ${byRows.join(', ')} ms`,
  )
  b.noticeLine.reset()

  const listeners = () => database.sql<{ pid: number }[]>`
    select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'`
  const before = await eventually(listeners, ({ length }) => length === 2)
  await database.sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and query ilike 'listen%'`
  const afterLoss = await control(relistened)
  t.ok(
    afterLoss.every((ms) => ms < CONTROL_MS),
    `listeners terminated: ${afterLoss.join(', ')} ms`,
  )
  await eventually(
    listeners,
    (now) => now.length === 2 && now.every(({ pid }) => !before.some((old) => old.pid === pid)),
  )
})

t.test(
  'a session that is deleted on one instance ends on the other, and leaves nothing behind',
  async (t) => {
    const hanging = await stream(t, 2, [b])
    await allReceive(hanging, 1)
    const watchers = await Promise.all(
      hanging.map(({ session }) => connect(t, `${b.origin.replace('http', 'ws')}/ws/session/${session.id}`)),
    )
    for (const watcher of watchers) await watcher.next('status_update')
    gemini.script([hangBeforeHeaders()])
    const thinking = () => database.sql`
    select 1 from emotion_windows where answered_at is null
      and session_id in ${database.sql(hanging.map(({ session }) => session.id))}`
    await eventually(thinking, ({ length }) => length === 2)

    /** How long it takes until the sockets on B are closed, ms. */
    const erase = async (place: number) => {
      const [client, watcher] = [hanging[place], watchers[place]]
      if (client === undefined || watcher === undefined) throw new Error('there are two of each')
      const [socket] = client.sockets
      client.stream(false)
      const askedAt = Date.now()
      await fleet.delete(a, `/api/session/${client.session.id}`)
      t.same(await watcher.closed, { code: 1008, reason: 'SESSION_NOT_FOUND' })
      t.match(watcher.messages.at(-1), {
        type: 'error',
        data: { code: 'SESSION_NOT_FOUND', action: 'new_session' },
      })
      const closed = await eventually(
        () => socket?.closed,
        (seen) => seen !== undefined,
      )
      t.match(closed, { code: 1008, reason: 'SESSION_NOT_FOUND' })
      await eventually(
        () => client.refusals,
        (refusals) => refusals.some((text) => text.includes('410')),
      )
      client.leave()
      t.match(client.sockets[1]?.closed, { code: 1008 }, 'the next one is accepted, told the same,')
      t.equal(client.sockets.length, 2, 'and those after it are refused in the handshake')
      return (closed?.at ?? Infinity) - askedAt
    }
    const byNotice = await erase(0)
    b.noticeLine.freeze()
    const byLooking = await erase(1)
    b.noticeLine.reset()
    gemini.script([answer()])
    t.ok(byNotice < CONTROL_MS, `by notice: ${byNotice} ms`)
    t.ok(byLooking < CONTROL_MS, `without notices: ${byLooking} ms`)

    // Another session that lives through it shows when B has written whatever it was going to write.
    const others = await stream(t, 1, [b])
    await allReceive(others, 2)
    for (const table of ['emotion_windows', 'reports', 'sessions']) {
      const key = table === 'sessions' ? 'id' : 'session_id'
      const left = await database.sql`
      select 1 from ${database.sql(table)}
      where ${database.sql(key)} in ${database.sql(hanging.map(({ session }) => session.id))}`
      t.equal(left.length, 0, table)
    }
    for (const client of others) client.leave()
  },
)

t.test('with the database away for longer than a lease the owner goes on and stores once', async (t) => {
  const clients = await stream(t, 4, [a, b])
  await allReceive(clients, 1)
  const before = await epochs(clients)
  await Promise.all([a.line.cut(), b.line.cut()])
  await expiry(clients)
  await allReceive(clients, 2)
  await Promise.all([a.line.mend(), b.line.mend()])
  await allReceive(clients, 2)
  const { twice } = await settle(t, fleet, clients, LEDGER)
  t.same(twice, [])
  t.same(await epochs(clients), before, 'the same owner')
  t.ok(clients.every(({ sockets }) => sockets.length === 1 && sockets[0]?.closed === undefined))
})
