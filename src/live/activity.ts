import type { Clock } from '../lib/clock.ts'
import type { LiveSession } from './live-session.ts'

type Dependencies = {
  /** The sessions in this process. */
  readonly live: ReadonlyMap<string, LiveSession>
  readonly clock: Pick<Clock, 'now'>
  /** A session without frames or work for this long is quiet. */
  readonly quietMs: number
}

/** Which sessions of this process are in use. */
export function createActivity({ live, clock, quietMs }: Dependencies) {
  const quietSince = () => clock.now() - quietMs

  return {
    /**
     * Whether the session has had frames or work recently. Sockets alone are not activity: a hidden tab keeps its own and
     * must not keep the session from a visible one on another instance.
     */
    isActive: (sessionId: string): boolean => {
      const session = live.get(sessionId)
      return session !== undefined && !(session.idle && session.lastActivity < quietSince())
    },

    /** The same for a session whose next socket is connecting: it is not released in the meantime. */
    awaits: (sessionId: string, epoch: number): boolean => {
      const session = live.get(sessionId)
      if (session?.epoch !== epoch) return false
      session.lastActivity = clock.now()
      return true
    },

    /** Sessions without a feeding socket that have been inactive for long. */
    listQuiet: (): LiveSession[] => {
      const since = quietSince()
      return [...live.values()].filter(
        (session) => session.feeders === 0 && session.idle && session.lastActivity < since,
      )
    },
  }
}
