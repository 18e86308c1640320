import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import {
  type Account,
  BROWSER_ORIGIN,
  bearer,
  connect,
  createAccount,
  startSession,
  startTestApp,
  type TestApp,
} from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { eventually } from '../helpers/eventually.ts'
import { frames } from '../helpers/frames.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

// A session is streamed to on instance B while a handshake on instance A claims it and comes to nothing.

const INTERVAL_MS = 500
/** The lease of a claim without a socket is given up after ten seconds in any case; each of these ways is faster. */
const SOON_MS = 9000

const database = await createTestDatabase(t)
const { sql } = database
const [, databaseName = ''] = /\/([^/?]+)\?/.exec(database.url) ?? []
const proxy = await startTcpProxy(database.socketDir)
t.teardown(() => proxy.close())
const env = { ANALYSIS_INTERVAL_MS: String(INTERVAL_MS), LEASE_MS: '1500', REQUIRE_CONSENT: 'true' }
const b = await startTestApp(t, { database, model: null, env })
const a = await startTestApp(t, {
  database,
  model: null,
  env: {
    ...env,
    SOCKETS_PER_USER: '1',
    DATABASE_URL: `postgres://maeum@127.0.0.1:${proxy.port}/${databaseName}?sslmode=disable`,
    DATABASE_DIRECT_URL: database.url,
  },
})

const socketUrl = ({ origin }: TestApp, channel: string, sessionId: string) =>
  `${origin.replace('http', 'ws')}/ws/${channel}/${sessionId}`

async function agree({ accessToken }: Account): Promise<void> {
  const { statusCode } = await b.app.inject({
    method: 'POST',
    url: '/api/user/consent',
    headers: bearer(accessToken),
    payload: { purpose: 'emotion_analysis', textVersion: '1', locale: 'en' },
  })
  if (statusCode >= 300) throw new Error(`no consent: ${statusCode}`)
}

/** Sends frames until the test ends. */
function stream(t: Test, socket: { readonly send: (message: unknown) => void; readonly socket: WebSocket }) {
  const [frame] = frames('happy', 1)
  const timer = setInterval(() => {
    if (socket.socket.readyState === WebSocket.OPEN) socket.send(frame)
  }, 40)
  t.teardown(() => clearInterval(timer))
}

const ownerOf = async (sessionId: string) =>
  (await sql`select lease_owner as owner from sessions where id = ${sessionId}`)[0]?.['owner'] as
    | string
    | null

/** A session that is streamed to on B, with an answer received. */
async function streamedOnB(t: Test) {
  const account = await createAccount(b)
  await agree(account)
  const { sessionId, startedAt } = await startSession(b, account)
  const socket = await connect(t, socketUrl(b, 'landmarks', sessionId))
  stream(t, socket)
  await socket.next('emotion_update')
  return {
    sessionId,
    socket,
    url: socketUrl(a, 'landmarks', sessionId),
    /** The next window that begins now is answered, and soon. */
    goesOn: async (t: Test) => {
      const from = Date.now()
      const open = Math.floor((from - startedAt) / INTERVAL_MS) + 1
      await eventually(
        () =>
          socket.messages.some(
            ({ type, data }) => type === 'emotion_update' && Number(data['window']) > open,
          ),
        Boolean,
      )
      const tookMs = Date.now() - from
      t.ok(tookMs < SOON_MS, `answered again after ${tookMs} ms`)
      t.equal(await ownerOf(sessionId), b.app.instanceId)
      t.equal(socket.socket.readyState, WebSocket.OPEN)
    },
  }
}

/** What a claim leads to waits for this; resolves with the function that lets go. */
function holdConsents(): Promise<() => void> {
  return new Promise((resolve, reject) => {
    database.sql
      .begin(async (tx) => {
        await tx`lock table consents in access exclusive mode`
        await new Promise<void>((release) => resolve(release))
      })
      .catch(reject)
  })
}

const isWaiting = () => blockedQuery(database, 'from "consents"')

const connections = ({ app }: TestApp): Promise<number> =>
  promisify((done: (error: Error | null, count: number) => void) => app.server.getConnections(done))()

t.test('a handshake that is refused for its user’s other sockets', async (t) => {
  const { sessionId, url, goesOn } = await streamedOnB(t)
  await connect(t, socketUrl(a, 'voice', sessionId))
  await t.rejects(connect(t, url), /429/)
  t.equal(await ownerOf(sessionId), b.app.instanceId, 'it has claimed nothing')
  await goesOn(t)
})

t.test('one that is late', async (t) => {
  const { sessionId, url, goesOn } = await streamedOnB(t)
  const letGo = await holdConsents()
  const refused = t.rejects(connect(t, url), /503/)
  await isWaiting()
  t.equal(await ownerOf(sessionId), a.app.instanceId)
  await refused
  letGo()
  await goesOn(t)
})

t.test('one whose database falls silent', async (t) => {
  const { sessionId, url, goesOn } = await streamedOnB(t)
  const letGo = await holdConsents()
  const refused = t.rejects(connect(t, url), /503/)
  await isWaiting()
  t.equal(await ownerOf(sessionId), a.app.instanceId)
  proxy.freeze()
  letGo()
  await goesOn(t)
  await refused
  await goesOn(t)
})

t.test('one that its client closes while it waits', async (t) => {
  const { sessionId, url, goesOn } = await streamedOnB(t)
  const letGo = await holdConsents()
  const socket = new WebSocket(url, { headers: { origin: BROWSER_ORIGIN } })
  socket.on('error', () => undefined)
  await isWaiting()
  t.equal(await ownerOf(sessionId), a.app.instanceId)
  socket.terminate()
  await eventually(
    () => connections(a),
    (count) => count === 0,
  )
  letGo()
  await goesOn(t)
})

t.test('one that fails after its claim', async (t) => {
  const { sessionId, url, goesOn } = await streamedOnB(t)
  const letGo = await holdConsents()
  const refused = t.rejects(connect(t, url), /50[03]/)
  await isWaiting()
  t.equal(await ownerOf(sessionId), a.app.instanceId)
  await sql`
    select pg_cancel_backend(pid) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`
  await refused
  letGo()
  await goesOn(t)
})

t.test('a lease that is lost between its claim and its socket is taken back when it is free', async (t) => {
  const account = await createAccount(b)
  await agree(account)
  const { sessionId } = await startSession(b, account)
  const letGo = await holdConsents()
  const opening = connect(t, socketUrl(a, 'landmarks', sessionId))
  await isWaiting()
  const [row] = await sql`select lease_epoch as epoch from sessions where id = ${sessionId}`
  const lost = { sessionId, epoch: Number(row?.['epoch']) }
  t.ok(a.app.sessions.leases.holds(lost))
  const claimed = await b.app.sessions.claim(sessionId)
  t.ok(claimed?.claim.feed())
  await eventually(
    () => a.app.sessions.leases.holds(lost),
    (holds) => !holds,
  )
  letGo()
  const socket = await opening
  await socket.next('connected')
  stream(t, socket)
  socket.send({ type: 'ping' })
  await socket.next('pong')
  await b.app.sessions.leases.release([sessionId])
  await socket.next('emotion_update')
  t.equal(await ownerOf(sessionId), a.app.instanceId)
})

t.test('a socket that closes while it takes its session back leaves it to others', async (t) => {
  const { sessionId, socket, url } = await streamedOnB(t)
  const newer = await connect(t, url)
  stream(t, newer)
  await newer.next('emotion_update')
  const letGo = await holdConsents()
  newer.socket.terminate()
  await isWaiting()
  t.equal(await ownerOf(sessionId), b.app.instanceId, 'the older socket takes it back')
  socket.socket.terminate()
  await eventually(
    () => connections(b),
    (count) => count === 0,
  )
  const from = Date.now()
  letGo()
  await eventually(
    () => ownerOf(sessionId),
    (owner) => owner === null,
  )
  t.ok(Date.now() - from < SOON_MS)
})
