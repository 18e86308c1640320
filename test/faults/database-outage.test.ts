import { setTimeout as pace } from 'node:timers/promises'
import t, { type Test } from 'tap'
import {
  bearer,
  connect,
  createAccount,
  type StartedSession,
  type TestApp,
  startSession,
  startTestApp,
  type TestSocket,
} from '../helpers/app.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { type Fleet, startFleet } from '../helpers/fleet.ts'
import { frames } from '../helpers/frames.ts'
import { holdTable } from '../helpers/hold-table.ts'
import { isLate, settle } from '../helpers/ledger.ts'
import { freePort, type OwnPostgres, startOwnPostgres } from '../helpers/own-postgres.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { asAdmin } from '../helpers/test-server.ts'
import { allReceive, openClients, type WebClient } from '../helpers/web-client.ts'

const INTERVAL_MS = 300
const FRAMES = 5

const database = await createTestDatabase(t)
const [, databaseName = ''] = /\/([^/?]+)\?/.exec(database.url) ?? []

/** A server whose way to the database can be cut, and a number of live sessions on it. */
async function setUp(t: Test, sessions: number) {
  let proxy = await startTcpProxy(database.socketDir)
  const { port } = proxy
  t.teardown(() => proxy.close())
  const server = await startTestApp(t, {
    database,
    env: {
      ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
      DATABASE_URL: `postgres://maeum@127.0.0.1:${port}/${databaseName}?sslmode=disable`,
    },
  })
  const account = await createAccount(server)
  const live = await Promise.all(
    Array.from({ length: sessions }, async () => {
      const session = await startSession(server, account)
      return { session, socket: await connect(t, session.wsUrls.landmarks) }
    }),
  )
  return {
    server,
    account,
    live,
    cut: () => proxy.close(),
    mend: async () => {
      proxy = await startTcpProxy(database.socketDir, port)
    },
    freeze: () => proxy.freeze(),
    reset: () => proxy.cut(),
    metric: async (name: string) => {
      const { body } = await server.app.inject('/metrics')
      const line = body.split('\n').find((candidate) => candidate.startsWith(`${name} `))
      return Number(line?.split(' ')[1] ?? 0)
    },
  }
}

/** How many frames were sent on each socket. */
const sentFrames = new WeakMap<TestSocket, number>()

/** Sends the frames of one window and waits for an update; on a busy machine they may fall into two windows. */
async function playWindow(socket: TestSocket): Promise<void> {
  for (const text of frames('happy', FRAMES)) socket.send(text)
  sentFrames.set(socket, (sentFrames.get(socket) ?? 0) + FRAMES)
  await socket.next('emotion_update')
}

async function playWindows(socket: TestSocket, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await playWindow(socket)
}

/** Nothing is answered by the database until it is mended: an update that waited for it would never come. */
const LATE_MS = 5000

const delivered = ({ messages }: TestSocket) =>
  messages.filter(({ type }) => type === 'emotion_update').map(({ data }) => Number(data['window']))

const storedWindows = ({ sessionId }: StartedSession) =>
  database.sql`select "window", stored_at, emotion from emotion_windows where session_id = ${sessionId} order by "window"`

const countedFrames = async ({ sessionId }: StartedSession): Promise<number> => {
  const [row] = await database.sql`select landmark_count from sessions where id = ${sessionId}`
  return Number(row?.['landmark_count'])
}

/** Waits until every frame that was sent is counted, and checks that what was delivered is stored once and in order. */
async function isStored(t: Test, session: StartedSession, socket: TestSocket): Promise<void> {
  await eventually(
    () => countedFrames(session),
    (count) => count >= (sentFrames.get(socket) ?? 0),
  )
  const rows = await eventually(
    () => storedWindows(session),
    (stored) => stored.length === delivered(socket).length,
  )
  t.same(
    rows.map((row) => row['window'] as unknown),
    delivered(socket),
  )
  const moments = rows.map((row) => Date.parse(String(row['stored_at'])))
  t.same(
    moments,
    [...moments].sort((a, b) => a - b),
    'stored in order',
  )
  t.equal(await countedFrames(session), sentFrames.get(socket), 'each frame counted once')
}

type LogLine = { readonly level: number; readonly msg: string }

/** The log lines of this level and above. */
const warningsOf = ({ log }: TestApp) =>
  log.map((line) => JSON.parse(line) as LogLine).filter(({ level }) => level >= 40)

const failure = (connecting: Promise<unknown>): Promise<string> =>
  connecting.then(
    () => 'admitted',
    (error: unknown) => String(error),
  )

t.test(
  'with the database cut off updates go on, and are stored once and in order when it is back',
  async (t) => {
    const { live, server, account, cut, mend, metric } = await setUp(t, 2)
    await Promise.all(live.map(({ socket }) => playWindow(socket)))
    await cut()
    await Promise.all(live.map(({ socket }) => playWindows(socket, 5)))
    t.ok((await metric('maeum_outbox_windows')) >= 8)
    const [{ session }] = live as [(typeof live)[0]]
    for (let i = 0; i < 2; i++) t.match(await failure(connect(t, session.wsUrls.voice)), '503')
    const headers = bearer(account.accessToken)
    for (let i = 0; i < 5; i++) {
      const { statusCode } = await server.app.inject({ url: `/api/session/${session.sessionId}`, headers })
      t.equal(statusCode, 503)
    }
    await mend()
    await Promise.all(live.map(({ socket }) => playWindow(socket)))
    for (const { session, socket } of live) await isStored(t, session, socket)
    t.equal(await metric('maeum_outbox_windows'), 0)
    t.equal(await failure(connect(t, session.wsUrls.voice)), 'admitted')
    t.equal(await metric('maeum_errors_total{code="DATABASE_UNAVAILABLE"}'), 7, 'each refusal is counted')
    const warnings = await eventually(
      () => warningsOf(server),
      (lines) => lines.some(({ msg }) => msg === 'the database is available again'),
    )
    t.match(warnings, [
      { msg: /^the database is unavailable/, reason: /^E/ },
      { msg: '❌ [CRITICAL] Failed to fetch session' },
      { msg: 'the database is available again', requests: 7, waiting: Number },
    ])
    t.equal(warnings.length, 3)
  },
)

t.test('a database that falls silent holds up no update', async (t) => {
  const { live, freeze, reset } = await setUp(t, 1)
  const [{ socket, session }] = live as [(typeof live)[0]]
  await playWindow(socket)
  freeze()
  for (let i = 0; i < 3; i++) {
    await playWindow(socket)
    const late = Date.now() - Number(socket.messages.at(-1)?.data['timestamp'])
    t.ok(late < LATE_MS, `${late} ms after the close of its window`)
  }
  reset()
  await playWindow(socket)
  await isStored(t, session, socket)
})

t.test(
  'what waits is bounded: beyond it windows are dropped and counted, and no new socket is taken',
  async (t) => {
    const { live, server, account, metric } = await setUp(t, 0)
    t.equal(live.length, 0)
    const [full, other] = [await startSession(server, account), await startSession(server, account)]
    await database.sql`update sessions set interval_ms = 60 where id = ${full.sessionId}` // so that an hour fits in seconds
    const { socket, messages, send, next } = await connect(t, full.wsUrls.landmarks)
    const letGo = await holdTable(server, 'emotion_windows')
    const dropped = () => metric('maeum_windows_dropped_total{reason="outbox_full"}')
    const [frame = ''] = frames('happy', 1)
    while ((await dropped()) < 3) {
      send(frame)
      await pace(25)
    }
    const refused = await connect(t, full.wsUrls.landmarks)
    t.match((await refused.next('error')).data, { code: 'SERVER_BUSY', action: 'reconnect' })
    t.match(await refused.closed, { code: 1013 })
    t.equal(await failure(connect(t, full.wsUrls.session)), 'admitted', 'channels without frames stay open')
    const beside = await connect(t, other.wsUrls.landmarks)
    t.ok(await beside.next('connected'), 'another session has its own share')
    t.equal(socket.readyState, socket.OPEN, 'the socket that was there stays')
    await next('emotion_update')

    letGo()
    const rows = await eventually(
      () => storedWindows(full),
      (stored) => stored.length >= 60,
    )
    const numbers = rows.map((row) => Number(row['window']))
    const all = delivered({ messages } as TestSocket)
    t.same(numbers.slice(0, 60), all.slice(0, 60), 'the oldest sixty were kept, in order')
    t.notOk(numbers.includes(Number(all[60])), 'the one after was not')
    const again = await connect(t, full.wsUrls.landmarks)
    again.send(frame)
    t.ok(await again.next('emotion_update'), 'sockets are taken again')
  },
)

t.test('results of a session that has been deleted are dropped alone and not tried again', async (t) => {
  const { live, cut, mend, metric } = await setUp(t, 2)
  const [gone, kept] = live as [(typeof live)[0], (typeof live)[0]]
  await Promise.all(live.map(({ socket }) => playWindow(socket)))
  await cut()
  await Promise.all(live.map(({ socket }) => playWindows(socket, 2)))
  await database.sql`delete from sessions where id = ${gone.session.sessionId}`
  await mend()
  await isStored(t, kept.session, kept.socket)
  await eventually(
    () => metric('maeum_outbox_windows'),
    (waiting) => waiting === 0,
  )
  t.equal((await storedWindows(gone.session)).length, 0)
  t.equal(await metric('maeum_windows_dropped_total{reason="refused_by_database"}'), 0)
})

t.test('backends that are killed again and again lose nothing', async (t) => {
  // What was connected before is this test's own, and does not connect again until the killing is over.
  const [before] = await database.sql`select now()::text as at`
  const { live, account, server } = await setUp(t, 3)
  const killing = new AbortController()
  let killed = 0
  // From another database, so that it does not kill itself.
  const killer = asAdmin(database.socketDir, 'postgres', async (sql) => {
    while (!killing.signal.aborted) {
      const [row] = await sql`
        select count(pg_terminate_backend(pid))::int as killed from pg_stat_activity
        where datname = ${databaseName} and backend_start > ${String(before?.['at'])}::text::timestamptz`
      killed += Number(row?.['killed'])
      await pace(30)
    }
  })
  await Promise.all(live.map(({ socket }) => playWindows(socket, 8)))
  killing.abort()
  await killer
  t.ok(killed > 5, `${killed} backends killed`)
  for (const { session, socket } of live) {
    t.ok(delivered(socket).length >= 8)
    await isStored(t, session, socket)
    // A connection that was killed last may be found dead only now.
    const answer = await eventually(
      () =>
        server.app.inject({
          url: `/api/session/${session.sessionId}`,
          headers: bearer(account.accessToken),
        }),
      ({ statusCode }) => statusCode !== 503,
    )
    t.match(answer.json<{ data: object }>().data, {
      emotionCount: delivered(socket).length,
      landmarkCount: 8 * FRAMES,
    })
  }
})

/** Long enough for the ledger to know of each frame in which window it fell. */
const LEDGER_INTERVAL_MS = 1200

/** Two processes on a Postgres that can be restarted, each with sessions of both protocols. */
async function setUpProcesses(t: Test, postgres: OwnPostgres, env: Readonly<Record<string, string>> = {}) {
  const settings = { ANALYSIS_INTERVAL_MS: String(LEDGER_INTERVAL_MS), LEASE_MS: '1500', ...env }
  const fleet = await startFleet(t, 2, settings, postgres)
  const groups = fleet.instances.flatMap((instance) => [
    { count: 2, instances: [instance] },
    { count: 2, instances: [instance], protocol: 'maeum.v2' as const },
  ])
  const clients = (await Promise.all(groups.map((group) => openClients(t, fleet, group)))).flat()
  await allReceive(clients, 1)
  return { fleet, clients }
}

/** Until every process answers its readiness so. */
const allAnswer = ({ instances }: Fleet, status: 200 | 503) =>
  eventually(
    () =>
      Promise.all(instances.map(async ({ origin }) => (await fetch(`${origin}/api/health/ready`)).status)),
    (seen) => seen.every((one) => one === status),
  )

/** Until every process listens for the notices of the others again. */
const allListen = ({ database: { sql }, instances }: Fleet) =>
  eventually(
    () => sql`select pid from pg_stat_activity where datname = current_database() and query ilike 'listen%'`,
    ({ length }) => length === instances.length,
  )

/** Every window that had frames came once, in order and on the first socket, and is stored once and in that order. */
async function isWhole(t: Test, fleet: Fleet, clients: readonly WebClient[]): Promise<void> {
  const { rows, twice } = await settle(t, fleet, clients, {
    intervalMs: LEDGER_INTERVAL_MS,
    handedOver: false,
  })
  t.same(twice, [], 'nothing came twice')
  for (const client of clients) {
    const { session, sockets } = client
    const received = client.windows()
    t.same(
      received,
      [...received].sort((a, b) => a - b),
      'in order',
    )
    const [first = 0] = received
    const span = Array.from({ length: (received.at(-1) ?? 0) - first + 1 }, (_, place) => first + place)
    t.same(
      span.filter(
        (window) => !received.includes(window) && !isLate(client, window, rows, LEDGER_INTERVAL_MS),
      ),
      [],
      'no window is left out',
    )
    const stored = rows.filter(({ id }) => id === session.id)
    t.same(
      stored.map(({ window }) => window),
      received,
    )
    const moments = stored.map(({ stored_at }) => Date.parse(stored_at))
    t.same(
      moments,
      [...moments].sort((a, b) => a - b),
      'stored in order',
    )
    t.equal(sockets.length, 1)
    t.equal(sockets[0]?.closed, undefined, 'its socket has lived through it')
  }
}

t.test('Postgres is restarted: updates go on, and all are stored once and in order', async (t) => {
  const postgres = await startOwnPostgres(t)
  const direct = { DATABASE_URL: postgres.url, DATABASE_DIRECT_URL: postgres.url }
  const { fleet, clients } = await setUpProcesses(t, postgres, direct)
  await allListen(fleet)
  await postgres.stop('fast')
  await allAnswer(fleet, 503)
  await allReceive(clients, 2)
  await allAnswer(fleet, 503)
  await postgres.start()
  await allAnswer(fleet, 200)
  await allListen(fleet)
  await allReceive(clients, 1)
  await isWhole(t, fleet, clients)
})

t.test(
  'Postgres crashes and comes back at another port: the way that leads there now is found, nothing is lost or sent twice',
  async (t) => {
    const postgres = await startOwnPostgres(t)
    const { fleet, clients } = await setUpProcesses(t, postgres)
    await allListen(fleet)
    const { port } = postgres
    await postgres.stop('immediate')
    await allAnswer(fleet, 503)
    await allReceive(clients, 2)
    await postgres.start(await freePort())
    t.not(postgres.port, port)
    await allReceive(clients, 1)
    await allAnswer(fleet, 503)
    for (const { line, noticeLine } of fleet.instances) {
      line.leadTo(postgres.port)
      noticeLine.leadTo(postgres.port)
    }
    await allAnswer(fleet, 200)
    await allListen(fleet)
    await allReceive(clients, 1)
    await isWhole(t, fleet, clients)
  },
)
