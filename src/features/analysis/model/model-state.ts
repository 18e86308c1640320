import type { ModelFailure } from '../analyser.ts'
import type { Allowance } from './allowance.ts'
import { type BreakerState, createBreaker, type Permit } from './breaker.ts'
import type { Failure } from './gemini-failure.ts'
import { createHedging } from './hedging.ts'

/** A model that the API does not know is not asked again for this long. */
const RETIRED_MS = 10 * 60_000
/** A limited model that does not say for how long. */
const LIMITED_MS = 1000
/** However long a model wants to be left alone, it is tried again after this. */
const LONGEST_REST_MS = 60_000
/** A quota of the day ends once a day; whether it has is found out in between. */
const DAILY_REST_MS = 30 * 60_000

export type ModelState = {
  readonly model: string
  readonly state: BreakerState | 'retired' | 'resting'
  /** Why the API found the last request wrong, until it answers one. */
  readonly rejected: string | null
}

type Options = {
  readonly now: () => number
  readonly random: () => number
  /** Null: unbounded. */
  readonly allowance: Allowance | null
  /** The API refuses our requests, `detail` says why; called once, until it answers one. */
  readonly onRefused?: ((model: string, detail: string) => void) | undefined
}

/** Failures that only a change of the configuration ends. */
const REFUSALS: ReadonlySet<ModelFailure> = new Set(['rejected', 'model_not_found', 'key_refused'])

/** What is known of one model: whether it may be asked now, and how it has done lately. */
export function createModel(name: string, { now, random, allowance, onRefused }: Options) {
  const breaker = createBreaker({ now, random })
  let retiredUntil = Number.NEGATIVE_INFINITY
  let restsUntil = Number.NEGATIVE_INFINITY
  let rejected: string | null = null
  let refused: string | null = null

  return {
    name,
    hedging: createHedging(),
    /** Leave for one request of so many tokens, or why there is none now. */
    async admit(
      tokens: number,
    ): Promise<Permit | 'model_not_found' | 'rate_limited' | 'circuit_open' | 'over_allowance'> {
      if (now() < retiredUntil) return 'model_not_found'
      if (now() < restsUntil) return 'rate_limited'
      const permit = breaker.admit()
      if (permit === undefined) return 'circuit_open'
      if (allowance === null || (await allowance.take(tokens))) return permit
      permit.calledOff()
      return 'over_allowance'
    },
    /** Takes note of what a failure says about the model; the breaker is told by the permit. */
    failed({ reason, detail, retryAfterMs, isDailyQuota = false }: Failure): void {
      if (reason === 'model_not_found') retiredUntil = now() + RETIRED_MS
      if (reason === 'rejected') rejected = detail
      if (REFUSALS.has(reason) && refused !== detail) {
        refused = detail
        onRefused?.(name, detail)
      }
      const asked = retryAfterMs ?? (reason === 'rate_limited' ? LIMITED_MS : null)
      const rest = isDailyQuota ? DAILY_REST_MS : asked && Math.min(asked, LONGEST_REST_MS)
      if (rest !== null) restsUntil = Math.max(restsUntil, now() + rest)
    },
    /** The API takes our requests. */
    answered(): void {
      rejected = refused = null
    },
    /** For how long it still wants to be left alone, ms. */
    restMs: (): number => Math.max(0, restsUntil - now()),
    state(): ModelState {
      if (now() < retiredUntil) return { model: name, state: 'retired', rejected }
      return { model: name, state: now() < restsUntil ? 'resting' : breaker.state(), rejected }
    },
  }
}

export type Model = ReturnType<typeof createModel>

/** Failures that do not say how well the model is. */
const NO_VERDICT: ReadonlySet<ModelFailure> = new Set(['aborted', 'rate_limited', 'model_not_found'])

/** Tells the circuit how a request has ended. */
export function judge(permit: Permit, outcome: 'answered' | ModelFailure): void {
  if (outcome === 'answered' || outcome === 'blocked') permit.succeeded()
  else if (NO_VERDICT.has(outcome)) permit.calledOff()
  else permit.failed()
}
