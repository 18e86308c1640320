import { CHANNELS } from '../domain/session.ts'
import { ERROR_CODES } from '../protocol/errors.ts'
import type { Metrics } from './metrics.ts'

/** Bounds of `maeum_outbox_results`, seconds. */
const AGES = [
  ['under_1s', 1],
  ['1s_to_10s', 10],
  ['10s_to_60s', 60],
  ['over_60s', Number.POSITIVE_INFINITY],
] as const

/** Counts ages in milliseconds for the labels of `maeum_outbox_results`. */
export function countAges(agesMs: readonly number[]): [label: string, count: number][] {
  let floor = 0
  return AGES.map(([label, below]) => {
    const from = floor
    floor = below
    return [label, agesMs.filter((ms) => ms >= from * 1000 && ms < below * 1000).length]
  })
}

const FRAME_FATES = [
  'kept',
  'spare',
  'dropped',
  'paused',
  'over_rate',
  'consent_required',
  'invalid_frame',
  'invalid_message',
]
const DROP_REASONS = ['outbox_full', 'refused_by_database', 'not_ours', 'shutdown', 'failed']
const SECURITY_EVENTS = [
  'authn_login_fail',
  'authn_login_throttled',
  'authn_token_reuse',
  'excess_connections',
]
/** Of a database that is away, full, a standby or overloaded. */
const SQLSTATES = ['25006', '40P01', '53100', '53200', '53300', '57014', '57P01', '57P03']

/**
 * Starts series with few labels at 0: a rate is then known from the first event on, and an alert distinguishes "none" from
 * "not measured".
 */
export function initialiseLabels(metrics: Metrics): void {
  for (const code of ERROR_CODES) metrics.errors.labels(code).inc(0)
  for (const code of SQLSTATES) metrics.databaseErrors.labels(code).inc(0)
  for (const event of SECURITY_EVENTS) metrics.securityEvents.labels(event).inc(0)
  for (const fate of FRAME_FATES) metrics.frames.labels(fate).inc(0)
  for (const reason of DROP_REASONS) metrics.droppedWindows.labels(reason).inc(0)
  metrics.windows.labels('local', 'not_asked').inc(0)
  metrics.windows.labels('local', 'timed_out').inc(0)
  metrics.windows.labels('gemini', 'answered').inc(0)
  for (const channel of CHANNELS) {
    metrics.sockets.labels(channel).set(0)
    metrics.droppedMessages.labels(channel).inc(0)
  }
  for (const reason of ['address', 'user', 'origin', 'ticket']) metrics.refusedSockets.labels(reason).inc(0)
  for (const direction of ['gained', 'lost']) metrics.leaseTakeovers.labels(direction).inc(0)
  for (const kind of ['windows', 'claims', 'audit']) metrics.rowsLost.labels(kind).inc(0)
  for (const fate of ['exported', 'failed', 'dropped']) metrics.spans.labels(fate).inc(0)
  for (const [age, count] of countAges([])) metrics.outboxResults.labels(age).set(count)
}
