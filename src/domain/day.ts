const DAY_MS = 86_400_000
/** No day of any time zone has been longer, including days on which clocks are set back. */
const MAX_DAY_MS = 27 * 3_600_000

/** Whether `zone` is an IANA time zone name known to this runtime. */
export function isTimeZone(zone: string): boolean {
  try {
    return cache.has(zone) || createDateFormatter(zone)(0) !== ''
  } catch {
    return false // a RangeError for an unknown zone
  }
}

const createDateFormatter = (zone: string) => {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short', calendar: 'gregory' })
  return (at: number) => format.format(at)
}

/** The first moment with the same date as at `at`; ms since the epoch. */
function findStartOfDay(at: number, dateAt: (at: number) => string): number {
  const date = dateAt(at)
  let [before, within] = [at - MAX_DAY_MS, at]
  // A binary search handles clock changes: midnight may be missing or occur twice.
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2)
    if (dateAt(middle) === date) within = middle
    else before = middle
  }
  return within
}

/** Starts of days, ms since the epoch. */
export type Days = { readonly yesterday: number; readonly today: number; readonly tomorrow: number }

/** Cached by zone: the values are valid until tomorrow and expensive to compute. */
const cache = new Map<string, Days>()
/** A zone has few names, but many spellings. */
const MAX_CACHED = 1000

/** Starts of the day of `at` in `zone`, of the previous day and of the next one; ms since the epoch. */
export function getDaysAround(at: number, zone: string): Days {
  const last = cache.get(zone)
  if (last !== undefined && last.today <= at && at < last.tomorrow) return last
  const dateAt = createDateFormatter(zone)
  const today = findStartOfDay(at, dateAt)
  const days = {
    yesterday: findStartOfDay(today - 1, dateAt),
    today,
    // Half a day into tomorrow or, where a day is skipped, into the next existing day.
    tomorrow: findStartOfDay(today + 1.5 * DAY_MS, dateAt),
  }
  if (cache.size >= MAX_CACHED) cache.clear()
  cache.set(zone, days)
  return days
}
