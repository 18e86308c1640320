import { within } from '../../../lib/deadline.ts'

/** What one model may be asked in a minute, over all instances. */
export type PerMinute = { readonly requests: number; readonly tokens: number }

/** A wish for a part of a bucket that all instances share. */
export type Slice = {
  readonly key: string
  readonly amount: number
  /** What the bucket holds at most, and how much flows into it in a second. */
  readonly capacity: number
  readonly perSecond: number
}

/** Draws each slice or leaves it; the keys of those drawn. Rejects when the shared buckets cannot be reached. */
export type DrawSlices = (slices: readonly Slice[]) => Promise<ReadonlySet<string>>

/** The bucket holds this part of a minute, so that no minute sees more than its due. */
const BURST = 1 / 12
/** A slice lasts a busy instance about a second: one statement a second and model, not one for each window. */
const SLICES_A_MINUTE = 60
/** What is drawn and not used by then is given up: it belongs to the minute in which it was drawn. */
const SLICE_LIFE_MS = 5000
const DRAW_DEADLINE_MS = 500
/** How long the shared buckets are left alone when they could not be reached. */
const APART_MS = 2000
/** What an instance takes for its own while it cannot ask the others: as one of four. */
const SHARE_APART = 0.25
/** More draws than this in a row mean that the bucket is empty. */
const MOST_DRAWS = 5

/** Requests and tokens, in the order of the purses. */
type Wants = readonly [number, number]

type Options = {
  readonly model: string
  readonly perMinute: PerMinute
  readonly draw: DrawSlices
  /** Monotonic ms. */
  readonly now: () => number
  readonly onApart?: (error: unknown) => void
}

/**
 * A bucket of requests and one of tokens for a model, drawn in slices from buckets that all instances share. While
 * those are out of reach the instance goes on with a quarter of the whole.
 */
export function createAllowance({ model, perMinute, draw, now, onApart }: Options) {
  const purses = [purse(`${model} requests`, perMinute.requests), purse(`${model} tokens`, perMinute.tokens)]
  let flight: Promise<boolean> | undefined
  let apartUntil = Number.NEGATIVE_INFINITY

  const isShort = (wants: Wants) => purses.some((p, i) => p.held(now()) < wants[i as 0 | 1])

  /** Whether anything came in. */
  const refill = async (wants: Wants): Promise<boolean> => {
    const flow = () => purses.map((p, i) => p.flow(wants[i as 0 | 1], now())).some(Boolean)
    if (now() < apartUntil) return flow()
    const slices = purses.flatMap((p, i) => {
      const want = wants[i as 0 | 1]
      return p.held(now()) < want ? [p.slice(want)] : []
    })
    try {
      const drawn = await within(draw(slices), DRAW_DEADLINE_MS)
      if (drawn === 'late') throw new Error('the shared allowance did not answer in time')
      for (const { key, amount } of slices)
        if (drawn.has(key)) purses.find((p) => p.key === key)?.put(amount, now())
      return drawn.size > 0
    } catch (error) {
      apartUntil = now() + APART_MS
      onApart?.(error)
      return flow()
    }
  }
  const refillOnce = (wants: Wants) => {
    flight ??= refill(wants).finally(() => {
      flight = undefined
    })
    return flight
  }

  return {
    /** Whether one request of so many tokens may be made now; takes it from the allowance then. Never rejects. */
    async take(tokens: number): Promise<boolean> {
      const wants: Wants = [1, Math.min(tokens, perMinute.tokens)]
      for (let draws = 0; isShort(wants); draws++) {
        if (draws === MOST_DRAWS || !(await refillOnce(wants))) return false
      }
      purses.forEach((p, i) => p.spend(wants[i as 0 | 1]))
      return true
    },
  }
}

export type Allowance = ReturnType<typeof createAllowance>

/** What this instance holds of one shared bucket. */
function purse(key: string, perMinute: number) {
  const slice = perMinute / SLICES_A_MINUTE
  let level = 0
  let goodUntil = Number.NEGATIVE_INFINITY
  let flowedAt: number | undefined
  return {
    key,
    held(now: number): number {
      if (now >= goodUntil) level = 0
      return level
    },
    /** The bucket's inflow makes up for its burst, so that a minute never gives more than `perMinute`. */
    slice(want: number): Slice {
      const amount = Math.max(slice, want)
      const capacity = Math.max(amount, perMinute * BURST)
      return { key, amount, capacity, perSecond: Math.max(perMinute / 2, perMinute - capacity) / 60 }
    },
    put(amount: number, now: number): void {
      level += amount
      goodUntil = now + SLICE_LIFE_MS
    },
    /** While apart: what has flowed in since the last time, at most a slice's worth. */
    flow(want: number, now: number): boolean {
      const since = Math.min(SLICE_LIFE_MS, now - (flowedAt ?? now - 1000))
      flowedAt = now
      const amount = (since / 60_000) * perMinute * SHARE_APART
      level = Math.min(Math.max(want, slice, perMinute * BURST * SHARE_APART), this.held(now) + amount)
      goodUntil = now + 60_000
      return amount > 0
    },
    spend(amount: number): void {
      level -= amount
    },
  }
}
