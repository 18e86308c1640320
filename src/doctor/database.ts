import { randomBytes } from 'node:crypto'
import {
  certainMs,
  describeClock,
  describeOldVersion,
  readServerState,
  type ServerState,
  settingFaults,
} from '../db/verify-server.ts'
import { parseDatabaseUrl } from '../db/url.ts'
import type { Check, Result } from './checks.ts'
import { fromLine, named, type Report } from './report.ts'
import type { Session, Subject } from './session.ts'

/** For an embedded server that starts. An address answers within the four seconds of a statement, or is reported. */
const CONNECT_DEADLINE_MS = 11_000
const DIRECT_DEADLINE_MS = 6000
const DAY_MS = 24 * 3_600_000
const MIN_CERTIFICATE_DAYS = 30
/** Stricter than readiness, which must not fail because of a clock that NTP is correcting. */
const DOUBTFUL_CLOCK_MS = 2000
const WRONG_CLOCK_MS = 60_000
const LISTEN_MS = 5000

type Dependencies = Subject & {
  readonly session: Session
  /** The clock of this process, in milliseconds since the epoch. */
  readonly now: () => number
}

/** The way to the database, the server, and its connections. */
export const databaseChecks = (deps: Dependencies): Check[] => {
  const { session, now, report } = deps
  const needs = ['database.connection']
  return [
    { name: 'database.connection', deadlineMs: CONNECT_DEADLINE_MS, run: () => session.connect() },
    { name: 'database.certificate', needs, run: () => checkCertificate(deps) },
    {
      name: 'database.server',
      needs,
      run: async () => {
        const state = await readServerState(session.main.sql, now)
        return [
          named('database.version', checkVersion(state, report)),
          ...checkSettings(state, report).map((result) => named('database.settings', result)),
          named('database.writes', checkWrites(state, report)),
          named('database.clock', checkClock(state, report)),
        ]
      },
    },
    {
      name: 'database.direct',
      needs,
      deadlineMs: DIRECT_DEADLINE_MS,
      run: () => session.connectDirectly(),
    },
    { name: 'database.pooler', needs, run: () => checkPooler(deps) },
    {
      name: 'database.listen',
      needs: ['database.direct'],
      deadlineMs: LISTEN_MS + 1000,
      run: (signal) => checkListen(deps, signal),
    },
    { name: 'database.connections', needs, run: () => checkConnections(deps) },
  ]
}

function checkCertificate({ session, now, report }: Dependencies): Result {
  const { certificateEndsAt } = session.found
  if (certificateEndsAt === undefined) return report.ok('certificate.none')
  const days = Math.floor((certificateEndsAt.getTime() - now()) / DAY_MS)
  if (days < 0) return report.fail('certificate.ended', { days: -days })
  return days < MIN_CERTIFICATE_DAYS
    ? report.warn('certificate.ends', { days })
    : report.ok('certificate.ok', { days })
}

function checkVersion(state: ServerState, report: Report): Result {
  const old = describeOldVersion(state)
  return old === undefined
    ? report.ok('version.ok', { version: Math.floor(state.version / 10_000) })
    : report.warn('version.old', { line: old })
}

function checkSettings(state: ServerState, report: Report): Result[] {
  const faults = settingFaults(state)
  return faults.length === 0
    ? [report.ok('settings.ok', { encoding: state.encoding })]
    : faults.map((line) => fromLine('fail', line))
}

function checkWrites({ writes, database }: ServerState, report: Report): Result {
  if (writes === 'standby') return report.fail('writes.standby')
  return writes === 'taken'
    ? report.ok('writes.ok')
    : report.fail('writes.readOnly', { database: `"${database}"` })
}

function checkClock({ clock }: ServerState, report: Report): Result {
  const differenceMs = certainMs(clock)
  if (differenceMs < DOUBTFUL_CLOCK_MS)
    return report.ok('clock.ok', { ms: Math.max(0, Math.round(differenceMs)) })
  return fromLine(differenceMs < WRONG_CLOCK_MS ? 'warn' : 'fail', describeClock(clock))
}

/** The pooler of the address, or one that the connection has detected. */
const findPooler = ({ session, config: { database } }: Dependencies) =>
  database.url === null
    ? null
    : (parseDatabaseUrl(database.url).pooler ?? (session.found.isPooled ? 'transaction' : null))

function checkPooler(deps: Dependencies): Result {
  const { report, config } = deps
  const pooler = findPooler(deps)
  if (pooler === null) return report.ok('pooler.none')
  if (pooler === 'session') return report.ok('pooler.session')
  return config.database.directUrl === config.database.url
    ? report.warn('pooler.alone')
    : report.ok('pooler.direct')
}

/** Sends a notice through the pool to itself, on a channel of its own. */
function checkListen({ session, report }: Dependencies, signal: AbortSignal): Promise<Result> {
  const channel = `maeum_doctor_${randomBytes(6).toString('hex')}`
  return new Promise((resolve, reject) => {
    let sentAt = 0
    const fail = (error: unknown) => reject(error instanceof Error ? error : new Error(String(error)))
    session.direct.listen({
      channel,
      onNotice: () => resolve(report.ok('listen.ok', { ms: Math.round(performance.now() - sentAt) })),
      onListening: () => {
        sentAt = performance.now()
        session.main.sql`select pg_notify(${channel}, '')`.catch(fail)
      },
      onFailure: fail,
    })
    const silent = setTimeout(() => {
      resolve(report.warn('listen.silent', { seconds: LISTEN_MS / 1000 }))
    }, LISTEN_MS)
    signal.addEventListener('abort', () => clearTimeout(silent))
  })
}

type Connections = {
  readonly total: number
  readonly role: number
  readonly database: number
  readonly used: number
}

async function checkConnections(deps: Dependencies): Promise<Result> {
  const { session, config, report } = deps
  if (findPooler(deps) !== null) return report.ok('connections.pooled')
  const [found] = await session.main.sql<Connections[]>`
    select
      current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0) as total,
      (select rolconnlimit from pg_roles where rolname = current_user) as role,
      (select datconnlimit from pg_database where datname = current_database()) as database,
      (
        select count(*)::int from pg_stat_activity
        where coalesce(backend_type, 'client backend') = 'client backend' and application_name <> 'maeum'
      ) as used`
  if (found === undefined) throw new Error('the database returned no row')
  // -1 is no limit.
  const allowed = Math.min(found.total, ...[found.role, found.database].filter((limit) => limit >= 0))
  const values = { needed: config.database.poolMax + 1, allowed, used: found.used }
  if (values.needed > allowed) return report.fail('connections.few', values)
  return found.used + values.needed > allowed
    ? report.warn('connections.used', values)
    : report.ok('connections.ok', values)
}
