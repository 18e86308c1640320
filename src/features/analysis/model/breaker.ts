/** Weight of the newest call in the running share of failures. */
const WEIGHT = 0.12
/** Reached by ten failures in a row, or when for long about seven of ten calls fail; a third that fails never reaches it. */
const OPENS_AT = 0.7
const FIRST_REST_MS = 5000
const LONGEST_REST_MS = 60_000

/** Leave for one call. The first word counts: how it went, or that nobody can say, because it was called off. */
export type Permit = {
  readonly succeeded: () => void
  readonly failed: () => void
  readonly calledOff: () => void
}

export type BreakerState = 'closed' | 'open' | 'half_open'

/**
 * A circuit breaker. While too many calls fail it lets none through; after a rest of some seconds, twice as long each
 * time, it lets a single one try, whose success closes it. Written here rather than taken from a library because calls
 * run at the same time, may be called off without a verdict, and fail at our deadline while they go on: a permit with
 * three endings says that in a few lines.
 */
export function createBreaker({ now, random }: { now: () => number; random: () => number }) {
  let failures = 0
  let openUntil: number | undefined
  let rests = 0
  let probing = false

  const open = () => {
    const rest = Math.min(LONGEST_REST_MS, FIRST_REST_MS * 2 ** rests++)
    openUntil = now() + rest * (0.75 + 0.5 * random()) // so that instances do not all try at once
  }
  const close = () => {
    openUntil = undefined
    failures = 0
    rests = 0
  }
  const count = (failed: boolean) => {
    if (openUntil !== undefined) return // of a call from before; the probe decides
    failures += WEIGHT * (Number(failed) - failures)
    if (failures > OPENS_AT) open()
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
      calledOff: end(() => undefined),
    }
  }

  return {
    /** Leave for one call, or undefined: then none may be made now. */
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
