import { type Static, Type } from 'typebox'

const Ms = Type.Number({ minimum: 0, maximum: 600_000 })

/** Latency of an answer, ms: constant, uniform, or log-normal with this median and 95th percentile. */
export const Latency = Type.Union([
  Ms,
  Type.Object({ min: Ms, max: Ms }, { additionalProperties: false }),
  Type.Object({ p50: Ms, p95: Ms }, { additionalProperties: false }),
])
export type Latency = Static<typeof Latency>

/** Pseudo-random numbers in [0, 1), deterministic for a seed (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The 95th percentile of the standard normal distribution. */
const Z95 = 1.6449

/** One latency of the distribution, ms. */
export function draw(latency: Latency, random: () => number): number {
  if (typeof latency === 'number') return latency
  if ('min' in latency) return latency.min + (latency.max - latency.min) * random()
  if (latency.p50 === 0) return 0
  const sigma = Math.log(Math.max(1, latency.p95 / latency.p50)) / Z95
  // Box-Muller transform; 1 - x keeps the logarithm finite.
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return latency.p50 * Math.exp(sigma * normal)
}
