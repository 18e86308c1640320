import t from 'tap'
import { bearer, connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { cli, cliJson } from '../helpers/cli.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'

type Shown = { readonly session: string; readonly status: string; readonly owner: string | null }
type Page = { readonly sessions: readonly Shown[]; readonly next: string | null }

t.test('the server that serves a session ends it as over REST', async (t) => {
  const server = await startTestApp(t, { env: { ANALYSIS_INTERVAL_MS: '1000' } })
  const { app, database } = server
  const account = await createAccount(server)
  const { sessionId, wsUrls } = await startSession(server, account)
  const landmarks = await connect(t, wsUrls.landmarks)
  const control = await connect(t, wsUrls.session)
  for (const text of frames('happy', 10)) landmarks.send(text)
  await landmarks.next('emotion_update')

  const short = sessionId.slice(0, 12)
  const live = await cliJson<Page>(t, database, ['session', 'list', '--status', 'live'])
  t.match(live, { exit: 0, sessions: [{ session: short, status: 'active', owner: app.instanceId }] })

  const end = ['session', 'end', short]
  const ended = await cliJson<{ changed: boolean }>(t, database, end)
  t.match(ended, { exit: 0, session: short, user: account.id, changed: true })
  for (const socket of [landmarks, control]) t.match(await socket.closed, { code: 1000 })
  t.ok(landmarks.messages.some(({ type }) => type === 'session_ended'))
  const url = `/api/session/${sessionId}/report`
  const report = await app.inject({ url, headers: bearer(account.accessToken) })
  t.match(report.json(), { success: true, data: { metadata: { status: 'ended' } } })
  await eventually(
    () => database.sql`select from reports`,
    (rows) => rows.length === 1,
  )
  t.match(await cliJson(t, database, end), { exit: 0, changed: false })
  const rows = await database.sql`
    select event, details::text as details from audit_log where actor = 'operator'`
  t.same(
    rows.map(({ event, details }) => [event, JSON.parse(String(details))]),
    [['authz_admin', { action: 'session_end', session: short, by: 'operator' }]],
  )
})

t.test('sessions are listed and shown without their ids, which open sockets', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const [one, two] = [await createAccount(server), await createAccount(server)]
  const ids: string[] = []
  for (const account of [one, one, two]) ids.push((await startSession(server, account)).sessionId)
  const shortOf = (place: number) => ids[place]?.slice(0, 12) ?? ''

  const all = await cli(database, ['session', 'list'])
  t.equal(all.out.length, 4)
  for (const id of ids) t.notOk(all.out.join().includes(id))
  const first = await cliJson<Page>(t, database, ['session', 'list', '--user', one.email, '--limit', '1'])
  t.match(first, { sessions: [{ session: shortOf(1) }], next: shortOf(1) })
  const rest = await cliJson<Page>(t, database, [
    ...['session', 'list', '--user', String(one.id), '--after', shortOf(1)],
  ])
  t.same([rest.sessions.map(({ session }) => session), rest.next], [[shortOf(0)], null])
  t.match(await cliJson(t, database, ['session', 'list', '--status', 'ended']), { sessions: [] })

  for (const name of [ids[2] ?? '', shortOf(2)]) {
    const { code, out } = await cli(database, ['session', 'show', name])
    t.equal(code, 0)
    t.match(out[0], new RegExp(`^SESSION +${shortOf(2)}$`))
    t.notOk(out.join().includes(ids[2] ?? ''))
  }
})

t.test('a session is named by enough characters of its id', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const account = await createAccount(server)
  for (const end of ['a', 'b']) {
    const { sessionId } = await startSession(server, account)
    await database.sql`update sessions set id = ${`sess_ambiguous_${end.repeat(20)}`} where id = ${sessionId}`
  }
  const show = (name: string) => cli(database, ['session', 'show', name])
  t.match(await show('sess_ambiguous'), { code: 2, err: ['several sessions begin so: give more characters'] })
  t.match(await show('sess_ambiguous_b'), { code: 0 })
  for (const unknown of ['sess_unknown', 'sess_', '%', 'ambiguous'])
    t.match(await show(unknown), { code: 2, err: ['the session does not exist'] }, unknown)
  t.match(await cli(await createTestDatabase(t), ['session', 'list']), { code: 0 })
})
