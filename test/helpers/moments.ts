import { EventEmitter, once } from 'node:events'

const MOVED = 'moved'

/** Moments that come one after the other for several parties; the next one comes when all of them wait for it. */
export function createMoments<Name extends string>(names: readonly Name[]) {
  const events = new EventEmitter().setMaxListeners(0)
  const reached = new Set<Name>()
  /** The moment that each party waits for, or did last. */
  const places = new Map<symbol, number>()

  return {
    /** A party, which is waited for until it leaves. */
    join() {
      const party = Symbol('party')
      places.set(party, -1)
      return {
        until: async (moment: Name): Promise<void> => {
          places.set(party, names.indexOf(moment))
          events.emit(MOVED)
          if (!reached.has(moment)) await once(events, moment)
        },
        leave: (): void => {
          places.delete(party)
          events.emit(MOVED)
        },
      }
    },

    /** Resolves when every party waits for this moment or a later one, or has left. */
    async awaited(moment: Name): Promise<void> {
      const place = names.indexOf(moment)
      while ([...places.values()].some((one) => one < place)) await once(events, MOVED)
    },

    reach(moment: Name): void {
      reached.add(moment)
      events.emit(moment)
    },
  }
}
