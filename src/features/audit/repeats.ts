import type { SecurityEvent } from '../../http/security-event.ts'

/** Distinct events that are counted separately; all others are counted by event name only. */
const MAX_DISTINCT = 1000

type Repeated = { readonly event: SecurityEvent; repeats: number }

const createKey = ({ event, userId, address, details }: SecurityEvent) =>
  JSON.stringify([event, userId, address, details])

/**
 * Counts repeated events. Not a cache with eviction: a client that changes its network each time would then get a row
 * each time. Beyond `MAX_DISTINCT` events, only the event name is counted.
 */
export function createRepeats() {
  let events = new Map<string, Repeated>()

  const remember = (event: SecurityEvent): boolean => {
    const key = createKey(event)
    const before = events.get(key)
    if (before !== undefined) before.repeats++
    else events.set(key, { event, repeats: 0 })
    return before === undefined
  }

  return {
    /** True if the event did not occur recently and must be written at once. */
    isFirst: (event: SecurityEvent): boolean =>
      remember(events.has(createKey(event)) || events.size < MAX_DISTINCT ? event : { event: event.event }),

    /** Returns the events repeated since the last call, with their count. They stay counted, the others are removed. */
    take(): SecurityEvent[] {
      const repeated = [...events].filter(([, { repeats }]) => repeats > 0)
      events = new Map(repeated.map(([key, { event }]) => [key, { event, repeats: 0 }]))
      return repeated.map(([, { event, repeats }]) => ({
        ...event,
        details: { ...event.details, count: repeats },
      }))
    },
  }
}
