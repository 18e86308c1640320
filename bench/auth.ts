import { execFile } from 'node:child_process'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, quantile } from '../src/domain/face/statistics.ts'
import type { Bench, Check, Figure, Report } from './harness/bench.ts'
import { untilQuiet } from './harness/cores.ts'
import type { BenchDatabase } from './harness/database.ts'
import { say } from './harness/report.ts'
import { type NewAccount, newAccount, post, signUp } from './harness/sessions.ts'
import type { Stage } from './harness/stage.ts'
import { withUsage } from './harness/usage.ts'

const ROUNDS = 4
/** Rounds in which other programs use more of the server's core are repeated, up to this many. */
const DISTURBED = 0.05
const MOST_ROUNDS = 8
const ROUND_MS = 4000
const WARM_UPS = 4
const CLIENTS = 16
const PROBE_EVERY_MS = 20
const PROBE_DEADLINE_MS = 5000
const PROBE_WITHIN_MS = 50
const HASHING = fileURLToPath(new URL('reference/hashing.mjs', import.meta.url))

type HashParameters = readonly [memory: string, passes: string, lanes: string]

/** The parameters of stored hashes: `$argon2id$v=19$m=..,t=..,p=..$`. */
async function parametersOf({ sql }: BenchDatabase): Promise<HashParameters> {
  const [row] = await sql`select password_hash as hash from users limit 1`
  const [, memory, passes, lanes] = /\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(String(row?.['hash'])) ?? []
  if (memory === undefined || passes === undefined || lanes === undefined)
    throw new Error('no stored hash tells its parameters')
  return [memory, passes, lanes]
}

/** Hashes per second of argon2 alone, on the server's core. */
async function bareRate(stage: Stage, parameters: HashParameters): Promise<number> {
  const command = [
    ...stage.cores.prefix('server'),
    process.execPath,
    HASHING,
    String(ROUND_MS),
    ...parameters,
  ]
  const { stdout } = await promisify(execFile)(command[0] ?? '', command.slice(1), {
    cwd: stage.root,
    timeout: 10 * ROUND_MS,
  })
  return Number(stdout)
}

/** Calls `work` repeatedly from all clients; returns the rate per second. */
async function rateOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  let done = 0
  const client = async () => {
    while (performance.now() - begun < ROUND_MS) {
      await work()
      done++
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  return (done * 1000) / (performance.now() - begun)
}

/** Times of alternating GET requests in ms, until `work` is done. */
async function probe(origin: string, token: string, work: Promise<unknown>): Promise<number[]> {
  const times: Promise<number>[] = []
  const state = { done: false }
  const finished = work.finally(() => {
    state.done = true
  })
  for (let i = 0; !state.done; i++) {
    times.push(timeOf(i % 2 === 0 ? `${origin}/api/health` : `${origin}/api/auth/me`, token))
    await sleep(PROBE_EVERY_MS)
  }
  await finished
  return Promise.all(times)
}

async function timeOf(url: string, token: string): Promise<number> {
  const begun = performance.now()
  const headers = { authorization: `Bearer ${token}` }
  const answer = await fetch(url, { headers, signal: AbortSignal.timeout(PROBE_DEADLINE_MS) })
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return performance.now() - begun
}

/** Rates per second, times of the other routes in ms, and the CPU share of other programs. */
type Round = {
  readonly bare: number
  readonly signup: number
  readonly login: number
  readonly times: readonly number[]
  readonly others: number
}

/** The requests whose rates are measured. Users who log in are those who have signed up. */
type Work = { readonly signup: () => Promise<unknown>; readonly login: () => Promise<unknown> }

function createWork(origin: string, accounts: NewAccount[]): Work {
  let logins = 0
  return {
    signup: async () => {
      const account = newAccount()
      await signUp(origin, account)
      accounts.push(account)
    },
    login: () => {
      const { email, password } = accounts[logins++ % accounts.length] ?? newAccount()
      return post(`${origin}/api/auth/login`, { email, password })
    },
  }
}

async function run(stage: Stage): Promise<Report> {
  const database = await stage.database()
  const server = await stage.ours({ DATABASE_URL: database.url })
  const { origin } = server
  const accounts: NewAccount[] = [newAccount()]
  const token = await signUp(origin, accounts[0])
  const parameters = await parametersOf(database)
  const { signup, login } = createWork(origin, accounts)

  const idleTimes = await probe(origin, token, sleep(ROUND_MS))
  // Warm up: at about 80 requests per second, the optimisation of the code takes half a minute.
  for (let i = 0; i < WARM_UPS; i++)
    for (const work of [signup, login]) await probe(origin, token, rateOf(work))

  // Alternating, so that a disturbance affects all of them.
  const round = async (): Promise<Round> => {
    await untilQuiet()
    const bare = await bareRate(stage, parameters)
    const { others, ...measured } = await withUsage(stage.cores, server, async () => {
      const signups = rateOf(signup)
      const times = await probe(origin, token, signups)
      const logins = rateOf(login)
      times.push(...(await probe(origin, token, logins)))
      return { bare, signup: await signups, login: await logins, times }
    })
    say(
      `    argon2 ${bare.toFixed(1)}/s, signup ${measured.signup.toFixed(1)}/s, login ${measured.login.toFixed(1)}/s, ` +
        `others ${(others * 100).toFixed(0)} % of the core`,
    )
    return { ...measured, others }
  }
  const rounds: Round[] = []
  const undisturbed = () => rounds.filter(({ others }) => others <= DISTURBED).length
  while (undisturbed() < ROUNDS && rounds.length < MOST_ROUNDS) rounds.push(await round())
  const best = rounds.sort((a, b) => a.others - b.others).slice(0, ROUNDS)

  const rates = typicalRates(best)
  const p99 = {
    quiet: quantile(idleTimes, 0.99),
    loaded: quantile(
      best.flatMap(({ times }) => times),
      0.99,
    ),
  }
  return {
    figures: figuresOf(rates, p99),
    checks: checksOf(rates, p99),
    notes: [`argon2id with m=${parameters[0]}, t=${parameters[1]}, p=${parameters[2]}`],
  }
}

type Rates = Readonly<Record<'bare' | 'signup' | 'login', number>>

/** Of the other routes, ms. */
type P99 = { readonly quiet: number; readonly loaded: number }

/** Medians, because a disturbed run of argon2 alone would favour the server. */
function typicalRates(rounds: readonly Round[]): Rates {
  const typical = (name: keyof Rates) => median(rounds.map((measured) => measured[name]))
  return { bare: typical('bare'), signup: typical('signup'), login: typical('login') }
}

const figuresOf = (rates: Rates, p99: P99): Figure[] => [
  {
    name: 'signups (reference: argon2 alone)',
    unit: '/s',
    ours: rates.signup,
    reference: rates.bare,
  },
  {
    name: 'logins (reference: argon2 alone)',
    unit: '/s',
    ours: rates.login,
    reference: rates.bare,
  },
  {
    name: 'other routes meanwhile, p99 (reference: quiet)',
    unit: 'ms',
    ours: p99.loaded,
    reference: p99.quiet,
  },
]

function checksOf(rates: Rates, p99: P99): Check[] {
  const share = (name: 'signup' | 'login'): Check => ({
    name: `${name}, times argon2 alone`,
    measured: rates[name] / rates.bare,
    bound: 0.8,
    passes: 'at least',
    unit: 'x',
    decides: true,
  })
  return [
    share('signup'),
    share('login'),
    {
      name: 'p99 of other routes, beyond that of a quiet server',
      measured: p99.loaded - p99.quiet,
      bound: PROBE_WITHIN_MS,
      passes: 'at most',
      unit: 'ms',
      decides: true,
    },
    {
      name: 'p99 of other routes',
      measured: p99.loaded,
      bound: PROBE_WITHIN_MS,
      passes: 'at most',
      unit: 'ms',
      decides: false,
    },
  ]
}

export const auth: Bench = { title: 'signups and logins against argon2 alone, other routes meanwhile', run }
