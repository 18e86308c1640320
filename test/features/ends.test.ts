import { mock } from 'node:test'
import t from 'tap'
import { parseDatabaseUrl } from '../../src/db/url.ts'
import { Outbox } from '../../src/live/windows/outbox.ts'
import { sessionsRepository } from '../../src/features/sessions/repository.ts'
import { createSessionService } from '../../src/features/sessions/service.ts'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

t.test('ending the sessions of a user continues after one that is deleted or fails', async (t) => {
  const server = await startTestApp(t)
  const account = await createAccount(server)
  const sessions = [await startSession(server, account), await startSession(server, account)]
  const [first, second] = sessions.map(({ sessionId }) => sessionId)
  const service = createSessionService({
    database: server.database,
    repository: {
      ...sessionsRepository,
      listLiveOfUser: async () => [`sess_${'g'.repeat(32)}`, String(first), String(second)],
      lock: async (orm, id) => {
        if (id === first) throw new Error('this one fails')
        return sessionsRepository.lock(orm, id)
      },
    },
    intervalMs: 1000,
    listUnstored: () => [],
    announce: () => undefined,
    announceDeleted: () => undefined,
    onErased: () => undefined,
  })
  await t.rejects(service.endOfUser(account.id, 'consent_withdrawn'), /this one fails/)
  const rows = await server.database.sql`select id, status from sessions where user_id = ${account.id}`
  t.same(
    new Map(rows.map(({ id, status }) => [id, status])),
    new Map([
      [first, 'active'],
      [second, 'ended'],
    ]),
  )
})

t.test('an abandoned session ends at its last activity', async (t) => {
  const env = { ANALYSIS_INTERVAL_MS: '500', SESSION_ABANDON_MS: '4000' }
  const server = await startTestApp(t, { env })
  const account = await createAccount(server)
  const { sessionId, wsUrls } = await startSession(server, account)
  const landmarks = await connect(t, wsUrls.landmarks)
  const stream = setInterval(() => landmarks.send(frames('happy', 1)[0]), 25)
  for (let i = 0; i < 3; i++) await landmarks.next('emotion_update')
  clearInterval(stream)
  landmarks.socket.close()
  await landmarks.closed
  const get = () =>
    server.app.inject({ url: `/api/session/${sessionId}`, headers: bearer(account.accessToken) })
  const view = await eventually(
    async () => (await get()).json<{ data: { status: string; endReason: string; endedAt: number } }>().data,
    ({ status }) => status === 'ended',
  )
  t.equal(view.endReason, 'abandoned')
  const [row] = await server.database.sql`
    select (extract(epoch from max(closed_at)) * 1000)::float8 as closed,
      (extract(epoch from max(s.seen_at)) * 1000)::float8 as seen
    from emotion_windows join sessions s on s.id = session_id where s.id = ${sessionId}`
  const lastSign = Math.max(Number(row?.['closed']), Number(row?.['seen']))
  t.ok(Math.abs(view.endedAt - lastSign) < 500, `${view.endedAt - lastSign} ms after the last sign`)
})

const withdrawals = [
  ['which drops them', true],
  ['which has not heard of it yet', false],
] as const
for (const [whose, isDropping] of withdrawals)
  t.test(
    `windows that wait for the database when consent is taken back are never stored, of an instance ${whose}`,
    async (t) => {
      if (!isDropping) {
        const discard = mock.method(Outbox.prototype, 'discard', () => undefined)
        t.teardown(() => discard.mock.restore())
      }
      const database = await createTestDatabase(t)
      const upstream = database.port ?? database.socketDir
      const proxy = await startTcpProxy(upstream)
      const url = `postgres://maeum@127.0.0.1:${proxy.port}/${parseDatabaseUrl(database.url).database}?sslmode=disable`
      const env = { ANALYSIS_INTERVAL_MS: '500', SESSION_GRACE_MS: '1000' }
      const here = await startTestApp(t, { database: { ...database, url }, env })
      const there = await startTestApp(t, { database, env })
      const account = await createAccount(here)
      const session = await startSession(here, account)
      const landmarks = await connect(t, session.wsUrls.landmarks)
      const stream = setInterval(() => landmarks.send(frames('happy', 1)[0]), 25)
      t.teardown(() => clearInterval(stream))
      await landmarks.next('emotion_update')
      await proxy.close()
      await landmarks.next('analysis_started')
      const from = landmarks.messages.length
      const answered = () =>
        landmarks.messages.slice(from).filter(({ type }) => type === 'emotion_update').length
      await eventually(answered, (count) => count >= 2)
      const windows = () =>
        database.sql`select "window" from emotion_windows where session_id = ${session.sessionId}`
      const answer = await there.app.inject({
        method: 'DELETE',
        url: '/api/user/consent',
        headers: bearer(account.accessToken),
      })
      t.equal(answer.statusCode, 200)
      const before = await windows()
      const mended = await startTcpProxy(upstream, proxy.port)
      t.teardown(() => mended.close())
      t.match(await landmarks.closed, { code: 1000 })
      await eventually(
        () =>
          database.sql`select 1 from sessions where id = ${session.sessionId} and finalised_at is not null`,
        ({ length }) => length > 0,
      )
      // A session that lives on shows when what waited has been written.
      const next = await startSession(here, account)
      const other = await connect(t, next.wsUrls.landmarks)
      const feeding = setInterval(() => other.send(frames('happy', 1)[0]), 25)
      await other.next('emotion_update')
      await other.next('emotion_update')
      clearInterval(feeding)
      t.same(await windows(), before)
    },
  )
