import { within } from '../lib/deadline.ts'
import { createSingleFlight } from '../lib/single-flight.ts'

/** Quota of a model per minute, over all instances. */
export type PerMinute = { readonly requests: number; readonly tokens: number }

/** An amount to take from a token bucket that all instances share. */
export type Slice = {
  readonly key: string
  readonly amount: number
  /** Capacity of the bucket, and its refill rate. */
  readonly capacity: number
  readonly perSecond: number
}

/**
 * Draws each slice whole or not at all; returns the keys of the drawn ones. Rejects when the shared buckets are
 * unavailable.
 */
type DrawSlices = (slices: readonly Slice[]) => Promise<ReadonlySet<string>>

/** Capacity of a bucket as a part of the quota per minute, so that no minute exceeds the quota. */
const BURST = 1 / 12
/** A slice lasts a busy instance about a second: one statement per second and model instead of one per window. */
const SLICES_PER_MINUTE = 60
/** An unused slice expires, because it belongs to the quota of the minute in which it was drawn. */
const SLICE_LIFE_MS = 5000
const DRAW_TIMEOUT_MS = 500
/** Pause after the shared buckets were unavailable. */
const UNSHARED_MS = 2000
/** Part of the quota that an instance uses while the shared buckets are unavailable. */
const UNSHARED_PART = 0.25
/** After this many draws in a row the bucket counts as empty. */
const MAX_DRAWS = 5

/** Requests and tokens, in the order of the buckets. */
type Wants = readonly [number, number]

type Options = {
  readonly model: string
  readonly perMinute: PerMinute
  readonly draw: DrawSlices
  /** Monotonic ms. */
  readonly now: () => number
  readonly onUnshared?: (error: unknown) => void
}

/**
 * The quota of a model: a bucket of requests and one of tokens, drawn in slices from buckets that all instances share.
 * While those are unavailable, the instance uses a quarter of the quota.
 */
export function createAllowance({ model, perMinute, draw, now, onUnshared }: Options) {
  const buckets = [
    createBucket(`${model} requests`, perMinute.requests),
    createBucket(`${model} tokens`, perMinute.tokens),
  ]
  let unsharedUntil = Number.NEGATIVE_INFINITY

  const isShort = (wants: Wants) => buckets.some((b, i) => b.level(now()) < wants[i as 0 | 1])

  /** Returns whether anything was added. */
  const refill = createSingleFlight(async (wants: Wants): Promise<boolean> => {
    const fill = () => buckets.map((b, i) => b.fill(wants[i as 0 | 1], now())).some(Boolean)
    if (now() < unsharedUntil) return fill()
    const slices = buckets.flatMap((b, i) => {
      const want = wants[i as 0 | 1]
      return b.level(now()) < want ? [b.slice(want)] : []
    })
    try {
      const drawn = await within(draw(slices), DRAW_TIMEOUT_MS)
      if (drawn === 'late') throw new Error('the shared allowance did not answer in time')
      for (const { key, amount } of slices)
        if (drawn.has(key)) buckets.find((b) => b.key === key)?.put(amount, now())
      return drawn.size > 0
    } catch (error) {
      unsharedUntil = now() + UNSHARED_MS
      onUnshared?.(error)
      return fill()
    }
  })

  return {
    /** Takes one request of so many tokens; false when the allowance is used up. Never rejects. */
    async take(tokens: number): Promise<boolean> {
      const wants: Wants = [1, Math.min(tokens, perMinute.tokens)]
      for (let draws = 0; isShort(wants); draws++) {
        if (draws === MAX_DRAWS || !(await refill.run(wants))) return false
      }
      buckets.forEach((b, i) => b.spend(wants[i as 0 | 1]))
      return true
    },
  }
}

export type Allowance = ReturnType<typeof createAllowance>

/** The part of a shared bucket that this instance has drawn. */
function createBucket(key: string, perMinute: number) {
  const slice = perMinute / SLICES_PER_MINUTE
  let level = 0
  let expiresAt = Number.NEGATIVE_INFINITY
  let filledAt: number | undefined
  const levelAt = (now: number): number => {
    if (now >= expiresAt) level = 0
    return level
  }
  return {
    key,
    level: levelAt,
    /** The refill rate is reduced by the capacity, so that no minute allows more than `perMinute`. */
    slice(want: number): Slice {
      const amount = Math.max(slice, want)
      const capacity = Math.max(amount, perMinute * BURST)
      return { key, amount, capacity, perSecond: Math.max(perMinute / 2, perMinute - capacity) / 60 }
    },
    put(amount: number, now: number): void {
      level += amount
      expiresAt = now + SLICE_LIFE_MS
    },
    /** Without the shared bucket: adds the refill since the last call, at most one slice. */
    fill(want: number, now: number): boolean {
      const since = Math.min(SLICE_LIFE_MS, now - (filledAt ?? now - 1000))
      filledAt = now
      const amount = (since / 60_000) * perMinute * UNSHARED_PART
      level = Math.min(Math.max(want, slice, perMinute * BURST * UNSHARED_PART), levelAt(now) + amount)
      expiresAt = now + 60_000
      return amount > 0
    },
    spend(amount: number): void {
      level -= amount
    },
  }
}
