import t, { type Test } from 'tap'
import type postgres from 'postgres'
import { WebSocket } from 'ws'
import { BROWSER_ORIGIN } from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { eventually } from '../helpers/eventually.ts'
import { type Instance, type StartedSession, startFleet } from '../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer, hangBeforeHeaders } from '../helpers/gemini-steps.ts'
import { request } from '../helpers/person.ts'
import { allReceive, openClient, type WebClient } from '../helpers/web-client.ts'

// The database holds a statement of instance A until the test lets go of it. At that moment A is stopped, and continued
// after another has taken over, or it is killed. No socket stays without answers, no lease without a session, no session
// without an end.

const INTERVAL_MS = 1200

const gemini = await createGeminiDouble(t, [answer()])
const fleet = await startFleet(t, 2, {
  ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
  LEASE_MS: '1500',
  SESSION_GRACE_MS: '2000',
  SESSION_ABANDON_MS: '40000',
  REQUIRE_CONSENT: 'true',
  GEMINI_API_KEY: DOUBLE_KEY,
  GEMINI_BASE_URL: gemini.baseUrl,
  GEMINI_MODELS: 'gemini-2.5-flash-lite',
  GEMINI_TIMEOUT_MS: '3000',
})
const { database } = fleet
const { sql } = database
const [a, b] = fleet.instances as [Instance, Instance] // as many as were asked for
await sql`
  insert into consents (user_id, purpose, text_version, locale) select id, 'emotion_analysis', '1', 'en' from users`

type Lock = (tx: postgres.TransactionSql, session: StartedSession) => Promise<unknown>
type Moment = {
  /** What A is doing. */
  readonly name: string
  readonly lock: Lock
  /** Part of the statement that waits then. */
  readonly waits: string
}

const row: Lock = (tx, { id }) => tx`select from sessions where id = ${id} for update`
const table =
  (name: string, mode: string): Lock =>
  (tx) =>
    tx.unsafe(`lock table ${name} in ${mode} mode`)

/** Takes the lock; resolves with the function that lets go. */
function hold({ lock }: Moment, session: StartedSession): Promise<() => void> {
  return new Promise((resolve, reject) => {
    sql
      .begin(async (tx) => {
        await lock(tx, session)
        await new Promise<void>((release) => resolve(release))
      })
      .catch(reject)
  })
}

const stateOf = async ({ id }: StartedSession) => {
  const [found] = await sql<
    { status: string; reason: string | null; leased: boolean; finalised: boolean; reports: number }[]
  >`
    select status, end_reason as reason, coalesce(lease_until > now(), false) as leased,
      finalised_at is not null as finalised,
      (select count(*)::int from reports where session_id = sessions.id) as reports
    from sessions where id = ${id}`
  return found
}

const FATES = ['is stopped and continued', 'is killed'] as const
type Fate = (typeof FATES)[number]

/** A is stopped or killed now. */
async function strike(fate: Fate): Promise<void> {
  if (fate === 'is killed') {
    a.signal('SIGKILL')
    await a.ended
  } else a.signal('SIGSTOP')
}

const recover = async (fate: Fate): Promise<void> => {
  if (fate === 'is killed') await a.restart()
  else a.signal('SIGCONT')
}

/** Asks for the end, again for as long as it is to be asked again later. */
const endOn = (instance: Instance, { id }: StartedSession) =>
  eventually(
    () => fleet.post(instance, `/api/session/${id}/end`).catch(() => undefined),
    (data) => data !== undefined,
  )

/** It has ended, once, with one report, and nobody holds it. */
async function isOver(t: Test, session: StartedSession, reason = 'requested'): Promise<void> {
  const state = await eventually(
    () => stateOf(session),
    (now) => now?.finalised === true && !now.leased,
  )
  t.match(state, { status: 'ended', reason, reports: 1 })
}

/** Its sockets were closed by the end, or are refused because of it. */
const isClosed = (t: Test, { sockets }: WebClient) =>
  eventually(
    () => sockets.flatMap(({ closed }) => (closed === undefined ? [] : [closed.code])),
    (codes) => codes.includes(1000),
  ).then((codes) => t.notOk(codes.includes(1011), codes.join(' ')))

/** Each of the sessions is at its moment when this resolves; with the function that lets go of all of them. */
async function reach(
  moments: readonly Moment[],
  sessions: readonly StartedSession[],
  begin: (session: StartedSession) => unknown,
): Promise<() => void> {
  const holds: (() => void)[] = []
  for (const [place, moment] of moments.entries()) {
    const session = sessions[place]
    if (session === undefined) throw new Error('there is one for each moment')
    holds.push(await hold(moment, session))
    await begin(session)
    await blockedQuery(database, moment.waits)
  }
  return () => {
    for (const letGo of holds) letGo()
  }
}

/** A's leases have run out. */
const expiry = (sessions: readonly StartedSession[]) =>
  eventually(
    () => Promise.all(sessions.map(stateOf)),
    (states) => states.every((state) => state?.leased === false),
  )

const left: StartedSession[] = []

const CLAIMING: readonly Moment[] = [
  { name: 'prepares a feed', lock: table('consents', 'access exclusive'), waits: 'from "consents"' },
  {
    name: 'reads how far a session has come',
    lock: table('emotion_windows', 'access exclusive'),
    waits: 'as claimed (id)',
  },
  { name: 'claims a session', lock: row, waits: 'with found as' },
]

for (const fate of FATES)
  t.test(`A ${fate} while it claims sessions, reads how far they have come and prepares them`, async (t) => {
    const [bystanding, ...sessions] = await fleet.startSessions(1 + CLAIMING.length)
    if (bystanding === undefined) throw new Error('one more than moments')
    const bystander = openClient(t, { session: bystanding, instances: [a, b] })
    await bystander.receives(1)
    const letGo = await reach(CLAIMING, sessions, ({ id }) => {
      const socket = new WebSocket(`${a.origin.replace('http', 'ws')}/ws/landmarks/${id}`, {
        headers: { origin: BROWSER_ORIGIN },
      })
      socket.on('error', () => undefined)
      t.teardown(() => socket.terminate())
    })
    bystander.loses()
    await strike(fate)
    letGo()
    const clients = sessions.map((session) => openClient(t, { session, instances: [b] }))
    bystander.moveTo(b)
    await allReceive([...clients, bystander], 1)
    await recover(fate)
    await allReceive([...clients, bystander], 2)
    for (const client of clients) {
      await endOn(b, client.session)
      await isOver(t, client.session)
      await isClosed(t, client)
    }
    bystander.leave()
    left.push(bystanding)
  })

const STORING: Moment = {
  name: 'stores a window',
  lock: table('emotion_windows', 'exclusive'),
  waits: '"frames_received"',
}
const ANSWERING: Moment = {
  name: 'stores an answer',
  lock: table('emotion_windows', 'exclusive'),
  waits: '"epoch" integer, "emotion"',
}

for (const moment of [STORING, ANSWERING])
  for (const fate of FATES)
    t.test(`A ${fate} while it ${moment.name}`, async (t) => {
      const [session] = (await fleet.startSessions(1)) as [StartedSession]
      const client = openClient(t, { session, instances: [a, b] })
      await client.receives(1)
      // In the middle of a window with nothing on its way: of one session nothing is written beside something else.
      await eventually(
        async () => ({
          rows: await fleet.rows([session]),
          inside: ((Date.now() - session.startedAt) % INTERVAL_MS) / INTERVAL_MS,
        }),
        ({ rows, inside }) =>
          rows.length > 0 && rows.every((one) => one.delivered_at !== null) && inside > 0.25 && inside < 0.5,
      )
      if (moment === ANSWERING) {
        gemini.script([hangBeforeHeaders()]) // until the deadline of the window
        await eventually(
          () => fleet.rows([session]),
          (rows) => rows.some(({ answered_at: at }) => at === null),
        )
      }
      const letGo = await reach([moment], [session], () => undefined)
      client.loses()
      await strike(fate)
      letGo()
      gemini.script([answer()])
      client.moveTo(b)
      await client.receives(2)
      await recover(fate)
      await client.receives(2)
      // What A stores after it has lost the session comes on the next socket, as soon as A has got that far.
      await eventually(
        async () => {
          const rows = await fleet.rows([session])
          const hasLeft = rows.some(
            (one) => one.delivered_at === null && rows.some(({ epoch }) => epoch > one.epoch),
          )
          if (hasLeft) client.moveTo(b)
          await client.receives(1)
          return hasLeft
        },
        (hasLeft) => !hasLeft,
      )
      await endOn(b, session)
      await isOver(t, session)
      await isClosed(t, client)
      const rows = await eventually(
        () => fleet.rows([session]),
        (all) => all.every(({ answered_at: at, delivered_at: sent }) => at !== null && sent !== null),
      )
      t.same(
        rows.filter((one) => !client.windows().includes(one.window)),
        [],
        'every stored window was delivered',
      )
    })

const ENDING: readonly Moment[] = [
  { name: 'writes an end', lock: table('sessions', 'share'), waits: 'update "sessions" set "status"' },
  {
    name: 'counts the windows of an end',
    lock: table('emotion_windows', 'access exclusive'),
    waits: 'from "emotion_windows"',
  },
  { name: 'locks a session to end it', lock: row, waits: 'limit $2 for update' },
]

for (const fate of FATES)
  t.test(`A ${fate} while it locks sessions, counts their windows and writes their ends`, async (t) => {
    const sessions = await fleet.startSessions(ENDING.length)
    const clients = sessions.map((session) => openClient(t, { session, instances: [a, b] }))
    await allReceive(clients, 1)
    const asked: Promise<Record<string, unknown> | undefined>[] = []
    const letGo = await reach(ENDING, sessions, ({ id }) => {
      asked.push(fleet.post(a, `/api/session/${id}/end`).catch(() => undefined))
    })
    for (const client of clients) client.loses()
    await strike(fate)
    letGo()
    if (fate === 'is killed') await allReceive(clients, 1)
    else await expiry(sessions)
    await recover(fate)
    for (const [place, client] of clients.entries()) {
      const first = await asked[place]
      const answered = await endOn(b, client.session)
      if (first !== undefined) t.same(answered, first, 'the first answer is kept')
      await isOver(t, client.session)
      client.leave()
    }
  })

const FINALISING: readonly Moment[] = [
  { name: 'stores a report', lock: table('reports', 'exclusive'), waits: 'insert into "reports"' },
  {
    name: 'reads what a report is made from',
    lock: table('cbt_findings', 'access exclusive'),
    waits: 'from "cbt_findings"',
  },
]

for (const fate of FATES)
  t.test(`A ${fate} while it makes and stores reports`, async (t) => {
    const sessions = await fleet.startSessions(FINALISING.length)
    const clients = sessions.map((session) => openClient(t, { session, instances: [a] }))
    await allReceive(clients, 1)
    const answers: unknown[] = []
    const letGo = await reach(FINALISING, sessions, async (session) => {
      answers.push(await endOn(a, session))
    })
    await strike(fate)
    letGo()
    if (fate !== 'is killed') await expiry(sessions)
    await recover(fate)
    for (const [place, client] of clients.entries()) {
      await isOver(t, client.session)
      t.same(await endOn(b, client.session), answers[place])
      client.leave()
    }
  })

t.test('sessions that were only left end by themselves', async (t) => {
  t.equal(left.length, FATES.length)
  for (const session of left) await isOver(t, session, 'abandoned')
  const open = await sql`select id from sessions where status <> 'ended' or lease_until > now()`
  t.equal(open.length, 0, 'no lease without a session, no session without an end')
  t.equal((await request(a, 'GET', '/api/health/ready')).status, 200)
})
