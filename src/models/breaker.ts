/** Weight of the newest call in the moving failure rate. */
const NEWEST_WEIGHT = 0.12
/**
 * Reached after ten failures in a row, or when about 70 % of the calls fail over a longer time. A rate of a third never
 * reaches it.
 */
const MAX_FAILURE_RATE = 0.7
const MIN_OPEN_MS = 5000
const MAX_OPEN_MS = 60_000

/** Permission for one call. Only the first report counts. `cancelled` has no effect on the failure rate. */
export type Permit = {
  readonly succeeded: () => void
  readonly failed: () => void
  readonly cancelled: () => void
}

export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * A circuit breaker. When too many calls fail it opens and admits no calls. After some seconds, twice as long each
 * time, it admits one probe, whose success closes it. Not from a library, because calls are concurrent, may be
 * cancelled without a result, and count as failed at our deadline while they continue.
 */
export function createBreaker({ now, random }: { now: () => number; random: () => number }) {
  let failures = 0
  let openUntil: number | undefined
  let openings = 0
  let probing = false

  const open = () => {
    const openMs = Math.min(MAX_OPEN_MS, MIN_OPEN_MS * 2 ** openings++)
    openUntil = now() + openMs * (0.75 + 0.5 * random()) // so that instances do not retry at the same time
  }
  const close = () => {
    openUntil = undefined
    failures = 0
    openings = 0
  }
  const count = (failed: boolean) => {
    if (openUntil !== undefined) return // a call from before the opening; the probe decides
    failures += NEWEST_WEIGHT * (Number(failed) - failures)
    if (failures > MAX_FAILURE_RATE) open()
  }

  const permit = (isProbe: boolean): Permit => {
    let ended = false
    const end = (verdict: () => void) => () => {
      if (ended) return
      ended = true
      if (isProbe) probing = false
      verdict()
    }
    return {
      succeeded: end(() => (isProbe ? close() : count(false))),
      failed: end(() => (isProbe ? open() : count(true))),
      cancelled: end(() => undefined),
    }
  }

  return {
    /** Permission for one call; undefined while no call is admitted. */
    admit(): Permit | undefined {
      if (openUntil === undefined) return permit(false)
      if (probing || now() < openUntil) return undefined
      probing = true
      return permit(true)
    },
    state(): BreakerState {
      if (openUntil === undefined) return 'closed'
      return probing || now() >= openUntil ? 'half_open' : 'open'
    },
  }
}

export type Breaker = ReturnType<typeof createBreaker>
