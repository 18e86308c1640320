/** Up to this many numbers insertion is quicker than the engine's sort; a window has about forty. */
const FEW = 64

/** The value below which `share` (0 to 1) of `values` lie, between neighbours in proportion; NaN for no values. */
export function quantile(values: ArrayLike<number>, share: number): number {
  return quantileOfSorted(sorted(values), share)
}

/** The same for values already in rising order. */
export function quantileOfSorted(rising: Float64Array, share: number): number {
  const place = share * (rising.length - 1)
  const below = rising[Math.floor(place)] ?? Number.NaN
  const above = rising[Math.ceil(place)] ?? below
  return below + (above - below) * (place - Math.floor(place))
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5)
}

/** A copy in rising order. */
export function sorted(values: ArrayLike<number>): Float64Array {
  const copy = new Float64Array(values)
  return sortInPlace(copy)
}

export function sortInPlace(values: Float64Array): Float64Array {
  if (values.length > FEW) return values.sort()
  for (let i = 1; i < values.length; i++) {
    const value = values[i] ?? 0
    let j = i - 1
    while (j >= 0 && (values[j] ?? 0) > value) {
      values[j + 1] = values[j] ?? 0
      j--
    }
    values[j + 1] = value
  }
  return values
}

/** One number for each item, in their order; quicker than `Float64Array.from`, which goes by the iterator. */
export function seriesOf<Item>(items: readonly Item[], of: (item: Item) => number): Float64Array {
  const series = new Float64Array(items.length)
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    if (item !== undefined) series[i] = of(item)
  }
  return series
}
