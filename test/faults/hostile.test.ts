import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { mock } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { WebSocket } from 'ws'
import { CHANNELS } from '../../src/domain/session.ts'
import { Connection } from '../../src/live/channels/connection.ts'
import { createTrafficAccounts } from '../../src/live/channels/traffic-accounts.ts'
import { eventually } from '../helpers/eventually.ts'
import { type Instance, startFleet } from '../helpers/fleet.ts'
import { BAD_HANDSHAKES, shake } from '../helpers/hostile/bad-handshakes.ts'
import { createCrowd, WAYS, type Way } from '../helpers/hostile/crowd.ts'
import { emptyLedger, fuzzDecoders } from '../helpers/hostile/frame-fuzz.ts'
import { ATTACKS, isRight, noise, play } from '../helpers/hostile/protocol-attacks.ts'
import { createRandom } from '../helpers/hostile/random.ts'
import { attacksOf, judge, sendRaw } from '../helpers/hostile/rest-attacks.ts'
import { settle } from '../helpers/ledger.ts'
import type { OpenApi } from '../helpers/malformed.ts'
import { openClients } from '../helpers/web-client.ts'

// One process of the server, attacked on every side for the whole of this file while honest clients stream to it.
// The same attacks, fifty times as many, are `npm run bench -- hostile`.

const SEED = 20_261_123
const INTERVAL_MS = 1500
const HONEST = 4
const MUTATIONS = 20_000
const MUTATIONS_AT_ONCE = 200
const CROWD = 500
/** Of one address, to all of which belong the honest and the crowd. */
const SOCKETS_PER_ADDRESS = 520
const PATIENCE_MS = 60_000
const AT_ONCE = 20
/** The smallest box that is promised to be enough (docs/operations.md). */
const MOST_RESIDENT_BYTES = 512 * 1024 * 1024

const fleet = await startFleet(t, 1, {
  ANALYSIS_INTERVAL_MS: String(INTERVAL_MS),
  WS_PING_INTERVAL_MS: '1000',
  SOCKETS_PER_ADDRESS: String(SOCKETS_PER_ADDRESS),
  SOCKETS_PER_USER: '2000',
  LOG_LEVEL: 'info',
  NODE_OPTIONS: '--max-old-space-size=320',
})
const [server] = fleet.instances as [Instance] // as many as were asked for
const honest = await openClients(t, fleet, { count: HONEST, instances: [server] })
const victims = await fleet.startSessions(3)

const urlOf = (channel: string, place: number) =>
  `${server.origin.replace('http', 'ws')}/ws/${channel}/${victims[place % victims.length]?.id ?? ''}`

/** A figure of the server's own, summed over its labels. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.origin}/metrics`)).text()
  const lines = text.split('\n').filter((line) => new RegExp(`^${name}[ {]`).test(line))
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

/** Does something with each of a list, a few at a time. */
async function each<T>(list: readonly T[], work: (item: T, place: number) => Promise<void>): Promise<void> {
  for (let i = 0; i < list.length; i += AT_ONCE)
    await Promise.all(list.slice(i, i + AT_ONCE).map((item, place) => work(item, i + place)))
}

t.test('no mutated frame is taken for another one, and none makes a decoder throw', async (t) => {
  const ledger = emptyLedger()
  while (ledger.attempts < MUTATIONS) {
    fuzzDecoders(MUTATIONS_AT_ONCE, SEED + ledger.attempts, ledger)
    await turn() // the honest live in this process
  }
  const { faults, ...counts } = ledger
  t.same(faults, [])
  t.match(counts, { attempts: MUTATIONS, acceptedWrongly: 0, refusedWrongly: 0, threw: 0 })
  t.ok(counts.refused > MUTATIONS / 2 && counts.accepted > MUTATIONS / 20, JSON.stringify(counts))
})

t.test('whoever breaks the protocol is told so by its own code, on every channel', async (t) => {
  const cases = CHANNELS.flatMap((channel) => ATTACKS.map((attack) => ({ attack, channel })))
  const wrong: string[] = []
  await each(cases, async ({ attack, channel }, place) => {
    const outcome = await play(attack, urlOf(channel, place), PATIENCE_MS)
    if (!isRight(attack, outcome)) wrong.push(`${channel}: ${attack.name}: ${outcome}`)
  })
  t.same(wrong, [])
})

t.test('frames with damaged heads get an answer of the protocol', async (t) => {
  const random = createRandom(SEED)
  const wrong: string[] = []
  await each(
    Array.from({ length: 200 }, () => noise(random)),
    async (attack, place) => {
      const outcome = await play(attack, urlOf('landmarks', place), 300)
      if (!isRight(attack, outcome)) wrong.push(`${place}: ${outcome}`)
    },
  )
  t.same(wrong, [])
})

t.test('no handshake succeeds that should not', async (t) => {
  const answers = await Promise.all(
    BAD_HANDSHAKES.map(async (bad) => ({ ...bad, status: await shake(bad, urlOf('landmarks', 0)) })),
  )
  t.same(
    answers
      .filter(({ expected, status }) => !expected.includes(status))
      .map(({ name, status }) => ({ name, status })),
    [],
  )
})

t.test('a crowd of sockets, each bad in its own way', async (t) => {
  const crowd = createCrowd(createRandom(SEED))
  t.teardown(() => crowd.leave())
  const targets = (await fleet.startSessions(40)).map(({ id }) => id)
  const fed: string[] = []
  /** Most of them quiet; each that sends frames has a session of its own, for only the newest socket of one is read. */
  const planSockets = (count: number) =>
    Array.from({ length: count }, (_, place) => {
      const way: Way = place % 5 === 0 ? (WAYS[(place / 5) % WAYS.length] ?? 'quiet') : 'quiet'
      if (way !== 'frames' && way !== 'binary') return { url: urlOf(CHANNELS[place % 3] ?? '', place), way }
      const [session = ''] = targets.splice(0, 1)
      fed.push(session)
      return { url: `${server.origin.replace('http', 'ws')}/ws/landmarks/${session}`, way }
    })
  await eventually(
    () => metric('maeum_sockets'),
    (open) => open === HONEST,
  )
  await crowd.join(planSockets(CROWD))
  t.same([...crowd.statuses], [[101, CROWD]], 'all of them are let in')
  await crowd.join(planSockets(60))
  const open = await metric('maeum_sockets')
  t.ok(open <= SOCKETS_PER_ADDRESS, `${open} of one address, and no more`)
  t.same([...crowd.statuses.keys()].sort(), [101, 429])

  crowd.misbehave()
  await eventually(
    () => crowd.sent.frames,
    (frames) => frames > 1500,
  )
  await eventually(
    () => crowd.open('fragments'),
    (open) => open === 0,
  )
  await eventually(
    () => crowd.open('mute'),
    (open) => open === 0,
  )
  await eventually(
    () => crowd.open('drip'),
    (open) => open === 0,
  )
  t.ok(crowd.open('quiet') > CROWD / 2, 'whoever only listens stays')
  t.equal(crowd.seen('emotion_update'), 0, 'what is no frame is never answered like one')
  t.ok(crowd.seen('error') > 0)
  t.ok(fed.length > 20)
  const stored = await fleet.database
    .sql`select 1 from emotion_windows where session_id in ${fleet.database.sql(fed)}`
  t.equal(stored.length, 0, 'and nothing of it is stored')
  crowd.leave()
  await eventually(
    () => metric('maeum_sockets'),
    (open) => open === HONEST,
  )
})

t.test('who sends much that is good for nothing is left alone for a while', (t) => {
  let now = 0
  const { chargeInvalid: waste, chargeMessage: message } = createTrafficAccounts(() => now)
  t.equal(waste(1, 'a', 900_000), 0, 'a little is read at once')
  const wait = waste(1, 'a', 300_000)
  t.ok(wait > 0, 'more of it is not')
  t.ok(waste(1, 'b', 1000) > wait, 'whatever socket of the same user it comes from')
  t.equal(waste(2, 'b', 900_000), 0, 'others are read')
  for (let i = 0; i < 100; i++) t.ok(waste(1, 'b', 250_000) <= 5000, 'and none is left unread for long')
  t.ok(waste(3, 'b', 1000) > 0, 'an address with many users has its own account')
  t.equal(message(3), 0, 'which costs those who send nothing invalid nothing')
  now += 60_000
  t.equal(waste(1, 'b', 900_000), 0, 'in time it is forgiven')

  // 50 sessions of one user, with all that their sockets may send in a second: speech, sound, words and pings.
  for (let second = 0; second < 60; second++, now += 1000)
    for (let i = 0; i < 50 * 35; i++) if (message(4) > 0) t.fail('legal traffic is slowed')
  let flood = 0
  while (message(4) === 0) flood++
  t.ok(flood < 30_000, 'a flood is')

  const calls: string[] = []
  const socket = {
    OPEN: WebSocket.OPEN,
    readyState: WebSocket.OPEN as number,
    bufferedAmount: 0,
    isPaused: false,
    send: () => undefined,
    ping: () => undefined,
    terminate: () => calls.push('terminate'),
    pause: () => {
      socket.isPaused = true
      calls.push('pause')
    },
    resume: () => {
      socket.isPaused = false
      calls.push('resume')
    },
  }
  const connection = new Connection({
    socket: socket as unknown as WebSocket, // what a connection uses of it
    channel: 'landmarks',
    sessionId: 'sess_x',
    startedAt: 0,
    language: 'ko',
    monotonic: () => now,
    onInvalid: (bytes) => waste(5, 'c', bytes),
  })
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  connection.chargeInvalid(1_000_000)
  t.same(calls, [])
  connection.chargeInvalid(100_000)
  connection.chargeInvalid(100_000)
  t.same(calls, ['pause'])
  for (let i = 0; i < 9; i++) connection.ping('{}')
  t.same(calls, ['pause'], 'whom we do not read we do not take for silent')
  mock.timers.tick(5000)
  t.same(calls, ['pause', 'resume'])
  t.end()
})

t.test('no request is taken that the published document forbids', async (t) => {
  const document = JSON.parse(readFileSync(new URL('../../openapi.json', import.meta.url), 'utf8')) as OpenApi // a file of ours
  const token = await strangersToken()
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  t.teardown(() => agent.destroy())
  const ids = honest.map(({ session }) => session.id)
  const attacks = attacksOf(document, ids, { seed: SEED, perRoute: 20 })
  const verdicts = new Map<string, number>()
  const wrong: string[] = []
  await each(attacks, async ({ route, request }) => {
    const answer = await sendRaw(server.origin, request, token, agent)
    const verdict = judge(document, route, request, answer)
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1)
    if (verdict === 'refused' || verdict === 'accepted') return
    const { method, url, payload = '' } = request
    wrong.push(
      `${verdict}: ${method} ${url.slice(0, 120)} ${payload.slice(0, 120)}: ${answer.status} ${answer.body.slice(0, 120)}`,
    )
  })
  t.same(wrong, [])
  t.ok((verdicts.get('refused') ?? 0) > attacks.length / 3, JSON.stringify([...verdicts]))
  t.ok((verdicts.get('accepted') ?? 0) > 0, 'some of it is no attack')
})

async function strangersToken(): Promise<string> {
  const body = JSON.stringify({
    username: 'stranger',
    email: 'stranger@example.com',
    password: 'password123',
  })
  const headers = { 'content-type': 'application/json' }
  const answer = await eventually(
    () => fetch(`${server.origin}/api/auth/signup`, { method: 'POST', headers, body }),
    ({ status }) => status !== 503,
  )
  return ((await answer.json()) as { data: { accessToken: string } }).data.accessToken // our own server's
}

t.test('the honest have had every update all the while, in a small box', async (t) => {
  const { twice } = await settle(t, fleet, honest, { intervalMs: INTERVAL_MS, handedOver: false })
  t.same(twice, [])
  t.same(
    honest.map(({ sockets }) => sockets.length),
    honest.map(() => 1),
    'each on the socket that it came with',
  )
  t.ok(honest.every((client) => client.windows().length > 3))
  t.ok((await metric('maeum_process_resident_memory_bytes')) < MOST_RESIDENT_BYTES)
  t.same(
    server.log.split('\n').filter((line) => /"level":(50|60)/.test(line) && !/STT_UNAVAILABLE/.test(line)),
    [],
    'no fault is logged',
  )
})
