import t, { type Test } from 'tap'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { eventually } from '../helpers/eventually.ts'
import { type Instance, startFleet, type WindowRow } from '../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer, hangBeforeHeaders } from '../helpers/gemini-steps.ts'
import { keyOf, settle } from '../helpers/ledger.ts'
import { allReceive, openClients, type WebClient } from '../helpers/web-client.ts'

// Real processes on one real database, killed and restarted under load: sessions outlive them.

const INTERVAL_MS = 1200

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

/** Nobody was told that a session is dead. */
function isWelcome(t: Test, clients: readonly WebClient[]): void {
  const codes = clients.flatMap(({ sockets }) => sockets.flatMap(({ closed }) => closed?.code ?? []))
  t.notOk(codes.includes(1008), 'no 1008')
  t.notMatch(clients.flatMap(({ refusals }) => refusals).join(), '410')
}

t.test('kill -9 in mid-window, with a second instance beside it and then without', async (t) => {
  const clients = await stream(t, 20, [a, b])
  const sessions = clients.map(({ session }) => session)
  await allReceive(clients, 1)

  /** Windows that a killed instance may have sent without its mark in the database. */
  const unmarked = new Set<string>()
  const crash = async (instance: Instance, thinking: number) => {
    await eventually(
      () => fleet.rows(sessions),
      (rows) => rows.filter((row) => row.answered_at === null).length >= thinking,
    )
    instance.signal('SIGKILL')
    t.equal(await instance.ended, null)
    const rows = await fleet.rows(sessions)
    for (const row of rows) if (row.delivered_at === null) unmarked.add(keyOf(row))
    gemini.script([answer()])
    return rows
  }
  const isUntouched = async (before: readonly WindowRow[]) => {
    const after = await fleet.rows(sessions)
    const place = ({ id, window }: WindowRow) => after.find((row) => row.id === id && row.window === window)
    t.same(
      before.filter((row) => place(row)?.stored_at !== row.stored_at),
      [],
      'what was stored before stays as it was',
    )
    return after
  }

  gemini.script([hangBeforeHeaders()])
  const first = await crash(a, 10)
  await allReceive(clients, 2)
  const open = first.filter((row) => row.answered_at === null).map(keyOf)
  const lost = (await isUntouched(first)).filter((row) => open.includes(keyOf(row)))
  t.ok(lost.length > 0, `${lost.length} windows were with the model`)
  for (const row of lost) t.match(row, { outcome: 'owner_lost', answered_at: String }, keyOf(row))

  const second = await crash(b, 0)
  await b.restart()
  await allReceive(clients, 2)
  await isUntouched(second)
  await a.restart()

  const { twice } = await settle(t, fleet, clients, { intervalMs: INTERVAL_MS, handedOver: false })
  // A crash may fall between a send and its mark in the database; nothing else is sent again.
  t.same(
    twice.filter(({ key }) => !unmarked.has(key)),
    [],
  )
  isWelcome(t, clients)
})

t.test('a rolling restart under load loses nothing and sends nothing twice', async (t) => {
  const clients = [
    ...(await stream(t, 3, [a, b])),
    ...(await stream(t, 3, [a, b], 'maeum.v2')),
    ...(await stream(t, 3, [b, a])),
    ...(await stream(t, 3, [b, a], 'maeum.v2')),
  ]
  await allReceive(clients, 1)

  /** Ends the process as an operator does, with a request in flight. */
  const stop = async (instance: Instance) => {
    const away = clients.filter(({ sockets }) => sockets.at(-1)?.instance === instance)
    const served = away.flatMap(({ sockets }) => sockets.slice(-1))
    t.ok(served.length >= 6, `${served.length} sessions are served by it`)
    const login = await database.sql.begin(async (tx) => {
      await tx`lock table users in access exclusive mode`
      const answer = fetch(`${instance.origin}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"email":"a@b.kr","password":"x"}',
      })
      await blockedQuery(database, 'users u on u.email')
      instance.signal('SIGTERM')
      await eventually(
        () => served.every(({ closed }) => closed !== undefined),
        (closed) => closed,
      )
      const ready = await fetch(`${instance.origin}/api/health/ready`).then(
        ({ status }) => status,
        () => 'nobody answers',
      )
      t.not(ready, 200, `not ready: ${ready}`)
      return { answer }
    })
    t.equal((await login.answer).status, 401, 'the request in flight is answered')
    t.equal(await instance.ended, 0, 'before the deadline of a shutdown')
    for (const { closed } of served) t.match(closed, { code: 1001 })
    for (const { messages, socket } of served)
      t.equal(
        messages.some(({ type }) => type === 'goaway'),
        socket.protocol === 'maeum.v2',
        'only the newer protocol has a word for it',
      )
    await allReceive(away, 1)
  }
  await stop(a)
  await a.restart()
  await stop(b)
  await b.restart()
  await allReceive(clients, 1)
  const { twice } = await settle(t, fleet, clients, { intervalMs: INTERVAL_MS, handedOver: true })
  t.same(twice, [])
  for (const client of clients) {
    const announced = client.announced()
    t.same(announced, [...new Set(announced)], 'no window was taken up again by the next instance')
  }
  isWelcome(t, clients)
})
