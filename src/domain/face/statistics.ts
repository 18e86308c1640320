/** The value below which `share` (0 to 1) of `values` lie, between neighbours in proportion; NaN for no values. */
export function quantile(values: ArrayLike<number>, share: number): number {
  return quantileOfSorted(Float64Array.from(values).sort(), share)
}

/** The same for values already in rising order. */
export function quantileOfSorted(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? below
  return below + (above - below) * (place - Math.floor(place))
}

export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5)
}
