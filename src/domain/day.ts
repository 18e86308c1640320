const DAY_MS = 86_400_000
/** No day of any time zone has been longer; the longest are those on which clocks are set back. */
const LONGEST_DAY_MS = 27 * 3_600_000

/** Whether `zone` is the IANA name of a time zone that is known here. */
export function isTimeZone(zone: string): boolean {
  try {
    return known.has(zone) || dateIn(zone)(0) !== ''
  } catch {
    return false // a RangeError is how an unknown zone is told
  }
}

const dateIn = (zone: string) => {
  const format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short', calendar: 'gregory' })
  return (at: number) => format.format(at)
}

/** The first moment at which the calendar in `zone` shows the same date as at `at`; ms since the epoch. */
function startOfDay(at: number, dateAt: (at: number) => string): number {
  const date = dateAt(at)
  let [before, within] = [at - LONGEST_DAY_MS, at]
  // Halving finds it whatever the clocks do that day: a midnight may be missing, or come twice.
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2)
    if (dateAt(middle) === date) within = middle
    else before = middle
  }
  return within
}

/** Beginnings of days, ms since the epoch. */
export type Days = { readonly yesterday: number; readonly today: number; readonly tomorrow: number }

/** The days of each zone that were last asked for: they are the same until tomorrow, and take long to find. */
const known = new Map<string, Days>()
/** Names of zones are few, but may be written in many ways. */
const MOST_KNOWN = 1000

/** Beginnings of the day that `at` belongs to in `zone`, of the day before, and of the one after; ms since the epoch. */
export function daysAround(at: number, zone: string): Days {
  const last = known.get(zone)
  if (last !== undefined && last.today <= at && at < last.tomorrow) return last
  const dateAt = dateIn(zone)
  const today = startOfDay(at, dateAt)
  const days = {
    yesterday: startOfDay(today - 1, dateAt),
    today,
    // Half a day into tomorrow or, where days are skipped, whatever comes after today.
    tomorrow: startOfDay(today + 1.5 * DAY_MS, dateAt),
  }
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(zone, days)
  return days
}
