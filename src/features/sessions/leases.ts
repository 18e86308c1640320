import { within } from '../../lib/deadline.ts'

type LeaseKey = { readonly sessionId: string; readonly epoch: number }

type Dependencies = {
  /** Extends those of the leases that are still ours and returns the ids of their sessions. */
  readonly renew: (leases: readonly LeaseKey[]) => Promise<ReadonlySet<string>>
  readonly release: (leases: readonly LeaseKey[]) => Promise<void>
  readonly ttlMs: number
  /** A clock that never jumps and goes on while the process is stopped, ms. */
  readonly monotonic: () => number
  readonly onLost: (sessionId: string) => void
  readonly onUnreachable: (error: unknown) => void
}

type Held = { readonly epoch: number; validUntil: number }

/** Leases are renewed three times in their life. */
const RENEWALS = 3
const ANSWER_MS = 2000

/**
 * The leases of this process. A lease is valid by our own clock, counted from before the database was asked, so it never
 * outlives the one in the row. After it has run out nothing is done under it until the database has said that it is
 * still ours; only while the database cannot be asked by us do we go on.
 */
export function createLeases(dependencies: Dependencies) {
  const { monotonic, ttlMs } = dependencies
  const held = new Map<string, Held>()
  const renewEveryMs = ttlMs / RENEWALS
  let unreachableAt = Number.NEGATIVE_INFINITY
  let flight: Promise<void> | undefined

  const keys = (): LeaseKey[] => [...held].map(([sessionId, { epoch }]) => ({ sessionId, epoch }))

  const lose = (sessionId: string) => {
    held.delete(sessionId)
    dependencies.onLost(sessionId)
  }

  const renewAll = async (): Promise<void> => {
    const asked = keys()
    if (asked.length === 0) return
    const from = monotonic()
    try {
      const ours = await within(dependencies.renew(asked), ANSWER_MS)
      if (ours === 'late') throw new Error('the renewal of leases was not answered in time')
      for (const { sessionId, epoch } of asked) {
        const lease = held.get(sessionId)
        if (lease?.epoch !== epoch) continue
        if (ours.has(sessionId)) lease.validUntil = from + ttlMs
        else lose(sessionId)
      }
    } catch (error) {
      // An answer that is later than its deadline allows was missed by us, stopped in between: that says nothing.
      if (monotonic() - from < 2 * ANSWER_MS) unreachableAt = monotonic()
      dependencies.onUnreachable(error)
    }
  }

  const renew = (): Promise<void> => {
    flight ??= renewAll().finally(() => {
      flight = undefined
    })
    return flight
  }

  const isValid = ({ sessionId, epoch }: LeaseKey): boolean => {
    const lease = held.get(sessionId)
    return lease?.epoch === epoch && lease.validUntil > monotonic()
  }

  const isJustUnreachable = () => monotonic() - unreachableAt < renewEveryMs

  return {
    renewEveryMs,
    renew,
    isValid,

    /** `askedAt`: our clock before the database was asked for the lease. */
    hold(sessionId: string, epoch: number, askedAt: number): void {
      held.set(sessionId, { epoch, validUntil: askedAt + ttlMs })
    },

    /** Whether something may be stored or sent under this lease now. */
    async mayAct(key: LeaseKey): Promise<boolean> {
      if (isValid(key)) return true
      if (held.get(key.sessionId)?.epoch !== key.epoch) return false
      // A question that is under way already may be from before a long stop of this process.
      if (!isJustUnreachable()) await flight
      if (!isJustUnreachable() && !isValid(key)) await renew()
      const lease = held.get(key.sessionId)
      return (
        lease?.epoch === key.epoch &&
        (lease.validUntil > monotonic() || unreachableAt > monotonic() - ANSWER_MS - renewEveryMs)
      )
    },

    /** Another instance has it now. */
    lostTo: (sessionId: string, epoch: number): void => {
      const lease = held.get(sessionId)
      if (lease !== undefined && lease.epoch < epoch) lose(sessionId)
    },

    /** Gives a lease up, so that another instance need not wait for it to run out. */
    async release(sessionIds: readonly string[]): Promise<void> {
      const given = keys().filter(({ sessionId }) => sessionIds.includes(sessionId))
      for (const { sessionId } of given) held.delete(sessionId)
      if (given.length > 0) await dependencies.release(given)
    },

    get size() {
      return held.size
    },
  }
}

export type Leases = ReturnType<typeof createLeases>
