import { mock } from 'node:test'
import t, { type Test } from 'tap'
import { stateRepository } from '../../src/live/leases/state-repository.ts'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'

// Rows are changed directly, as if by another instance a minute ago, without a notice: only the rows show the change.

const database = await createTestDatabase(t)
const { sql } = database
const server = await startTestApp(t, {
  database,
  env: { ANALYSIS_INTERVAL_MS: '500', SESSION_GRACE_MS: '1000' },
})
const account = await createAccount(server)

const status = async ({ sessionId }: StartedSession) =>
  (
    await sql`select status, lease_owner as owner, finalised_at is not null as finalised, end_reason as reason
    from sessions where id = ${sessionId}`
  )[0]

const command = (word: string, { sessionId }: StartedSession) =>
  server.app.inject({
    method: 'POST',
    url: `/api/session/${sessionId}/${word}`,
    headers: bearer(account.accessToken),
  })

/** A session with frames and one answer. */
async function streaming(t: Test) {
  const session = await startSession(server, account)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  const talk = await connect(t, session.wsUrls.session)
  const stream = setInterval(() => landmarks.send(frames('happy', 1)[0]), 25)
  t.teardown(() => clearInterval(stream))
  await landmarks.next('emotion_update')
  return { session, landmarks, talk, leave: () => clearInterval(stream) }
}

const inferenceStats = { total: 0, gemini: 0, local: 0, timedOut: 0, averageLatencyMs: null }

/** Ends it like another instance, a minute before this one polls. */
const endElsewhere = ({ sessionId }: StartedSession, reason: string) => sql`
  update sessions set status = 'ended', end_reason = ${reason},
    end_answer = ${JSON.stringify({
      sessionId,
      status: 'ended',
      endedAt: 0,
      duration: 0,
      emotionCount: 0,
      emotionSummary: null,
      inferenceStats,
    })}::text::jsonb,
    ended_at = greatest(now() - interval '1 minute', started_at), changed_at = now() - interval '1 minute'
  where id = ${sessionId}`

t.test('a missed end closes the sockets, and the report is created', async (t) => {
  const { session, landmarks, talk } = await streaming(t)
  await endElsewhere(session, 'requested')
  await landmarks.next('session_ended')
  t.match(await landmarks.closed, { code: 1000, reason: 'SESSION_ENDED' })
  t.match(await talk.closed, { code: 1000, reason: 'SESSION_ENDED' })
  await eventually(
    () => status(session),
    (row) => row?.['finalised'] === true,
  )
})

t.test('a missed withdrawal of consent ends the analysis', async (t) => {
  const { session, landmarks } = await streaming(t)
  await endElsewhere(session, 'consent_withdrawn')
  t.match(await landmarks.closed, { code: 1000, reason: 'SESSION_ENDED' })
})

t.test('a missed pause and a missed resume are detected', async (t) => {
  const { session, landmarks, talk } = await streaming(t)
  await talk.next('status_update')
  await sql`
    update sessions set status = 'paused', paused_at = started_at + interval '1 millisecond',
      changed_at = now() - interval '1 minute' where id = ${session.sessionId}`
  await landmarks.next('session_paused')
  t.match((await talk.next('status_update')).data, { status: 'paused' })
  await sql`
    update sessions set status = 'active', resumed_at = paused_at + interval '1 millisecond',
      changed_at = now() - interval '1 minute' where id = ${session.sessionId}`
  await landmarks.next('session_resumed')
  landmarks.messages.length = 0
  await landmarks.next('emotion_update')
})

t.test('a pause that a failover has lost does not stop the analysis', async (t) => {
  const { session, landmarks } = await streaming(t)
  t.equal((await command('pause', session)).statusCode, 200)
  await landmarks.next('session_paused')
  await sql`
    update sessions set status = 'active', paused_at = null, changed_at = now() - interval '1 minute'
    where id = ${session.sessionId}`
  await landmarks.next('session_resumed')
  const from = landmarks.messages.length
  await eventually(
    () => landmarks.messages.slice(from).some(({ type }) => type === 'emotion_update'),
    Boolean,
  )
})

t.test('a resume that a failover has lost is a pause again', async (t) => {
  const { session, landmarks } = await streaming(t)
  t.equal((await command('pause', session)).statusCode, 200)
  t.equal((await command('resume', session)).statusCode, 200)
  await landmarks.next('session_resumed')
  await landmarks.next('session_paused') // the first one
  await sql`
    update sessions set status = 'paused', resumed_at = null, changed_at = now() - interval '1 minute'
    where id = ${session.sessionId}`
  await landmarks.next('session_paused')
})

t.test(
  'a session that ended on another instance after its sockets had closed is reported, also if its lease is renewed',
  async (t) => {
    const { session, landmarks, talk, leave } = await streaming(t)
    leave()
    landmarks.socket.close()
    talk.socket.close()
    await Promise.all([landmarks.closed, talk.closed])
    await endElsewhere(session, 'requested')
    await eventually(
      () => status(session),
      (row) => row?.['finalised'] === true && row['owner'] === null,
    )
  },
)

t.test('a second end announces the first one again, unchanged', async (t) => {
  const { session, landmarks } = await streaming(t)
  const look = mock.method(stateRepository, 'listDiffering', async () => []) // it would detect the end too
  t.teardown(() => look.mock.restore())
  await endElsewhere(session, 'requested')
  const [answer, { data }] = await Promise.all([command('end', session), landmarks.next('session_ended')])
  t.equal(answer.statusCode, 200)
  const [row] = await sql`select ended_at from sessions where id = ${session.sessionId}`
  t.equal(data['timestamp'], new Date(String(row?.['ended_at'])).getTime())
  t.match(await landmarks.closed, { code: 1000 })
  t.equal(landmarks.messages.filter(({ type }) => type === 'session_ended').length, 1)
})
