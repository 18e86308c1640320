import t, { type Test } from 'tap'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'

// A transaction of somebody else holds one session's row, for longer than leases last and requests wait.

const INTERVAL_MS = 400
const LEASE_MS = 1500
const database = await createTestDatabase(t)
const { sql } = database
const server = await startTestApp(t, {
  database,
  model: null,
  env: { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), LEASE_MS: String(LEASE_MS), SESSION_GRACE_MS: '2000' },
})

/** A session that is streamed to until the test ends, with an answer received. */
async function streamed(t: Test, account: Account) {
  const session = await startSession(server, account)
  const socket = await connect(t, session.wsUrls.landmarks)
  const [frame] = frames('happy', 1)
  const timer = setInterval(() => {
    if (socket.socket.readyState === socket.socket.OPEN) socket.send(frame)
  }, 40)
  t.teardown(() => clearInterval(timer))
  await socket.next('emotion_update')
  return { session, socket, leave: () => clearInterval(timer) }
}

/** Locks the session's row; resolves with the function that lets go. */
function hold({ sessionId }: StartedSession): Promise<() => void> {
  return new Promise((resolve, reject) => {
    sql
      .begin(async (tx) => {
        await tx`select from sessions where id = ${sessionId} for update`
        await new Promise<void>((release) => resolve(release))
      })
      .catch(reject)
  })
}

const stored = async ({ sessionId }: StartedSession): Promise<number[]> => {
  const rows =
    await sql`select "window" from emotion_windows where session_id = ${sessionId} order by "window"`
  return rows.map((row) => Number(row['window']))
}

/** When all is stored: how many windows had closed at that moment, and how many had begun. */
const windowsAt = async (session: StartedSession, at: number) => {
  await eventually(
    () => sql`select from sessions where id = ${session.sessionId} and finalised_at is not null`,
    ({ length }) => length === 1,
  )
  const windows = await stored(session)
  const count = (isOf: (window: number) => boolean) => windows.filter(isOf).length
  return {
    closed: count((window) => session.startedAt + window * INTERVAL_MS <= at),
    begun: count((window) => session.startedAt + (window - 1) * INTERVAL_MS < at),
  }
}

const leaseUntil = async ({ sessionId }: StartedSession): Promise<number> => {
  const [row] = await sql`
    select extract(epoch from lease_until) * 1000 as until from sessions where id = ${sessionId}`
  return Number(row?.['until'])
}

const windowsOf = ({ messages }: TestSocket) =>
  messages.filter(({ type }) => type === 'emotion_update').map(({ data }) => Number(data['window']))

const ready = async () => {
  const { statusCode, body } = await server.app.inject('/api/health/ready')
  return { statusCode, body }
}

const end = (session: StartedSession, account: Account) =>
  server.app.inject({
    method: 'POST',
    url: `/api/session/${session.sessionId}/end`,
    headers: bearer(account.accessToken),
  })

t.test('holds up neither the results nor the leases of others, and readiness names it', async (t) => {
  const account = await createAccount(server)
  const [held, ...others] = [
    await streamed(t, account),
    await streamed(t, account),
    await streamed(t, account),
  ] as const
  const letGo = await hold(held.session)
  const before = await Promise.all(others.map(({ session }) => stored(session)))
  const until = await Promise.all(others.map(({ session }) => leaseUntil(session)))
  for (const [place, { session, socket }] of others.entries()) {
    await eventually(
      () => stored(session),
      ({ length }) => length >= (before[place]?.length ?? 0) + 5,
    )
    await eventually(
      () => leaseUntil(session),
      (now) => now > (until[place] ?? 0) + 2 * LEASE_MS,
    )
    t.equal(socket.socket.readyState, socket.socket.OPEN)
  }
  const report = await eventually(ready, ({ body }) => body.includes('locked'))
  t.match(report, { statusCode: 200, body: /locked by other transactions: 1/ }, 'the others are served')
  letGo()
  await eventually(ready, ({ body }) => !body.includes('locked'))
  // Everything that closed meanwhile is stored and sent, in order.
  held.leave()
  await eventually(
    async () => ({ rows: await stored(held.session), sent: windowsOf(held.socket) }),
    ({ rows, sent }) => rows.length > 5 && rows.join() === sent.join(),
  )
})

t.test('an end that waits for the row counts the windows that wait for it as well', async (t) => {
  const account = await createAccount(server)
  const { session, socket } = await streamed(t, account)
  const letGo = await hold(session)
  const before = (await stored(session)).length
  const passed = (ms: number) => {
    const from = Date.now()
    return eventually(Date.now, (now) => now > from + ms)
  }
  // Beyond the lease: then what closes waits for the first of them before it is written.
  await passed(2 * LEASE_MS)
  const ending = end(session, account)
  await blockedQuery(database, 'from "sessions"')
  await passed(3 * INTERVAL_MS) // windows that begin after the end are no part of the session
  letGo()
  const answer = await ending
  t.equal(answer.statusCode, 200)
  t.match(await socket.closed, { code: 1000, reason: 'SESSION_ENDED' })
  const { data } = answer.json<{ data: { emotionCount: number; endedAt: number } }>()
  const { closed, begun } = await windowsAt(session, data.endedAt)
  t.ok(closed >= before + 5, `${closed} windows had closed, ${before} of them were stored`)
  t.ok(data.emotionCount === closed || data.emotionCount === begun, `${data.emotionCount} are counted`)
  t.same((await end(session, account)).json(), answer.json(), 'and that is kept')
})

t.test('an end that cannot wait any longer is refused for now, and nothing of it is kept', async (t) => {
  const account = await createAccount(server)
  const { session, socket } = await streamed(t, account)
  const letGo = await hold(session)
  const refused = await end(session, account)
  t.equal(refused.statusCode, 503)
  t.match(refused.headers, { 'retry-after': /^[1-9]\d*$/ })
  letGo()
  const [row] = await sql`select status, end_answer from sessions where id = ${session.sessionId}`
  t.match(row, { status: 'active', end_answer: null })
  await socket.next('emotion_update')
  const answer = await end(session, account)
  t.equal(answer.statusCode, 200)
  await socket.closed
  const { data } = answer.json<{ data: { emotionCount: number; endedAt: number } }>()
  const { closed, begun } = await windowsAt(session, data.endedAt)
  t.ok(data.emotionCount === closed || data.emotionCount === begun, `${data.emotionCount} of ${begun}`)
})

t.test('a claim that waits for the row leaves the clock of the session as it is', async (t) => {
  const account = await createAccount(server)
  const session = await startSession(server, account)
  const letGo = await hold(session)
  const opening = connect(t, session.wsUrls.landmarks)
  await blockedQuery(database, 'with found as')
  const from = Date.now()
  await eventually(Date.now, (now) => now > from + 5 * INTERVAL_MS)
  letGo()
  const socket = await opening
  const [frame] = frames('happy', 1)
  const timer = setInterval(() => socket.send(frame), 40)
  t.teardown(() => clearInterval(timer))
  const lateMs: number[] = []
  for (let i = 0; i < 5; i++) {
    const { data } = await socket.next('emotion_update')
    lateMs.push(Date.now() - (session.startedAt + Number(data['window']) * INTERVAL_MS))
  }
  clearInterval(timer)
  // A busy machine answers late, but not every time.
  const least = Math.min(...lateMs)
  t.ok(
    least > -50 && least < INTERVAL_MS,
    `windows closed at their boundaries, ${lateMs.join(', ')} ms after`,
  )
})
