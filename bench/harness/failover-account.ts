import { quantile } from '../../src/domain/face/statistics.ts'
import type { Check, Figure } from './bench.ts'
import type { FailoverWatch } from './failover-watch.ts'
import type { Call } from './rest-load.ts'
import type { Ledger, Span } from './window-ledger.ts'

/** What one trial has shown. */
export type Shown = {
  readonly trial: string
  readonly isLossy: boolean
  readonly ledger: Ledger
  readonly calls: readonly Call[]
  readonly watch: Pick<FailoverWatch, 'windows' | 'vanished' | 'claims'>
  /** Start of each session, ms since the epoch, by id. */
  readonly starts: ReadonlyMap<string, number>
  readonly span: Span
  readonly acceptedAt: number
  /** Without a committed write, by the probe of the bench. */
  readonly gapMs: number
  readonly unended: number
  readonly unreported: number
  readonly unready: number
  /** Increase of counters of all instances, by name with labels. */
  readonly counted: ReadonlyMap<string, number>
}

const INTERVAL_MS = 10_000
/** The bound of the recovery. */
export const MOST_RECOVERY_MS = 2000
/** A window whose close is this near to the acceptance was in progress. */
const SURELY_FED_MS = 1000

/** For each session: from when a write was possible and the window closed until its first row was there. */
export function windowRecoveries({ watch, starts, acceptedAt, span }: Shown) {
  const first = new Map<string, { ms: number; at: number; owner: string | null }>()
  for (const [id, start] of starts) {
    const last = Math.floor((span.to - start) / INTERVAL_MS)
    for (let window = 1; window <= last; window++) {
      const closedAt = start + window * INTERVAL_MS
      const seen = watch.windows.get(`${id} ${window}`)
      if (seen === undefined || seen.at < acceptedAt || closedAt < span.from + SURELY_FED_MS) continue
      const ms = seen.at - Math.max(closedAt, acceptedAt)
      const known = first.get(id)
      if (known === undefined || seen.at < known.at) first.set(id, { ms, at: seen.at, owner: seen.owner })
    }
  }
  const sessions = [...first.values()]
  const instances = new Map<string, number>()
  for (const { at, owner } of sessions) {
    const key = owner ?? ''
    instances.set(key, Math.min(instances.get(key) ?? Infinity, at - acceptedAt))
  }
  return { perSession: sessions.map(({ ms }) => Math.max(0, ms)), firstOfInstances: [...instances.values()] }
}

/** For each route of each instance: from when a write was possible until the first success. */
export function restRecoveries({ calls, acceptedAt }: Shown): number[] {
  const first = new Map<string, number>()
  for (const { route, origin, endedAt, status } of calls) {
    const key = `${origin} ${route}`
    if (status >= 200 && status < 300 && endedAt >= acceptedAt)
      first.set(key, Math.min(first.get(key) ?? Infinity, endedAt - acceptedAt))
  }
  const routes = new Set(calls.map(({ route, origin }) => `${origin} ${route}`))
  return [...routes].map((key) => first.get(key) ?? Infinity)
}

/** Claims that are lower at the end than they once were. */
const unrestoredClaims = ({ watch }: Shown) =>
  [...watch.claims.values()].filter(({ highest, current }) => current < highest).length

const rolledBackClaims = ({ watch }: Shown) =>
  [...watch.claims.values()].filter(({ backwards }) => backwards > 0).length

/** Statuses that a client must not see. An account that a lossy failover took back is unknown: 401. */
const isFault = ({ status, hasRetryAfter }: Call, isLossy: boolean) => {
  if (status >= 200 && status < 300) return false
  if (status === 503) return !hasRetryAfter
  return !(isLossy && (status === 401 || status === 404))
}

export function countStatuses(calls: readonly Call[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { status, code } of calls) {
    const name = status >= 200 && status < 300 ? '2xx' : `${status} ${code}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a))
}

export function figuresOf(shown: Shown): Figure[] {
  const { trial, ledger, calls, acceptedAt } = shown
  const { perSession, firstOfInstances } = windowRecoveries(shown)
  const rest = restRecoveries(shown)
  const figure = (name: string, unit: string, ours: number) => ({ name: `${trial}: ${name}`, unit, ours })
  const late = calls.filter(
    ({ status, endedAt }) => status === 503 && endedAt > acceptedAt + MOST_RECOVERY_MS,
  )
  return [
    figure('expected', 'windows', ledger.closed),
    figure('stored', 'windows', ledger.stored),
    figure('delivered', 'windows', ledger.delivered),
    figure('that the database lost after their commit', 'windows', shown.watch.vanished.size),
    figure('latest answer after the close', 'ms', ledger.latestMs),
    figure('longest time without a write', 'ms', shown.gapMs),
    figure('first window of an instance after the first write, latest', 'ms', Math.max(...firstOfInstances)),
    figure('first window of a session, p50', 'ms', quantile(perSession, 0.5)),
    figure('first window of a session, p99', 'ms', quantile(perSession, 0.99)),
    figure('first 2xx of a route of an instance, p50', 'ms', quantile(rest, 0.5)),
    figure('first 2xx of a route of an instance, p99', 'ms', quantile(rest, 0.99)),
    figure('slowest request', 'ms', Math.max(...calls.map(({ ms }) => ms))),
    figure('503 later than 2 s after the first write', 'requests', late.length),
    figure('claims that the database lost', 'sessions', rolledBackClaims(shown)),
  ]
}

export const atMost = (name: string, measured: number, unit: string, bound = 0): Check => ({
  ...{ name, measured, bound, unit, passes: 'at most', decides: true },
})

export function checksOf(shown: Shown): Check[] {
  const { trial, ledger, calls, isLossy } = shown
  const check = (name: string, ...rest: [measured: number, unit: string, bound?: number]) =>
    atMost(`${trial}: ${name}`, ...rest)
  const faults = calls.filter((call) => isFault(call, isLossy)).length
  return [
    check('lost', ledger.lost, 'windows'),
    check('sent twice', ledger.twice, 'windows'),
    check('neither 2xx nor 503 with Retry-After', faults, 'responses'),
    check(
      'first window of a session, p99',
      quantile(windowRecoveries(shown).perSession, 0.99),
      'ms',
      MOST_RECOVERY_MS,
    ),
    check('first 2xx, p99', quantile(restRecoveries(shown), 0.99), 'ms', MOST_RECOVERY_MS),
    check('claims that stay lost', unrestoredClaims(shown), 'sessions'),
    check('that could not be ended', shown.unended, 'sessions'),
    check('without a report', shown.unreported, 'sessions'),
    check('not ready at the end', shown.unready, 'instances'),
    ...(isLossy
      ? []
      : [check('that the database lost after their commit', shown.watch.vanished.size, 'windows')]),
  ]
}

export function notesOf({ trial, calls, counted }: Shown): string[] {
  const list = (entries: Iterable<readonly [string, number]>) =>
    [...entries].map(([name, count]) => `${count} x ${name}`).join(', ')
  const counters = list([...counted].filter(([, increase]) => increase > 0))
  return [`${trial}: REST ${list(countStatuses(calls))}`, ...(counters ? [`${trial}: ${counters}`] : [])]
}

export const summaryOf = (shown: Shown): string =>
  [...figuresOf(shown), ...checksOf(shown).map(({ name, measured: ours }) => ({ name, ours }))]
    .map(({ name, ours }) => `${name.slice(name.indexOf(': ') + 2)} ${Math.round(ours)}`)
    .join('; ')
