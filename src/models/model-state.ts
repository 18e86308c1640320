import { type BreakerState, createBreaker, type Permit } from './breaker.ts'
import type { CallFailure, Failure } from './failure.ts'

/** How long a model is disabled that the API does not know. */
const DISABLED_MS = 10 * 60_000
/** Backoff after a rate limit without a delay. */
const DEFAULT_BACKOFF_MS = 1000
/** Limit of the delay that the API requests. */
const MAX_BACKOFF_MS = 60_000
/** The daily quota is renewed once a day; the model is probed in between. */
const DAILY_QUOTA_BACKOFF_MS = 30 * 60_000

export type ModelState = {
  readonly model: string
  readonly state: BreakerState | 'disabled' | 'backing_off'
  /** Why the API rejected the last request, until it answers one. */
  readonly rejected: string | null
}

type Options = {
  readonly now: () => number
  readonly random: () => number
  /** Called once when the API refuses our requests, with the reason, until it answers one. */
  readonly onRefused: (model: string, detail: string) => void
}

/** Failures that require a change of the configuration. */
const REFUSALS: ReadonlySet<CallFailure> = new Set(['rejected', 'model_not_found', 'key_refused'])
/** Failures that do not count for the circuit breaker. */
const NO_VERDICT: ReadonlySet<CallFailure> = new Set(['aborted', 'rate_limited', 'model_not_found'])

/** The state of one model: circuit breaker, backoff and the last refusal. */
export function createModelState(name: string, { now, random, onRefused }: Options) {
  const breaker = createBreaker({ now, random })
  let disabledUntil = Number.NEGATIVE_INFINITY
  let backsOffUntil = Number.NEGATIVE_INFINITY
  let rejected: string | null = null
  let refused: string | null = null

  const noteFailure = ({ reason, detail, retryAfterMs, isDailyQuota = false }: Failure): void => {
    if (reason === 'model_not_found') disabledUntil = now() + DISABLED_MS
    if (reason === 'rejected') rejected = detail
    if (REFUSALS.has(reason) && refused !== detail) {
      refused = detail
      onRefused(name, detail)
    }
    const asked = retryAfterMs ?? (reason === 'rate_limited' ? DEFAULT_BACKOFF_MS : null)
    const backoff = isDailyQuota ? DAILY_QUOTA_BACKOFF_MS : asked && Math.min(asked, MAX_BACKOFF_MS)
    if (backoff !== null) backsOffUntil = Math.max(backsOffUntil, now() + backoff)
  }

  return {
    /** Permission for one call, to be settled, or the reason for none. */
    admit(): Permit | 'model_not_found' | 'rate_limited' | 'circuit_open' {
      if (now() < disabledUntil) return 'model_not_found'
      if (now() < backsOffUntil) return 'rate_limited'
      return breaker.admit() ?? 'circuit_open'
    },
    /** Records the result of a call; `failed` is null for an answer. */
    settle(permit: Permit, failed: Failure | null): void {
      if (failed === null) rejected = refused = null
      else noteFailure(failed)
      if (failed === null || failed.reason === 'blocked') permit.succeeded()
      else if (NO_VERDICT.has(failed.reason)) permit.cancelled()
      else permit.failed()
    },
    /** Remaining backoff, ms. */
    backoffMs: (): number => Math.max(0, backsOffUntil - now()),
    read: (): ModelState => {
      if (now() < disabledUntil) return { model: name, state: 'disabled', rejected }
      return { model: name, state: now() < backsOffUntil ? 'backing_off' : breaker.state(), rejected }
    },
  }
}
