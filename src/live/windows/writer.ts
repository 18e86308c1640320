import type { Sql } from 'postgres'
import { isPassing } from '../../db/faults.ts'
import type { Outages } from '../../db/outages.ts'
import { countAges } from '../../http/metric-labels.ts'
import type { Metrics } from '../../http/metrics.ts'
import { logId } from '../../lib/redact.ts'
import type { LeaseKey } from '../leases/lease.ts'
import { analysisRepository as repository } from '../repository.ts'
import { Outbox, type OutboxContent } from './outbox.ts'
import { RecentWindows } from './recent-windows.ts'
import type { Client } from './repository.ts'
import { createRestoring } from './restoring.ts'

/** Results of one session that may wait for the database, and answers that are sent to a socket that reconnects. */
export const MAX_WAITING_PER_SESSION = 60
const MAX_WAITING_BYTES = 64 * 1024 * 1024
const MAX_RECENT_BYTES = 32 * 1024 * 1024
/** While writes fail for longer than this, the instance is not ready. */
const UNWRITTEN_MS = 1000
/** After a lost result the instance is not ready for this long. */
const LOST_MS = 10_000

type Log = Readonly<Record<'info' | 'warn' | 'error', (about: object, text: string) => void>>

type Surroundings = {
  readonly sql: Sql
  readonly leases: {
    readonly holds: (lease: LeaseKey) => boolean
    readonly lost: (lease: LeaseKey) => void
    readonly renew: () => Promise<void>
  }
  readonly metrics: Pick<
    Metrics,
    | 'commits'
    | 'restoredWindows'
    | 'rowsLost'
    | 'onScrape'
    | 'outboxOldest'
    | 'outboxResults'
    | 'outboxWindows'
    | 'droppedWindows'
  >
  readonly log: Log
  readonly outages: Pick<Outages, 'report' | 'countWaiting'>
  /** Calls whenever listening for notices begins: after each break of the connection. */
  readonly onListening: (listener: () => void) => void
  /** Asks at each look at readiness. */
  readonly describeWrites: (describe: () => { readonly faults: string[]; readonly remarks: string[] }) => void
}

/**
 * Writes the results of all sessions of this process: keeps them while the database is unavailable, stores those again
 * that a failover has lost, and reports both to readiness, metrics and log.
 */
export function openWriter({ sql, leases, metrics, log, outages, ...hooks }: Surroundings) {
  const recent = new RecentWindows(MAX_RECENT_BYTES)
  const closing = new AbortController()
  /** When writing began to fail; undefined while it succeeds. */
  let failingSince: number | undefined
  let lostAt = -Infinity

  const restore = createRestoring({
    restore: () => repository.restoreWindows(sql, recent.list()),
    onRestored: (count) => {
      metrics.restoredWindows.inc(count)
      metrics.rowsLost.labels('windows').inc(count)
      log.warn({ count }, 'the database has lost windows that it had stored; they are stored again')
    },
    onFailed: (error) =>
      outages.report(error, 'windows that the database may have lost could not be looked for; retrying'),
    signal: closing.signal,
  })
  hooks.onListening(restore)

  const outbox = new Outbox({
    transaction: async (statements, work) => {
      const done = metrics.commits.startTimer()
      const result = await (statements === 1 ? work(sql) : inTransaction(sql, work))
      done()
      return result
    },
    repository,
    isPassing,
    onWaiting: (count) => metrics.outboxWindows.set(count),
    onStored: (contents) => {
      if (failingSince !== undefined) restore()
      failingSince = undefined
      recent.record(contents)
      logStored(log, contents)
    },
    onRetry: (error, waiting) => {
      failingSince ??= performance.now()
      outages.report(error, 'results wait for the database', { waiting })
    },
    onDrop: (reason, sessionId, error) => {
      if (reason === 'outbox_full' || reason === 'refused_by_database') lostAt = performance.now()
      metrics.droppedWindows.labels(reason).inc()
      log.error({ err: error, reason, session: logId(sessionId) }, 'a result was not stored')
    },
    holds: leases.holds,
    onLost: leases.lost,
    onBehind: () => {
      metrics.rowsLost.labels('claims').inc()
      log.warn({}, 'the database has lost claims of sessions that it had stored; they are renewed')
      restore()
      return leases.renew()
    },
    onLocked: (sessionId) =>
      log.warn(
        { session: logId(sessionId) },
        'results of a session wait: another transaction has locked its row',
      ),
    maxWindowsPerSession: MAX_WAITING_PER_SESSION,
    maxBytes: MAX_WAITING_BYTES,
  })

  metrics.onScrape(() => {
    const { ages } = outbox
    // Not spread into arguments: there may be tens of thousands.
    metrics.outboxOldest.set(ages.reduce((oldest, age) => Math.max(oldest, age), 0) / 1000)
    for (const [age, count] of countAges(ages)) metrics.outboxResults.labels(age).set(count)
  })

  outages.countWaiting(() => outbox.ages.length)
  hooks.describeWrites(() => {
    const now = performance.now()
    const isFailing = failingSince !== undefined && now - failingSince > UNWRITTEN_MS
    const { lockedSessions } = outbox
    return {
      faults: [
        ...(isFailing ? ['cannot write: results wait'] : []),
        ...(now - lostAt < LOST_MS ? ['cannot write: results are lost'] : []),
      ],
      remarks:
        lockedSessions === 0
          ? []
          : [`results of sessions wait, their rows are locked by other transactions: ${lockedSessions}`],
    }
  })

  return {
    outbox,
    /** Drops all results of a session that are not stored yet. */
    discard: (sessionId: string): void => {
      outbox.discard(sessionId)
      recent.forget(sessionId)
    },
    /** At shutdown: lost windows are not looked for any longer; resolves when nothing waits, at the latest after `ms`. */
    settle: (ms: number): Promise<void> => {
      closing.abort()
      return outbox.settled(ms)
    },
    close: (ms: number): Promise<void> => outbox.close(ms),
  }
}

/** The driver's type unwraps arrays of promises, which are not used here. */
const inTransaction = async <T>(sql: Sql, work: (client: Client) => Promise<T>): Promise<T> =>
  (await sql.begin((client) => work(client))) as T

function logStored(log: Log, contents: readonly OutboxContent[]): void {
  for (const content of contents) {
    if (content.kind !== 'window') continue
    const { sessionId, window, emotion } = content.write.row
    log.info(
      { session: logId(sessionId), window, ...content.span?.ids },
      `✅ [CRITICAL] Emotion saved to Supabase: ${emotion}`,
    )
  }
}
