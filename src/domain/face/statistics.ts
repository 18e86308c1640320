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

/**
 * The median of the values from index `start` up to `end`, which it reorders. None may be NaN. Hoare's selection instead of
 * a sort: a window takes more than two hundred medians of forty numbers for its shape.
 */
export function selectMedian(values: Float64Array, start: number, end: number): number {
  const middle = start + ((end - start) >> 1)
  let [from, to] = [start, end - 1]
  while (from < to) {
    const pivot = values[(from + to) >> 1] ?? 0
    let [i, j] = [from, to]
    while (i <= j) {
      while ((values[i] ?? 0) < pivot) i++
      while ((values[j] ?? 0) > pivot) j--
      if (i > j) break
      const swapped = values[i] ?? 0
      values[i++] = values[j] ?? 0
      values[j--] = swapped
    }
    if (middle <= j) to = j
    else if (middle >= i) from = i
    else break
  }
  const above = values[middle] ?? Number.NaN
  if ((end - start) % 2 === 1) return above
  let below = values[start] ?? Number.NaN
  for (let i = start + 1; i < middle; i++) below = Math.max(below, values[i] ?? 0)
  return below + (above - below) * 0.5
}
