import { quantileOfSorted } from '../../../domain/face/statistics.ts'

const REMEMBERED = 100
/** Of fewer answers no percentile can be told. */
const ENOUGH = 20
/** Second requests for each first one. */
const BUDGET = 0.05
/** Second requests that may have been saved up. */
const MOST_SAVED = 10

/**
 * When a second request is worth while: after the 95th percentile of the last latencies, for one request in twenty at
 * most (Dean & Barroso, "The Tail at Scale", CACM 56, 2013).
 */
export function createHedging() {
  const latencies: number[] = []
  let p95: number | undefined
  let saved = 0
  return {
    answered(latencyMs: number): void {
      latencies.push(latencyMs)
      if (latencies.length > REMEMBERED) latencies.shift()
      p95 = undefined
    },
    /** Counts a first request and says after how many ms a second may follow; undefined while that is not known. */
    first(): number | undefined {
      saved = Math.min(MOST_SAVED, saved + BUDGET)
      if (latencies.length < ENOUGH) return undefined
      p95 ??= quantileOfSorted(Float64Array.from(latencies).sort(), 0.95)
      return p95
    },
    /** Whether there is budget for a second request; takes it. */
    spend(): boolean {
      if (saved < 1) return false
      saved--
      return true
    },
  }
}

export type Hedging = ReturnType<typeof createHedging>
