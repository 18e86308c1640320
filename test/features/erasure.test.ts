import { createPublicKey, verify } from 'node:crypto'
import { sql as drizzleSql } from 'drizzle-orm'
import type { LightMyRequestResponse } from 'fastify'
import type postgres from 'postgres'
import t from 'tap'
import { isTimedOut } from '../../src/db/faults.ts'
import { encodeLearnt, NOTHING_LEARNT } from '../../src/domain/face/learnt.ts'
import { MEASURES, type MeasureValues } from '../../src/domain/face/measures.ts'
import { FACE_LABELS } from '../../src/domain/face/model.ts'
import { createChainHash } from '../../src/features/audit/chain.ts'
import { auditRepository } from '../../src/features/audit/repository.ts'
import { verifyTrail } from '../../src/features/audit/verify.ts'
import { retentionRepository } from '../../src/features/privacy/retention/repository.ts'
import { createRetention, untilNight } from '../../src/features/privacy/retention/service.ts'
import { sessionsRepository } from '../../src/features/sessions/repository.ts'
import { removeAll } from '../../src/lib/batches.ts'
import {
  type Account,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'

const SECRET = 'a secret for tests, of more than 32 characters'
const DATA_KEYS = `test:${Buffer.alloc(32, 7).toString('base64')}`
const ENV = { DATA_KEYS, ANALYSIS_INTERVAL_MS: '800', ANALYSIS_DEADLINE_MS: '500' }

type Receipt = {
  erased: Record<string, number>
  receipt: string
  publicKey: { kty: string; crv: string; x: string }
}

const call = (
  { app }: TestApp,
  { accessToken }: Account,
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  payload?: object,
) =>
  app.inject({
    method,
    url,
    headers: bearer(accessToken),
    ...(payload === undefined ? {} : { payload }),
  })
const code = (answer: LightMyRequestResponse) =>
  `${answer.statusCode} ${answer.json<{ error: { code: string } }>().error.code}`

/** Every row of every table except the trail, as text. */
async function dump({ sql }: TestDatabase): Promise<string> {
  const tables =
    await sql`select tablename from pg_tables where schemaname = 'public' and tablename <> 'audit_log'`
  const rows = await Promise.all(
    tables.map(({ tablename }) =>
      sql.unsafe(
        `select '${String(tablename)} ' || row_to_json(r)::text as row from "${String(tablename)}" r`,
      ),
    ),
  )
  return rows
    .flat()
    .map(({ row }) => String(row))
    .join('\n')
}

t.test('a user exports all data, then is erased', async (t) => {
  const database = await createTestDatabase(t)
  const here = await startTestApp(t, { database, env: ENV })
  const there = await startTestApp(t, { database, env: ENV })
  const account = await createAccount(here)
  const other = await createAccount(here)
  const othersSession = await startSession(here, other)
  await call(here, account, 'POST', '/api/user/consent', {
    purpose: 'emotion_analysis',
    textVersion: '1',
    locale: 'ko',
  })
  await here.app.inject({
    method: 'PUT',
    url: '/api/user/preferences',
    headers: bearer(account.accessToken),
    payload: { preferences: { fontScale: 'lg' } },
  })
  const session = await startSession(here, account)
  const landmarks = await connect(t, session.wsUrls.landmarks)
  await landmarks.next('connected')
  for (const frame of frames('sad', 8)) landmarks.send(frame)
  await landmarks.next('emotion_update')
  const talk = await connect(t, `${there.origin.replace('http', 'ws')}/ws/session/${session.sessionId}`)
  talk.send({ type: 'request_ai_response', data: { message: 'said by me', emotion: null } })
  await talk.next('ai_stream_complete')
  await call(here, account, 'POST', '/api/counselings', { type: 'video', notes: 'my notes' })
  await call(here, account, 'POST', '/api/feedback', { rating: 5, note: 'my feedback' })
  await eventually(
    async () => (await database.sql`select 1 from conversations`).length,
    (count) => count > 0,
  )

  await t.test('the export contains all own data and no data of others', async (t) => {
    const answer = await call(there, account, 'GET', '/api/user/export')
    t.equal(answer.statusCode, 200)
    t.match(answer.headers['content-type'], /^application\/json/)
    t.match(answer.headers['content-disposition'], /attachment/)
    const { data } = answer.json<{ data: Record<string, unknown> }>()
    t.match(data, {
      account: { id: account.id, email: account.email },
      preferences: { fontScale: 'lg' },
      devices: [{ id: String }],
      consents: [{ purpose: 'emotion_analysis' }],
      sessions: [
        {
          id: session.sessionId,
          windows: [{ window: Number, emotion: String, measures: { frameCount: 8 } }],
          conversations: [{ message: 'said by me' }],
          findings: [],
        },
      ],
      counselings: [{ notes: 'my notes' }],
      feedback: [{ note: 'my feedback' }],
    })
    t.ok((data['auditTrail'] as unknown[]).length > 0)
    for (const secret of [other.email, othersSession.sessionId, '$argon2id$', 'data_key', 'dataKey'])
      t.notOk(answer.body.includes(secret))
    t.equal((await here.app.inject({ url: '/api/user/export' })).statusCode, 401)
  })

  await t.test('baselines are exported as named measures', async (t) => {
    const exported = async (bytes: Uint8Array) => {
      await database.sql`
        insert into baselines (user_id, measures) values (${account.id}, ${Buffer.from(bytes)})
        on conflict (user_id) do update set measures = excluded.measures`
      return (await call(there, account, 'GET', '/api/user/export')).json<{ data: object }>().data
    }
    const measures = Object.fromEntries(MEASURES.map(({ name }, i) => [name, i / 8])) as MeasureValues // all of them
    const face = { weight: 20, measures, shape: FACE_LABELS.map((_, i) => i / 4) }
    const neutral = encodeLearnt({ ...NOTHING_LEARNT, baseline: face, given: [{ from: 1, baseline: face }] })
    t.match(await exported(neutral), {
      baseline: { ...face, updatedAt: /^\d{4}-\d\d-\d\dT/ },
      sessions: [
        { baseline: { baseline: { weight: Number, measures: { lipCornerPull: Number } }, given: [] } },
      ],
    })
    t.match(
      await exported(Buffer.of(0)),
      { baseline: { base64: 'AA==' } },
      'bytes of an unknown format as base64',
    )
  })

  await t.test('a long history is streamed', async (t) => {
    await database.sql`
      insert into emotion_windows (session_id, "window", closed_at, frames_received, frames_analysed, emotion,
        confidence, uncertain, scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, measures)
      select session_id, "window" + n, closed_at, frames_received, frames_analysed, emotion, confidence, uncertain,
        scores, valence, arousal, dominance, source, model, latency_ms, analyser_version, '\\x00'
      from emotion_windows cross join generate_series(1000, 1999) as n where session_id = ${session.sessionId}
        and "window" = (select min("window") from emotion_windows where session_id = ${session.sessionId})`
    const answer = await fetch(`${there.origin}/api/user/export`, { headers: bearer(account.accessToken) })
    let chunks = 0
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of answer.body ?? []) {
      chunks++
      text += decoder.decode(chunk as Uint8Array, { stream: true })
    }
    t.ok(chunks > 3, `${chunks} chunks`)
    const { data } = JSON.parse(text) as { data: { sessions: { windows: { window: number }[] }[] } }
    const windows = (data.sessions[0]?.windows ?? []).map(({ window }) => window)
    t.ok(windows.length >= 1001)
    t.same(
      windows,
      [...new Set(windows)].toSorted((a, b) => a - b),
      'complete, in order, without duplicates',
    )
  })

  await t.test('erasure requires the password and limits attempts', async (t) => {
    t.equal(code(await call(here, account, 'DELETE', '/api/user')), '400 VALIDATION_ERROR')
    t.equal(
      code(await call(here, account, 'DELETE', '/api/user', { password: 'wrong one' })),
      '401 INVALID_CREDENTIALS',
    )
    t.equal(
      (await here.app.inject({ method: 'DELETE', url: '/api/user', payload: { password: account.password } }))
        .statusCode,
      401,
    )
    for (let i = 0; i < 20; i++) await call(here, other, 'DELETE', '/api/user', { password: 'a guess' })
    t.equal(
      code(await call(here, other, 'DELETE', '/api/user', { password: other.password })),
      '429 TOO_MANY_ATTEMPTS',
      'then the correct password is refused like a wrong one',
    )
    t.equal((await call(here, other, 'GET', '/api/auth/me')).statusCode, 200, 'no account is deleted yet')
  })

  await t.test('all data is deleted, on all instances, with a receipt', async (t) => {
    const [before] = await database.sql`
      select actor from audit_log where event = 'user_created' order by at limit 1`
    const answer = await call(there, account, 'DELETE', '/api/user', { password: account.password })
    t.equal(answer.statusCode, 200)
    t.ok([1000, 1008].includes((await landmarks.closed).code), 'its sockets are closed')
    t.ok([1000, 1008].includes((await talk.closed).code))
    const text = await dump(database)
    for (const trace of [
      account.email,
      session.sessionId,
      `"user_id":${account.id},`,
      `"id":${account.id},"username"`,
    ])
      t.notOk(text.includes(trace), `nothing of ${trace}`)
    t.ok(text.includes(other.email), 'and everything of others')
    for (const server of [here, there])
      await eventually(
        () => call(server, account, 'GET', '/api/auth/me'),
        ({ statusCode }) => statusCode === 401,
      )
    const login = { email: account.email, password: account.password }
    const again = await here.app.inject({ method: 'POST', url: '/api/auth/login', payload: login })
    t.equal(code(again), '401 INVALID_CREDENTIALS')
    const { data } = answer.json<{ data: Receipt }>()
    t.match(data.erased, { sessions: 1, counselings: 1, feedback: 1, consents: 1, devices: 1 })

    const [header = '', content = '', signature = ''] = data.receipt.split('.')
    const key = createPublicKey({ key: data.publicKey, format: 'jwk' })
    const signed = Buffer.from(`${header}.${content}`)
    t.ok(verify(null, signed, key, Buffer.from(signature, 'base64url')), 'the receipt is signed')
    const altered = Buffer.from(`${header}.${content.replace(/^../, 'ab')}`)
    t.notOk(verify(null, altered, key, Buffer.from(signature, 'base64url')))
    t.match(JSON.parse(Buffer.from(content, 'base64url').toString()), {
      event: 'account_erased',
      sub: before?.['actor'],
    })

    const rows = await eventually(
      () => database.sql`select actor, subject from audit_log where event = 'user_deleted'`,
      (found) => found.length > 0,
    )
    t.equal(rows[0]?.['subject'], before?.['actor'], 'the trail says who, by a name whose key is gone')
    const trail = { orm: database.orm, repository: auditRepository, hashes: [createChainHash(SECRET)] }
    t.same((await verifyTrail(trail)).findings, [], 'and still holds')
    for (const server of [here, there]) t.notOk(server.log.some((line) => line.includes('"level":60')))
  })
})

t.test('expired data is deleted at night', async (t) => {
  const server = await startTestApp(t)
  const { database } = server
  const { sql, orm } = database
  const account = await createAccount(server)
  const old = await startSession(server, account)
  const recent = await startSession(server, account)
  const live = await startSession(server, account)
  for (const { sessionId } of [old, recent])
    await call(server, account, 'POST', `/api/session/${sessionId}/end`)
  await sql`update sessions set ended_at = ended_at - interval '400 days', started_at = started_at - interval '400 days' where id = ${old.sessionId}`
  await sql`update sessions set started_at = started_at - interval '400 days' where id = ${live.sessionId}`
  for (const days of [100, 10])
    await sql`
      insert into conversations (session_id, message, response, source, created_at)
      select ${recent.sessionId}, ${`${days} days`}, 'x', 'local', now() - ${days} * interval '1 day'
      from generate_series(1, 250)`
  await sql`insert into feedbacks (user_id, rating, created_at) values (${account.id}, 5, now() - interval '9 years')`

  const days = { sessions: 365, conversations: 90 }
  const retention = () =>
    createRetention({
      orm,
      repository: retentionRepository,
      days,
      retainAudit: async () => 0,
      onFailed: (_kind, error) => t.error(error),
    })
  const never = new AbortController().signal
  const both = await Promise.all([retention().run(never), retention().run(never)])
  const gone = (kind: 'sessions' | 'conversations') => both.reduce((sum, one) => sum + (one[kind] ?? 0), 0)
  // One of two concurrent runs may find the lock taken and leave the rest to the other.
  const rest = await retention().run(never)
  t.equal(gone('sessions') + (rest.sessions ?? 0), 1)
  t.equal(gone('conversations') + (rest.conversations ?? 0), 250)
  t.same(
    (await sql`select id from sessions order by id`).map(({ id }) => String(id)),
    [live.sessionId, recent.sessionId].toSorted(),
    'live sessions are kept',
  )
  t.equal((await sql`select 1 from conversations where message = '10 days'`).length, 250)
  t.equal((await sql`select 1 from feedbacks`).length, 1, 'a kind without a length of life is kept')
  t.same(await retention().run(AbortSignal.abort()), { sessions: 0, conversations: 0 }, 'stops when aborted')

  const hour = 3_600_000
  t.equal(untilNight(0), 3 * hour)
  t.equal(untilNight(3 * hour), 24 * hour)
  t.equal(untilNight(4 * hour), 23 * hour)
})

/** Sessions that ended long ago; each takes `ms` to delete. */
async function heavySessions({ sql }: TestDatabase, msOf: (n: number) => number, count: number) {
  await sql`insert into users (username, email, password_hash) values ('a', 'a@example.com', 'x')`
  await sql`
    insert into sessions (id, user_id, interval_ms, status, started_at, ended_at, landmark_count)
    select 's' || (m->>'n'), u.id, 10000, 'ended', now() - interval '500 days',
      now() - interval '500 days' + (m->>'n')::int * interval '1 minute', (m->>'ms')::int
    from users u, jsonb_array_elements(
      ${JSON.stringify(Array.from({ length: count }, (_, n) => ({ n, ms: msOf(n) })))}::text::jsonb) as m`
  await sql`
    create function take_long() returns trigger language plpgsql as $$
    begin perform pg_sleep(old.landmark_count / 1000.0); return old; end $$`
  await sql`create trigger take_long before delete on sessions for each row execute function take_long()`
}

t.test('retention continues if a batch or a single row takes too long', async (t) => {
  const database = await createTestDatabase(t)
  const { sql, orm } = database
  await heavySessions(database, (n) => (n === 0 ? 30_000 : 4), 40)
  await sql`
    insert into feedbacks (user_id, rating, created_at) select id, 5, now() - interval '500 days' from users`
  await sql`alter table counselings rename to counselings_away`
  const failed: string[] = []
  const retention = createRetention({
    orm,
    repository: retentionRepository,
    days: { sessions: 400, feedback: 400, counselings: 400, audit: 400 },
    retainAudit: async () => 7,
    onFailed: (kind) => void failed.push(kind),
    statementMs: 300,
  })
  const gone = await retention.run(new AbortController().signal)
  t.same(gone, { feedback: 1, sessions: 39, audit: 7 })
  t.same(failed, ['counselings', 'sessions'], 'a kind that fails, and the row that was passed over')
  t.same(
    (await sql`select id from sessions`).map(({ id }) => String(id)),
    ['s0'],
  )
})

t.test('a user with long sessions can be erased', async (t) => {
  const database = await createTestDatabase(t)
  await heavySessions(database, () => 30, 20)
  const [user] = await database.sql`select id::int as id from users`
  const limits: number[] = []
  const removed = await removeAll({
    remove: (limit) => {
      limits.push(limit)
      return database.orm.transaction(async (tx) => {
        await tx.execute(drizzleSql`set local statement_timeout = 200`)
        return (await sessionsRepository.deleteOfUser(tx, Number(user?.['id']), limit)).length
      })
    },
    batch: 50,
    maxTries: 100,
    isTooLarge: isTimedOut,
  })
  t.equal(removed, 20)
  t.ok((limits.at(-1) ?? 50) < 7, limits.join(' '))
})

t.test('expired data is found by an index', async (t) => {
  const database = await createTestDatabase(t)
  const { sql, orm } = database
  await sql`insert into users (username, email, password_hash) values ('a', 'a@example.com', 'x')`
  await sql`
    insert into sessions (id, user_id, interval_ms, status, started_at, ended_at)
    select 's' || n, u.id, 10000, 'ended', now() - n * interval '1 hour', now() - n * interval '1 hour'
    from users u, generate_series(1, 10000) as n`
  await sql`
    insert into conversations (session_id, message, response, source, created_at)
    select id, 'm', 'r', 'local', ended_at from sessions`
  await sql`insert into feedbacks (user_id, session_id, rating, created_at) select user_id, id, 5, ended_at from sessions`
  await sql`
    insert into counselings (user_id, session_id, type, updated_at, scheduled_at)
    select user_id, id, 'video', ended_at, ended_at + interval '1 day' from sessions`
  await sql`analyze`

  const asked: { text: string; parameters: postgres.ParameterOrJSON<never>[] }[] = []
  const options = sql.options as { debug: unknown } // the driver reads it at every statement
  options.debug = (_connection: number, text: string, parameters: postgres.ParameterOrJSON<never>[]) =>
    void asked.push({ text, parameters: [...parameters] })
  const days = { sessions: 410, conversations: 410, counselings: 410, feedback: 410 }
  const retention = createRetention({
    orm,
    repository: retentionRepository,
    days,
    retainAudit: async () => 0,
    onFailed: (_kind, error) => t.error(error),
  })
  const gone = await retention.run(new AbortController().signal)
  options.debug = undefined
  for (const kind of ['sessions', 'conversations', 'counselings', 'feedback'] as const)
    t.ok((gone[kind] ?? 0) > 100, `${kind}: ${gone[kind]}`)
  const deletions = asked.filter(({ text }) => /^delete/i.test(text))
  t.equal(deletions.length, 4)
  for (const { text, parameters } of deletions) {
    const plan = JSON.stringify(await sql.unsafe(`explain ${text}`, parameters))
    t.match(plan, /Index Cond: \([^"]*now\(\)/, text)
    t.notMatch(plan, /Filter: [^"]*now\(\)/, text)
  }
})
