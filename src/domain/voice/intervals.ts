/** A time interval in milliseconds; `to` is exclusive. */
export type Interval = { readonly from: number; readonly to: number }

/** The parts of the intervals that lie within `bounds`. */
export const clip = (intervals: readonly Interval[], bounds: Interval): Interval[] =>
  intervals
    .map(({ from, to }) => ({ from: Math.max(from, bounds.from), to: Math.min(to, bounds.to) }))
    .filter(({ from, to }) => to > from)

/** The intervals in order, joined wherever they overlap or less than `bridgeMs` lies between them. */
export function join(intervals: readonly Interval[], bridgeMs = 0): Interval[] {
  const joined: { from: number; to: number }[] = []
  for (const { from, to } of [...intervals].sort((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last !== undefined && (from <= last.to || from - last.to < bridgeMs)) last.to = Math.max(last.to, to)
    else joined.push({ from, to })
  }
  return joined
}

/** The gaps between ordered, disjoint intervals. */
export const gaps = (intervals: readonly Interval[]): Interval[] =>
  intervals.slice(1).map(({ from }, i) => ({ from: intervals[i]?.to ?? from, to: from }))

export const lengths = (intervals: readonly Interval[]): number[] =>
  intervals.map(({ from, to }) => to - from)

export const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0)
