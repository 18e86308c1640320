import t from 'tap'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'

// A failover to a standby that was behind loses rows whose commit was confirmed: here they are removed by hand, and the
// connection for notices is broken, as each failover does.

const database = await createTestDatabase(t)
const { sql } = database
const server = await startTestApp(t, {
  database,
  env: { ANALYSIS_INTERVAL_MS: '300', SESSION_GRACE_MS: '1000', REQUIRE_CONSENT: 'true' },
})
const account = await createAccount(server)
const CONSENT = { purpose: 'emotion_analysis', textVersion: '1', locale: 'en' }
const ask = (method: 'POST' | 'DELETE', url: string, payload: object = {}) =>
  server.app.inject({ method, url, payload, headers: bearer(account.accessToken) })

const breakListening = () => sql`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and query like 'listen%' and pid <> pg_backend_pid()`

const rowsOf = (sessionId: string) => sql`
  select "window", epoch, emotion, scores, frames_received, encode(measures, 'hex') as measures, closed_at,
    model_outcome, answered_at is not null as answered, delivered_at is not null as delivered
  from emotion_windows where session_id = ${sessionId} order by "window"`

const countOf = async (sessionId: string) =>
  Number((await sql`select landmark_count as count from sessions where id = ${sessionId}`)[0]?.['count'])

/** A session that has had two windows, both delivered. */
async function played() {
  t.equal((await ask('POST', '/api/user/consent', CONSENT)).statusCode, 201)
  const { sessionId, wsUrls } = await startSession(server, account)
  const socket = await connect(t, wsUrls.landmarks)
  for (let window = 0; window < 2; window++) {
    for (const text of frames('happy', 5)) socket.send(text)
    await socket.next('emotion_update')
  }
  const before = await eventually(
    () => rowsOf(sessionId),
    (rows) => rows.length >= 2 && rows.every((row) => row['answered'] === true && row['delivered'] === true),
  )
  return { sessionId, socket, before, count: await countOf(sessionId) }
}

t.test('windows that the database has lost after their commit are stored again as they were', async (t) => {
  const { sessionId, before, count } = await played()
  const [first, second] = before
  await sql`delete from emotion_windows where session_id = ${sessionId} and "window" = ${Number(first?.['window'])}`
  await sql`update sessions set landmark_count = landmark_count - ${Number(first?.['frames_received'])} where id = ${sessionId}`
  await sql`
    update emotion_windows set answered_at = null, emotion = 'sad'
    where session_id = ${sessionId} and "window" = ${Number(second?.['window'])}`
  await breakListening()
  const after = await eventually(
    () => rowsOf(sessionId),
    (rows) => rows.length >= before.length && rows.every((row) => row['answered'] === true),
  )
  t.same(after, before)
  t.equal(await countOf(sessionId), count, 'each frame is counted once')
  t.match((await server.app.inject('/metrics')).body, /maeum_windows_restored_total 2/)
  t.ok(server.log.some((line) => line.includes('the database has lost windows')))
})

t.test('but not those of a person who has withdrawn their consent', async (t) => {
  const withdrawn = await played()
  await sql`delete from emotion_windows where session_id = ${withdrawn.sessionId}`
  t.equal((await ask('DELETE', '/api/user/consent')).statusCode, 200)
  const other = await played()
  await sql`delete from emotion_windows where session_id = ${other.sessionId}`
  await breakListening()
  await eventually(
    () => rowsOf(other.sessionId),
    (rows) => rows.length >= other.before.length,
  )
  t.same(await rowsOf(withdrawn.sessionId), [])
})
