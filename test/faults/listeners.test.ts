import t from 'tap'
import { connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

// What no request waits for may throw: the process goes on, and so does the work.

const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '500', WS_PING_INTERVAL_MS: '100' } })
const { app, database } = server

const errorsAt = async (place: string): Promise<number> => {
  const { body } = await app.inject('/metrics')
  return Number(new RegExp(`maeum_internal_errors_total\\{place="${place}"\\} (\\d+)`).exec(body)?.[1] ?? 0)
}
const fail = () => {
  throw new Error('a listener of this test')
}

t.test(
  'a listener of notices that throws hides none from the next, and none of the next notices',
  async (t) => {
    const heard: string[] = []
    app.notices.onNotice(fail)
    app.notices.onNotice((notice) => heard.push(notice.kind))
    await eventually(
      () => database.sql`select from pg_stat_activity
        where datname = current_database() and query = 'listen maeum' and state = 'idle'`,
      ({ length }) => length === 1,
    )
    for (const kind of ['finalised', 'deleted']) {
      const notice = JSON.stringify({ from: 'another', notice: { kind, sessionId: 'sess_x' } })
      await database.sql`select pg_notify('maeum', ${notice})`
    }
    await eventually(
      () => heard,
      (kinds) => kinds.length === 2,
    )
    t.equal(await errorsAt('notices'), 2)
    const lines = server.log.filter((line) => line.includes('a listener of this test'))
    t.equal(lines.length, 1, 'logged once a minute')
  },
)

t.test('so do listeners of the hub and of security events', async (t) => {
  app.hub.subscribe(fail)
  app.securityEvents.subscribe(fail)
  const session = await startSession(server, await createAccount(server))
  app.hub.publish(session.sessionId, { type: 'analysis_finished' })
  t.ok((await errorsAt('hub')) > 0)
  t.ok((await errorsAt('security_events')) > 0)
})

t.test('a timer that throws or rejects fires again', async (t) => {
  let calls = 0
  app.every('test_timer', 20, () => {
    calls++
    if (calls % 2 === 0) fail()
    return Promise.reject(new Error('later'))
  })
  await eventually(
    () => calls,
    (count) => count > 3,
  )
  t.ok((await errorsAt('test_timer')) >= 3)
})

t.test(
  'a session that is lost is lost for all who listen, and the sockets hear their server on',
  async (t) => {
    const lost: string[] = []
    app.sessions.onLost(fail)
    app.sessions.onLost((sessionId) => lost.push(sessionId))
    const session = await startSession(server, await createAccount(server))
    const socket = await connect(t, session.wsUrls.landmarks)
    await socket.next('connected')
    await database.sql`
    update sessions set lease_epoch = lease_epoch + 1, lease_owner = 'another', changed_at = now()
    where id = ${session.sessionId}`
    await eventually(
      () => lost,
      (ids) => ids.includes(session.sessionId),
    )
    await socket.next('ping')
    t.equal(await errorsAt('lease_lost'), 1)
  },
)
