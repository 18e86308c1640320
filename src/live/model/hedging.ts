import { quantileOfSorted } from '../../domain/face/statistics.ts'
import { within } from '../../lib/deadline.ts'
import { createAbort } from '../../models/abort.ts'

const MAX_LATENCIES = 100
/** With fewer answers the percentile is not known. */
const MIN_LATENCIES = 20
/** Second requests for each first one. */
const BUDGET = 0.05
/** Second requests that may have been saved up. */
const MAX_SAVED = 10

/**
 * When a second request to a model is worth while: after the 95th percentile of the last latencies, for one request in
 * twenty at most (Dean & Barroso, "The Tail at Scale", CACM 56, 2013).
 */
export function createHedging() {
  const latencies: number[] = []
  let p95: number | undefined
  let saved = 0
  return {
    answered(latencyMs: number): void {
      latencies.push(latencyMs)
      if (latencies.length > MAX_LATENCIES) latencies.shift()
      p95 = undefined
    },
    /** Counts a first request and says after how many ms a second may follow; undefined while that is not known. */
    first(): number | undefined {
      saved = Math.min(MAX_SAVED, saved + BUDGET)
      if (latencies.length < MIN_LATENCIES) return undefined
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

/** A request that is sent when it is called. It never rejects, and ends soon after its signal aborts. */
type Send<Reply> = (signal: AbortSignal) => Promise<Reply>

type Hedge<Reply> = {
  readonly first: Send<Reply>
  /** The second request; undefined when none may be made. */
  readonly second: () => Promise<Send<Reply> | undefined>
  readonly afterMs: number
  readonly signal: AbortSignal
}

/** Sends the first request, and the second when the first takes longer than `afterMs`; the first good answer counts. */
export async function hedge<Reply extends { readonly outcome: string }>({
  first,
  second,
  afterMs,
  signal,
}: Hedge<Reply>): Promise<Reply> {
  const both = createAbort(signal)
  try {
    const reply = first(both.signal)
    if ((await within(reply, afterMs)) !== 'late') return await reply
    const send = await second()
    if (send === undefined) return await reply
    const other = send(both.signal)
    const winner = await firstAnswered(reply, other)
    both.abort('aborted')
    await Promise.all([reply, other]) // at once; so that the bill is whole
    return winner
  } finally {
    both.release()
  }
}

/** The first of the two that is an answer, else the one that ends last. */
async function firstAnswered<Reply extends { readonly outcome: string }>(
  one: Promise<Reply>,
  other: Promise<Reply>,
): Promise<Reply> {
  const first = await Promise.race([
    one.then((reply) => ({ reply, rest: other })),
    other.then((reply) => ({ reply, rest: one })),
  ])
  return first.reply.outcome === 'answered' ? first.reply : first.rest
}
