import { Agent, get } from 'node:http'
import { performance } from 'node:perf_hooks'
import { quantile } from '../src/domain/face/statistics.ts'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import type { MeasuredProcess } from './harness/measured-process.ts'
import { type Person, type Size, settle } from './harness/people.ts'
import { say } from './harness/report.ts'
import type { Stage } from './harness/stage.ts'
import { withUsage } from './harness/usage.ts'

/** 2 x 360 + 48 x 27 windows per user: 2,016,000 in all. */
const SIZE: Size = { users: 1000, sessions: 50, windows: [360, 27] }
const CLIENTS = 16
const ROUND_MS = 5000
const WARM_UP_MS = 2000
const ROUNDS = 3
const DEADLINE_MS = 10_000
const POOL = '10'

type Read = {
  readonly name: string
  readonly ours: (person: Person) => string
  /** The reference route for the same rows, for reads of single rows. */
  readonly bare?: (person: Person) => string
  readonly p99Ms: number
  /** Requests per second. */
  readonly rate?: number
}

const READS: readonly Read[] = [
  {
    name: 'preferences',
    ours: () => '/api/user/preferences',
    bare: ({ id }) => `/preferences/${id}`,
    p99Ms: 20,
    rate: 2000,
  },
  {
    name: 'summary of an hour',
    ours: ({ sessionId }) => `/api/session/${sessionId}/summary`,
    bare: ({ sessionId }) => `/summary/${sessionId}`,
    p99Ms: 20,
    rate: 2000,
  },
  { name: 'history', ours: () => '/api/session/stats/summary', p99Ms: 20, rate: 2000 },
  { name: 'dashboard', ours: () => '/api/dashboard/summary', p99Ms: 50 },
]

type Round = { readonly rate: number; readonly p99Ms: number }

/** One GET; ms until the whole response has arrived. */
const timeOf = (agent: Agent, url: string, token: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const begun = performance.now()
    const headers = { authorization: `Bearer ${token}` }
    const request = get(url, { agent, headers, timeout: DEADLINE_MS }, (answer) => {
      answer.resume()
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - begun)
        else reject(new Error(`${url} answered ${answer.statusCode}`))
      })
    })
    request.once('timeout', () => request.destroy(new Error(`${url} did not answer`)))
    request.once('error', reject)
  })

/** All clients request the data of one user after the other for `ms`. */
async function load(
  origin: string,
  people: readonly Person[],
  path: Read['ours'],
  ms: number,
): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  const times: number[] = []
  const begun = performance.now()
  let turn = 0
  const client = async () => {
    while (performance.now() - begun < ms) {
      const person = people[turn++ % people.length]
      if (person !== undefined) times.push(await timeOf(agent, `${origin}${path(person)}`, person.token))
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client)).finally(() => agent.destroy())
  return { rate: (times.length * 1000) / (performance.now() - begun), p99Ms: quantile(times, 0.99) }
}

/** The best of several alternating rounds, because other programs on the machine can only slow a round down. */
const best = (rounds: readonly Round[]): Round => ({
  rate: Math.max(...rounds.map(({ rate }) => rate)),
  p99Ms: Math.min(...rounds.map(({ p99Ms }) => p99Ms)),
})

/** What reads are requested from: this server, the reference and the users with their data. */
type Targets = {
  readonly stage: Stage
  readonly server: MeasuredProcess
  readonly bare: MeasuredProcess
  readonly people: readonly Person[]
}

type Measured = { readonly ours: Round; readonly reference: Round | undefined }

/** Alternating rounds of one read on this server and, if it has one, on its reference route. */
async function measureRead(
  { stage, server, bare, people }: Targets,
  { name, ours: path, bare: barePath }: Read,
): Promise<Measured> {
  await load(server.origin, people, path, WARM_UP_MS)
  if (barePath !== undefined) await load(bare.origin, people, barePath, WARM_UP_MS)
  const ours: Round[] = []
  const theirs: Round[] = []
  for (let i = 0; i < ROUNDS; i++) {
    await untilQuiet()
    const { others, serverMs, ...round } = await withUsage(stage.cores, server, () =>
      load(server.origin, people, path, ROUND_MS),
    )
    ours.push(round)
    say(
      `    ${name}: ${round.rate.toFixed(0)}/s, p99 ${round.p99Ms.toFixed(1)} ms, ` +
        `server ${((serverMs * 1000) / ((round.rate * ROUND_MS) / 1000)).toFixed(0)} us each, others ${(others * 100).toFixed(0)} %`,
    )
    if (barePath !== undefined) theirs.push(await load(bare.origin, people, barePath, ROUND_MS))
  }
  return { ours: best(ours), reference: theirs.length === 0 ? undefined : best(theirs) }
}

const figuresOf = ({ name }: Read, { ours, reference }: Measured): Figure[] => [
  {
    name: `${name}, reads`,
    unit: '/s',
    ours: ours.rate,
    ...(reference && { reference: reference.rate }),
  },
  {
    name: `${name}, p99`,
    unit: 'ms',
    ours: ours.p99Ms,
    ...(reference && { reference: reference.p99Ms }),
  },
]

function checksOf({ name, rate, p99Ms }: Read, { ours, reference }: Measured): Check[] {
  const checks: Check[] = []
  if (reference !== undefined)
    checks.push({
      name: `${name}, times the bare route`,
      measured: ours.rate / reference.rate,
      bound: 0.6,
      passes: 'at least',
      unit: 'x',
      decides: true,
    })
  checks.push({
    name: `${name}, p99`,
    measured: ours.p99Ms,
    bound: p99Ms,
    passes: 'at most',
    unit: 'ms',
    decides: false,
  })
  if (rate !== undefined)
    checks.push({
      name: `${name}, reads`,
      measured: ours.rate,
      bound: rate,
      passes: 'at least',
      unit: '/s',
      decides: false,
    })
  return checks
}

async function run(stage: Stage): Promise<Report> {
  const database = await stage.database()
  const env = { DATABASE_URL: database.url, DATABASE_POOL_MAX: POOL, JWT_EXPIRES_IN: '12h' }
  const server = await stage.ours(env)
  const bare = await stage.reference('selecting-server', 'server', env)
  const begun = performance.now()
  const people = await settle(server.origin, database, SIZE)
  const [rows] = await database.sql`select count(*)::int as windows from emotion_windows`
  const filled = `${String(rows?.['windows'])} windows of ${people.length} people`
  say(`    ${filled}, filled in ${((performance.now() - begun) / 1000).toFixed(0)} s`)

  const figures: Figure[] = []
  const checks: Check[] = []
  for (const read of READS) {
    const measured = await measureRead({ stage, server, bare, people }, read)
    figures.push(...figuresOf(read, measured))
    checks.push(...checksOf(read, measured))
  }
  return { figures, checks, notes: [filled, `${CLIENTS} clients at once, best of ${ROUNDS} rounds`] }
}

export const api: Bench = { title: 'reads of the REST API against bare routes on a full database', run }
