import type { SecurityEvent } from '../../plugins/security-events.ts'

/** Different happenings that are told apart at a time; all others share one row of their name. */
const MOST_APART = 1000

type Repeated = { readonly event: SecurityEvent; again: number }

const keyOf = ({ event, userId, address, details }: SecurityEvent) =>
  JSON.stringify([event, userId, address, details])

/**
 * Counts what happens again and again. Not a cache that forgets: whoever comes from ever new networks would then be
 * written down each time. So many are told apart, and beyond them only what it was is counted.
 */
export function createRepeats() {
  let known = new Map<string, Repeated>()

  const remember = (event: SecurityEvent): boolean => {
    const key = keyOf(event)
    const before = known.get(key)
    if (before !== undefined) before.again++
    else known.set(key, { event, again: 0 })
    return before === undefined
  }

  return {
    /** True for what has not happened of late, and is to be written down at once. */
    isFirst: (event: SecurityEvent): boolean =>
      remember(known.has(keyOf(event)) || known.size < MOST_APART ? event : { event: event.event }),

    /** What has happened again since the last call, with how often; it goes on being counted, the rest is forgotten. */
    take(): SecurityEvent[] {
      const repeated = [...known].filter(([, { again }]) => again > 0)
      known = new Map(repeated.map(([key, { event }]) => [key, { event, again: 0 }]))
      return repeated.map(([, { event, again }]) => ({
        ...event,
        details: { ...event.details, count: again },
      }))
    },
  }
}
