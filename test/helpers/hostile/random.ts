/** Numbers that look random and come again with the same seed (mulberry32): an attack that succeeds can be repeated. */
export function createRandom(seed: number) {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return {
    /** A whole number from 0 to `limit` - 1. */
    below,
    chance: (share: number): boolean => next() < share,
    /** @throws RangeError for an empty list */
    pick: <T>(list: ArrayLike<T>): T => {
      const item = list[below(list.length)]
      if (item === undefined) throw new RangeError('there is nothing to pick from')
      return item
    },
    bytes: (length: number): Buffer => {
      const bytes = Buffer.allocUnsafe(length)
      for (let i = 0; i < length; i++) bytes[i] = below(256)
      return bytes
    },
  }
}

export type Random = ReturnType<typeof createRandom>
