import { within } from '../lib/deadline.ts'
import { createActivity } from './activity.ts'
import { LiveSession } from './live-session.ts'
import { createResults, type ResultDependencies } from './results.ts'
import type { LiveSettings } from './session-settings.ts'
import type { SessionStart } from './session-start.ts'

type Dependencies = Omit<ResultDependencies, 'keepUndelivered' | 'isDelivered'> & {
  readonly settings: LiveSettings
  /** This process, as the owner of sessions. */
  readonly owner: string
  readonly leases: { release(sessionIds: readonly string[]): Promise<void> }
  readonly onReleaseFailed: (error: unknown) => void
  /** Called with the number of sessions in this process whenever it changes. */
  readonly onLive: (count: number) => void
  /** Longest time after the end in which anything of the session is in flight. */
  readonly graceMs: number
  /** A session without a feeding socket is released after this long. */
  readonly quietMs: number
}

/** Reserved of the grace, a tenth of it at most, for an aborted session to deliver its answers. */
const LAST_DELIVERY_MS = 1000

/** Delivers the last window; what takes longer than the grace is cut off. */
async function endWithin(graceMs: number, session: LiveSession): Promise<void> {
  const delivered = session.end()
  // Not cleared when all is delivered: a call may live on after its window's deadline.
  setTimeout(() => session.abort(), graceMs).unref()
  const lastDeliveryMs = Math.min(LAST_DELIVERY_MS, graceMs / 10)
  if ((await within(delivered, graceMs - lastDeliveryMs)) === 'late') {
    session.abort()
    await within(delivered, lastDeliveryMs)
  }
}

/** The sessions that live in this process. */
export function createScheduler(dependencies: Dependencies) {
  const { settings, outbox, leases, owner, onLive } = dependencies
  const live = new Map<string, LiveSession>()
  const { sinkOf, ...results } = createResults({
    ...dependencies,
    keepUndelivered: (sessionId, answer) => live.get(sessionId)?.undelivered.add(answer),
    isDelivered: (sessionId, window) => live.get(sessionId)?.undelivered.has(window) === false,
  })
  const activity = createActivity({ live, clock: settings.clock, quietMs: dependencies.quietMs })
  const create = (start: SessionStart) =>
    new LiveSession(
      start,
      settings,
      sinkOf({ sessionId: start.id, owner, epoch: start.epoch, safe: start.safe }),
    )

  const release = (sessionIds: readonly string[]) =>
    leases.release(sessionIds).catch(dependencies.onReleaseFailed)
  const remove = (sessionId: string): void => {
    live.delete(sessionId)
    onLive(live.size)
  }

  const lose = (sessionId: string): void => {
    live.get(sessionId)?.discard()
    remove(sessionId)
  }

  return {
    ...results,
    lose,
    isActive: activity.isActive,
    awaits: activity.awaits,

    /** Whether this process serves the session under this epoch. */
    has: (sessionId: string, epoch: number): boolean => live.get(sessionId)?.epoch === epoch,

    /** The session in this process, created from its row when it is not served here yet. */
    open(start: SessionStart): LiveSession {
      const known = live.get(start.id)
      if (known?.epoch === start.epoch) {
        if (start.status !== 'ended') known.setStatus(start.status)
        known.undelivered.inherit(start.undelivered)
        return known
      }
      lose(start.id)
      const session = create(start)
      live.set(start.id, session)
      onLive(live.size)
      return session
    },

    /** For a start whose lease was lost since: the session under a later lease, else one that does nothing. */
    openLost(start: SessionStart): LiveSession {
      const known = live.get(start.id)
      if (known !== undefined && leases.holds({ sessionId: known.id, epoch: known.epoch })) return known
      const session = create(start)
      session.discard()
      return session
    },

    /** Closes the open window of a session that has ended, and resolves when its answer is delivered. */
    async close(sessionId: string): Promise<void> {
      const session = live.get(sessionId)
      if (session === undefined) return
      await endWithin(dependencies.graceMs, session)
      remove(sessionId)
    },

    setStatus: (sessionId: string, status: 'active' | 'paused') => live.get(sessionId)?.setStatus(status),

    /** This window's answer was sent on a socket. */
    delivered(sessionId: string, window: number): void {
      const session = live.get(sessionId)
      if (session === undefined) return // the new owner marks what it sends
      session.undelivered.remove(window)
      void outbox.write({ kind: 'delivered', write: { sessionId, window, owner, epoch: session.epoch } })
    },

    /** Releases sessions without a feeding socket that have been inactive for long. */
    async sweep(): Promise<void> {
      const quiet = activity.listQuiet()
      for (const { id } of quiet) remove(id)
      const ours = quiet.filter(({ id, epoch }) => leases.holds({ sessionId: id, epoch }))
      await release(ours.map(({ id }) => id))
    },

    /** Takes no more frames, delivers closed windows, aborts models, within `ms`. Returns the sessions it served. */
    async stop(ms: number): Promise<string[]> {
      await within(Promise.all([...live.values()].map((session) => session.stop())), ms)
      const ids = [...live.keys()]
      live.clear()
      onLive(0)
      return ids
    },

    /** To be called when their results are written: another instance may claim them at once. */
    release,
  }
}

export type Scheduler = ReturnType<typeof createScheduler>
