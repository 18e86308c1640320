import t, { type Test } from 'tap'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

// A database that answers, but badly: its disk is full, or it takes its time. Where a real one fails, a trigger raises
// what Postgres raises then, so that the code between the row and the socket is the real one.
const INTERVAL_MS = 300
const FRAMES = 5
/** A row that is stored takes longer here; an answer waits for it for 0.6 s, and a busy machine takes its time. */
const LATE_MS = 2500

async function setUp(t: Test, sessions: number) {
  const database = await createTestDatabase(t)
  const [, name = ''] = /\/([^/?]+)\?/.exec(database.url) ?? []
  let proxy = await startTcpProxy(database.socketDir)
  const { port } = proxy
  t.teardown(() => proxy.close())
  const server = await startTestApp(t, {
    database,
    model: null,
    env: {
      ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
      DATABASE_URL: `postgres://maeum@127.0.0.1:${port}/${name}?sslmode=disable`,
    },
  })
  const account = await createAccount(server)
  const live = await Promise.all(
    Array.from({ length: sessions }, async () => {
      const session = await startSession(server, account)
      return { session, socket: await connect(t, session.wsUrls.landmarks) }
    }),
  )
  const { sql } = database

  /** From now on every insert or update of the table does this first, until it is lifted. */
  const burden = async (table: string, events: string, what: string) => {
    await sql.unsafe(`
      create or replace function burden() returns trigger language plpgsql as $$ begin ${what}; return new; end $$;
      create trigger burden before ${events} on ${table} for each row execute function burden()`)
    return () => sql.unsafe(`drop trigger burden on ${table}`)
  }
  return {
    ...server,
    sql,
    live,
    burden,
    call: (method: 'GET' | 'POST', path: string) =>
      server.app.inject({ method, url: path, headers: bearer(account.accessToken) }),
    ready: async () => {
      const { statusCode, body } = await server.app.inject('/api/health/ready')
      return { statusCode, body }
    },
    waiting: async () => {
      const { body } = await server.app.inject('/metrics')
      return Number(/^maeum_outbox_windows (\d+)/m.exec(body)?.[1])
    },
    /** Answers that were sent before their commit. */
    uncommitted: async () => {
      const { body } = await server.app.inject('/metrics')
      return Number(/^maeum_answers_before_commit_total (\d+)/m.exec(body)?.[1])
    },
    rows: ({ sessionId }: StartedSession) =>
      sql`select "window", stored_at, delivered_at from emotion_windows where session_id = ${sessionId} order by stored_at, "window"`,
    /** Another server answers at the address, which has not been told yet that it may write, and is told after `meanwhile`. */
    failOver: async (meanwhile: () => Promise<unknown>) => {
      await proxy.close()
      await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`)
      proxy = await startTcpProxy(database.socketDir, port)
      await meanwhile()
      await sql.unsafe(`alter database ${name} reset default_transaction_read_only`)
      proxy.cut()
    },
  }
}

/** Plays one window with a face; how late its update came after its close, ms. */
async function playWindow({ send, next }: TestSocket): Promise<number> {
  for (const text of frames('happy', FRAMES)) send(text)
  const { data } = await next('emotion_update')
  return Date.now() - Number(data['timestamp'])
}

async function playWindows(socket: TestSocket, count: number): Promise<number> {
  let latest = 0
  for (let i = 0; i < count; i++) latest = Math.max(latest, await playWindow(socket))
  return latest
}

const delivered = ({ messages }: TestSocket) =>
  messages.filter(({ type }) => type === 'emotion_update').map(({ data }) => Number(data['window']))

t.test(
  'with a full disk sessions go on, and everything is written in order when there is room',
  async (t) => {
    const { live, burden, call, ready, waiting, rows, log, sql } = await setUp(t, 3)
    await Promise.all(live.map(({ socket }) => playWindow(socket)))
    const full = `raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'`
    const lifts = [await burden('emotion_windows', 'insert', full), await burden('sessions', 'insert', full)]
    const lates = await Promise.all(live.map(({ socket }) => playWindows(socket, 5)))
    t.ok(Math.max(...lates) < LATE_MS, `updates came ${lates.join(', ')} ms after their windows closed`)
    t.ok((await waiting()) >= 3 * 5, 'their rows wait')

    const refused = await call('POST', '/api/session/start')
    t.equal(refused.statusCode, 503)
    t.match(refused.headers, { 'retry-after': /^[1-9]\d*$/ })
    t.match(refused.json(), { success: false, error: { code: 'DATABASE_UNAVAILABLE' } })
    t.match(await ready(), { statusCode: 503, body: /cannot write/ }, 'readiness says so')
    const [first] = live as [(typeof live)[0]]
    t.equal(
      (await call('GET', `/api/session/${first.session.sessionId}`)).statusCode,
      200,
      'what only reads is answered',
    )
    const again = await connect(t, first.session.wsUrls.session)
    t.ok(await again.next('status_update'), 'sockets are admitted')

    for (const lift of lifts) await lift()
    await eventually(waiting, (count) => count === 0)
    for (const { session, socket } of live) {
      await playWindow(socket)
      const stored = await eventually(
        () => rows(session),
        (all) => all.length === delivered(socket).length && all.every((row) => row['delivered_at'] !== null),
      )
      t.same(
        stored.map((row) => Number(row['window'])),
        delivered(socket),
        'each once, in order',
      )
    }
    const [counted] =
      await sql`select min(landmark_count) as least, max(landmark_count) as most from sessions`
    t.same(
      [Number(counted?.['least']), Number(counted?.['most'])],
      [7 * FRAMES, 7 * FRAMES],
      'frames are counted once',
    )
    t.match(await ready(), { statusCode: 200 }, 'ready again')
    t.equal((await call('POST', '/api/session/start')).statusCode, 201)
    t.notOk(log.some((line) => line.includes('a result was not stored')))
  },
)

t.test('a database that is slow to write holds up no update, and loses none', async (t) => {
  const { live, burden, call, waiting, uncommitted, rows } = await setUp(t, 2)
  await Promise.all(live.map(({ socket }) => playWindow(socket)))
  const lift = await burden('emotion_windows', 'insert', 'perform pg_sleep(3)')
  const lates = await Promise.all(live.map(({ socket }) => playWindows(socket, 6)))
  t.ok(Math.max(...lates) < LATE_MS, `updates came ${lates.join(', ')} ms after their windows closed`)
  t.ok((await waiting()) > 0, 'rows wait meanwhile')
  t.ok((await uncommitted()) > 0, 'and answers that were sent before their commit are counted')
  const askedAt = Date.now()
  const [first] = live as [(typeof live)[0]]
  t.equal((await call('GET', `/api/session/${first.session.sessionId}`)).statusCode, 200)
  t.ok(Date.now() - askedAt < LATE_MS, 'what has nothing to do with it is answered at once')
  await lift()
  for (const { session, socket } of live) {
    const stored = await eventually(
      () => rows(session),
      (all) => all.length === delivered(socket).length,
    )
    t.same(
      stored.map((row) => Number(row['window'])),
      delivered(socket),
    )
  }
})

t.test(
  'at shutdown sockets stay until what was sent on them is marked, also by a slow database',
  async (t) => {
    const { live, burden, app, rows } = await setUp(t, 1)
    const [{ session, socket }] = live as [(typeof live)[0]]
    await playWindow(socket)
    await eventually(
      () => rows(session),
      ([row]) => row !== undefined && row['delivered_at'] !== null,
    )
    await burden('emotion_windows', 'update of delivered_at', 'perform pg_sleep(0.25)')
    for (const text of frames('happy', FRAMES)) socket.send(text)
    socket.send({ type: 'ping' })
    await socket.next('pong')
    const unmarked = socket.closed.then(async ({ code }) => {
      const stored = await rows(session)
      return {
        code,
        windows: stored.length,
        unmarked: stored.filter((row) => row['delivered_at'] === null).length,
      }
    })
    await app.close()
    const windows = delivered(socket).length
    t.ok(windows >= 2)
    t.same(
      await unmarked,
      { code: 1001, windows, unmarked: 0 },
      'whoever comes next sends none of them again',
    )
  },
)

t.test('after a failover the new server is found, and gets what it could not take at first', async (t) => {
  const { live, failOver, rows, waiting, call, ready } = await setUp(t, 2)
  await Promise.all(live.map(({ socket }) => playWindow(socket)))
  await failOver(async () => {
    const lates = await Promise.all(live.map(({ socket }) => playWindows(socket, 5)))
    t.ok(Math.max(...lates) < LATE_MS, `updates came ${lates.join(', ')} ms after their windows closed`)
    const refused = await call('POST', '/api/session/start')
    t.equal(refused.statusCode, 503, 'a standby is no database for us')
    t.match(refused.headers, { 'retry-after': /^[1-9]\d*$/ })
    t.match(await ready(), { statusCode: 503 })
  })
  await Promise.all(live.map(({ socket }) => playWindow(socket)))
  await eventually(waiting, (count) => count === 0)
  t.match(await eventually(ready, ({ statusCode }) => statusCode === 200), { statusCode: 200 })
  for (const { session, socket } of live) {
    const stored = await eventually(
      () => rows(session),
      (all) => all.length === delivered(socket).length,
    )
    t.same(
      stored.map((row) => Number(row['window'])),
      delivered(socket),
    )
  }
})
