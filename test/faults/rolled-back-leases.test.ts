import t, { type Test } from 'tap'
import {
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { faces, frameOf } from '../helpers/frames.ts'

// A failover that loses the last commits takes a session's lease back to what it was before. Here its row is set back by
// hand, below two instances.

const INTERVAL_MS = 500
const LEASE_MS = 3000
const database = await createTestDatabase(t)
const { sql } = database
const env = { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), LEASE_MS: String(LEASE_MS) }
const a = await startTestApp(t, { database, model: null, env })
const b = await startTestApp(t, { database, model: null, env })

/** A socket that streams this expression until the test ends. */
async function streamTo(t: Test, { origin }: TestApp, sessionId: string, label: string): Promise<TestSocket> {
  const socket = await connect(t, `${origin.replace('http', 'ws')}/ws/landmarks/${sessionId}`)
  const [face] = faces(label, 1)
  const timer = setInterval(() => {
    if (socket.socket.readyState === socket.socket.OPEN) socket.send(frameOf(face))
  }, 40)
  t.teardown(() => clearInterval(timer))
  return socket
}

const answers = ({ messages }: TestSocket) =>
  messages
    .filter(({ type }) => type === 'emotion_update')
    .map(({ data }) => ({ window: Number(data['window']), emotion: String(data['emotion']) }))

const stored = async (sessionId: string) =>
  (
    await sql`select "window", emotion, epoch from emotion_windows where session_id = ${sessionId} order by 1`
  ).map((row) => ({ window: Number(row['window']), emotion: String(row['emotion']) }))

const leaseOf = async (sessionId: string) =>
  (await sql`select lease_owner as owner, lease_epoch as epoch from sessions where id = ${sessionId}`)[0]

/** What is answered on the socket from the window on that opens next, once so many are. */
async function answeredFromNow(socket: TestSocket, startedAt: number, count: number) {
  const from = Math.floor((Date.now() - startedAt) / INTERVAL_MS) + 2
  return eventually(
    () => answers(socket).filter(({ window }) => window >= from),
    ({ length }) => length >= count,
  )
}

t.test('of two instances that were given the same epoch one serves the session', async (t) => {
  const { sessionId, startedAt } = await startSession(a, await createAccount(a))
  const older = await streamTo(t, a, sessionId, 'happy')
  await older.next('emotion_update')
  await sql`
    update sessions set lease_owner = null, lease_epoch = 0, lease_until = null where id = ${sessionId}`
  const newer = await streamTo(t, b, sessionId, 'sad')
  await newer.next('emotion_update')
  // By the next renewal each knows.
  const renewedAt = Date.now() + LEASE_MS
  await eventually(Date.now, (now) => now > renewedAt)
  const lease = await leaseOf(sessionId)
  const [owner, other] = lease?.['owner'] === b.app.instanceId ? [newer, older] : [older, newer]
  const before = answers(other).length
  const mine = await answeredFromNow(owner, startedAt, 4)
  t.equal(answers(other).length, before, 'the other socket is sent nothing more')
  t.same(await leaseOf(sessionId), lease)
  const rows = await stored(sessionId)
  t.same(
    mine.filter(({ window, emotion }) => rows.find((row) => row.window === window)?.emotion !== emotion),
    [],
    'rows and the socket say the same',
  )
})

t.test('an instance that is an epoch ahead of the row writes its windows, each once', async (t) => {
  const { sessionId, startedAt } = await startSession(a, await createAccount(a))
  const older = await streamTo(t, a, sessionId, 'happy')
  await older.next('emotion_update')
  const socket = await streamTo(t, b, sessionId, 'happy')
  await socket.next('emotion_update')
  older.socket.terminate()
  const held = await leaseOf(sessionId)
  t.match(held, { owner: b.app.instanceId })
  // As the last owner's claim left it, who is gone and whose lease runs.
  await sql`
    update sessions set lease_owner = 'an instance that is gone', lease_epoch = lease_epoch - 1,
      lease_until = now() + interval '1 hour' where id = ${sessionId}`
  const told = await answeredFromNow(socket, startedAt, 5)
  await eventually(
    () => stored(sessionId),
    (rows) => told.every(({ window }) => rows.some((row) => row.window === window)),
  )
  t.same(await leaseOf(sessionId), held, 'under the lease that it had')
  t.equal(socket.socket.readyState, socket.socket.OPEN)
  t.notOk(
    b.log.some((line) => line.includes('a result was not stored') || line.includes('was left to the owner')),
    'nothing is thrown away',
  )
  const windows = answers(socket).map(({ window }) => window)
  t.same(windows, [...new Set(windows)], 'and nothing is sent twice')
})
