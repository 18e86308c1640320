import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { type Instance, type StartedSession, startFleet } from '../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer, hangBeforeHeaders } from '../helpers/gemini-steps.ts'
import { openClient, type WebClient } from '../helpers/web-client.ts'

// Two processes on one database: whatever happens to them, a session that is over gets one report.

const HOLD_MS = 10_000

const gemini = await createGeminiDouble(t, [answer()])
const fleet = await startFleet(t, 2, {
  ANALYSIS_INTERVAL_MS: '3000',
  LEASE_MS: '600',
  SESSION_GRACE_MS: '2000',
  SESSION_ABANDON_MS: '4000',
  GEMINI_API_KEY: DOUBLE_KEY,
  GEMINI_BASE_URL: gemini.baseUrl,
  GEMINI_MODELS: 'gemini-2.5-flash-lite',
  GEMINI_TIMEOUT_MS: '8000',
})
const { database } = fleet
const [a, b] = fleet.instances as [Instance, Instance] // as many as were asked for

/** Sessions with frames in their open window, served by `instance`. */
async function stream(t: Test, count: number, instance: Instance): Promise<WebClient[]> {
  const sessions = await fleet.startSessions(count)
  const clients = sessions.map((session) => openClient(t, { session, instances: [instance] }))
  const fed = () => clients.every(({ sent }) => sent.length >= 3)
  await eventually(fed, Boolean)
  return clients
}

const ofClients = (clients: readonly WebClient[]) => clients.map(({ session }) => session)

type Ended = {
  readonly id: string
  readonly reason: string | null
  readonly finalised: boolean
  /** Those made at the moment of `finalised_at`: nobody has finalised it once more. */
  readonly reports: number
}

const endings = (sessions: readonly StartedSession[]) =>
  database.sql<Ended[]>`
    select id, end_reason as reason, finalised_at is not null as finalised,
      (select count(*)::int from reports where session_id = sessions.id and generated_at = finalised_at) as reports
    from sessions where id in ${database.sql(sessions.map(({ id }) => id))}`

const end = (instance: Instance, { id }: StartedSession) => fleet.post(instance, `/api/session/${id}/end`)

type Report = {
  readonly reportId: string | null
  readonly provenance: { readonly windows: { readonly total: number } }
}
type Summary = { readonly dominantEmotion: { readonly count: number } | null }

/** What the client asks at the end, and how long it was kept waiting, ms. */
async function ask(instance: Instance, { id }: StartedSession) {
  const askedAt = performance.now()
  const [summary, report] = await Promise.all([
    fleet.get(instance, `/api/session/${id}/summary`) as Promise<unknown> as Promise<Summary>, // as its schema says
    fleet.get(instance, `/api/session/${id}/report`) as Promise<unknown> as Promise<Report>,
  ])
  return { summary, report, waitedMs: Math.round(performance.now() - askedAt) }
}

/** One report each, and no second one. */
async function isReportedOnce(t: Test, sessions: readonly StartedSession[], reason: string): Promise<void> {
  const rows = await eventually(
    () => endings(sessions),
    (ended) => ended.every(({ finalised }) => finalised),
  )
  t.same(
    rows.filter((row) => row.reports !== 1 || row.reason !== reason),
    [],
    'one report each',
  )
}

t.test('the other instance makes the report of an owner that was killed right after the end', async (t) => {
  gemini.script([hangBeforeHeaders()])
  const clients = await stream(t, 3, a)
  const sessions = ofClients(clients)
  const before = (await fleet.rows(sessions)).length
  await Promise.all(sessions.map((session) => end(a, session)))
  const thinking = async () => (await fleet.rows(sessions)).filter((row) => row.answered_at === null)
  await eventually(thinking, ({ length }) => length >= before + 3)
  a.signal('SIGKILL')
  t.equal(await a.ended, null)
  t.ok(
    (await endings(sessions)).every(({ reports }) => reports === 0),
    'it had not made it',
  )

  const answers = await Promise.all(sessions.map((session) => ask(b, session)))
  const rows = await fleet.rows(sessions)
  t.ok(
    answers.every(({ waitedMs }) => waitedMs > 100 && waitedMs <= HOLD_MS),
    `held for ${answers.map(({ waitedMs }) => waitedMs).join(', ')} ms`,
  )
  for (const [place, { report, summary }] of answers.entries()) {
    const mine = rows.filter(({ id }) => id === sessions[place]?.id)
    t.type(report.reportId, 'string')
    t.equal(report.provenance.windows.total, mine.length)
    t.equal(summary.dominantEmotion?.count, mine.length)
  }
  t.ok(rows.every(({ outcome }) => outcome === 'owner_lost'))
  await isReportedOnce(t, sessions, 'requested')
  gemini.script([answer()])
  await a.restart()
})

t.test('instances that race make one report, and it holds the last window', async (t) => {
  const idle = await fleet.startSessions(10)
  const clients = await stream(t, 3, b)
  const sessions = [...idle, ...ofClients(clients)]
  const answers = await Promise.all(
    sessions.map(async (session, place) => {
      await Promise.all([end(a, session), end(b, session)])
      return ask(place % 2 === 0 ? a : b, session)
    }),
  )
  const rows = await fleet.rows(sessions)
  t.same(
    answers.map(({ report }) => report.provenance.windows.total),
    sessions.map(({ id }) => rows.filter((row) => row.id === id).length),
  )
  t.ok(rows.length >= 3)
  t.ok(answers.every(({ report, waitedMs }) => report.reportId !== null && waitedMs < HOLD_MS))
  await isReportedOnce(t, sessions, 'requested')
  for (const { sockets } of clients) {
    const [socket] = sockets
    await eventually(
      () => socket?.closed,
      (closed) => closed !== undefined,
    )
    t.match(socket?.closed, { code: 1000, reason: 'SESSION_ENDED' })
  }
})

t.test('a session that everybody has left ends as abandoned, with a report', async (t) => {
  const clients = await stream(t, 2, a)
  const empty = await fleet.startSessions(2)
  for (const client of clients) client.leave()
  const sessions = [...empty, ...ofClients(clients)]
  await isReportedOnce(t, sessions, 'abandoned')
  const rows = await fleet.rows(sessions)
  t.equal(rows.length, 2, 'the window that was open is stored')
  for (const { session } of clients) t.equal((await ask(b, session)).report.provenance.windows.total, 1)
})
