/** Insertion sort is faster than the engine's sort up to this length; a window has about forty values. */
const MAX_INSERTION_SORT = 64

/** The quantile `share` (0 to 1) of `values`, linearly interpolated; NaN without values. */
export function quantile(values: ArrayLike<number>, share: number): number {
  return quantileOfSorted(sortedCopy(values), share)
}

/** The same for values in ascending order. */
export function quantileOfSorted(ascending: Float64Array, share: number): number {
  const position = share * (ascending.length - 1)
  const below = ascending[Math.floor(position)] ?? Number.NaN
  const above = ascending[Math.ceil(position)] ?? below
  return below + (above - below) * (position - Math.floor(position))
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5)
}

/** Returns a copy in ascending order. */
export function sortedCopy(values: ArrayLike<number>): Float64Array {
  const copy = new Float64Array(values)
  return sortInPlace(copy)
}

export function sortInPlace(values: Float64Array): Float64Array {
  if (values.length > MAX_INSERTION_SORT) return values.sort()
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

/** Maps each item to a number; faster than `Float64Array.from`, which uses the iterator. */
export function mapToSeries<Item>(items: readonly Item[], compute: (item: Item) => number): Float64Array {
  const series = new Float64Array(items.length)
  for (let i = 0; i < items.length; i++) {
    const item = items[i]
    if (item !== undefined) series[i] = compute(item)
  }
  return series
}
