import { within } from '../../lib/deadline.ts'

type LeaseKey = { readonly sessionId: string; readonly epoch: number }

type Claimed = { readonly session: { readonly leaseEpoch: number } }

type Dependencies = {
  /** Extends those of the leases that are still ours and returns the sessions of the others. */
  readonly renew: (leases: readonly LeaseKey[]) => Promise<readonly string[]>
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
  /** The last claim or release of a session that is under way: of one session they never cross. */
  const turns = new Map<string, Promise<void>>()
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
      const answer = await within(dependencies.renew(asked), ANSWER_MS)
      if (answer === 'late') throw new Error('the renewal of leases was not answered in time')
      const passedOn = new Set(answer)
      for (const { sessionId, epoch } of asked) {
        const lease = held.get(sessionId)
        if (lease?.epoch !== epoch) continue
        if (passedOn.has(sessionId)) lose(sessionId)
        else lease.validUntil = from + ttlMs
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

  /** Carries `work` out when what is under way for these sessions is done. */
  const inTurn = <T>(sessionIds: readonly string[], work: () => Promise<T>): Promise<T> => {
    const before = sessionIds.flatMap((id) => turns.get(id) ?? [])
    const mine = before.length === 0 ? work() : Promise.all(before).then(work)
    const done = mine.then(
      () => undefined,
      () => undefined, // told to who asked for it
    )
    for (const id of sessionIds) turns.set(id, done)
    void done.then(() => {
      for (const id of sessionIds) if (turns.get(id) === done) turns.delete(id)
    })
    return mine
  }

  const hold = (sessionId: string, epoch: number, askedAt: number): void => {
    held.set(sessionId, { epoch, validUntil: askedAt + ttlMs })
  }

  const isJustUnreachable = () => monotonic() - unreachableAt < renewEveryMs

  return {
    renewEveryMs,
    renew,
    isValid,

    /** `askedAt`: our clock before the database was asked for the lease. */
    hold,

    /** Asks for a session, by `ask`, and holds what it gives; never in the moment in which the session is given up. */
    claim: <T extends Claimed>(
      sessionId: string,
      ask: () => Promise<T | undefined>,
    ): Promise<T | undefined> =>
      inTurn([sessionId], async () => {
        const askedAt = monotonic()
        const claimed = await ask()
        if (claimed !== undefined) hold(sessionId, claimed.session.leaseEpoch, askedAt)
        return claimed
      }),

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

    /** The session is not there any more. */
    gone: (sessionId: string): void => {
      if (held.has(sessionId)) lose(sessionId)
    },

    /**
     * Gives leases up, so that another instance need not wait for them to run out. One that is claimed anew in this
     * moment is kept.
     */
    async release(sessionIds: readonly string[]): Promise<void> {
      const asked = sessionIds.flatMap((sessionId) => {
        const lease = held.get(sessionId)
        return lease === undefined ? [] : [{ sessionId, lease }]
      })
      if (asked.length === 0) return
      await inTurn(
        asked.map(({ sessionId }) => sessionId),
        async () => {
          const given = asked.filter(({ sessionId, lease }) => held.get(sessionId) === lease)
          for (const { sessionId } of given) held.delete(sessionId)
          if (given.length === 0) return
          await dependencies.release(given.map(({ sessionId, lease: { epoch } }) => ({ sessionId, epoch })))
        },
      )
    },

    /** The sessions that are held here, with their epochs. */
    epochs: (): [string, number][] => [...held].map(([sessionId, { epoch }]) => [sessionId, epoch]),

    get size() {
      return held.size
    },
  }
}

export type Leases = ReturnType<typeof createLeases>
