import { within } from '../../lib/deadline.ts'

type LeaseKey = { readonly sessionId: string; readonly epoch: number }

type Claimed = { readonly session: { readonly leaseEpoch: number } }

/** Sessions whose leases a renewal did not extend: of another owner, deleted, or locked at that moment. */
type Renewal = {
  readonly lost: readonly string[]
  readonly gone: readonly string[]
  readonly skipped: readonly string[]
}

/**
 * What a claim gives to whoever made it, who uses it up in one of two ways; the second use of it does nothing. The lease
 * is kept for as long as it is fed or another claim of it is open.
 */
export type LeaseClaim = {
  readonly epoch: number
  /**
   * The session has a socket now, and the lease is kept until it is released. False when it has been lost meanwhile.
   * While `isActive` returns false it is not renewed: it runs out, and another instance may take it.
   */
  readonly feed: (isActive?: () => boolean) => boolean
  /** Nothing came of it. */
  readonly release: () => void
}

type Dependencies = {
  /** Extends those of the leases that are still ours. */
  readonly renew: (leases: readonly LeaseKey[]) => Promise<Renewal>
  /** Gives leases up and returns those whose rows were locked; `patient`: waits for them. */
  readonly release: (leases: readonly LeaseKey[], patient: boolean) => Promise<readonly LeaseKey[]>
  readonly ttlMs: number
  /** A clock that never goes back, and goes on while the process or its machine is suspended, ms. */
  readonly monotonic: () => number
  readonly onLost: (sessionId: string) => void
  /** The session has been deleted, which was not known here. */
  readonly onGone: (sessionId: string) => void
  readonly onUnreachable: (error: unknown) => void
  /** What was claimed in vain could not be given up: it runs out. */
  readonly onReleaseFailed: (error: unknown) => void
}

type Held = {
  readonly epoch: number
  validUntil: number
  /** Time of the last claim. */
  claimedAt: number
  /** Claims of which nothing has become yet. */
  readonly claims: Set<LeaseClaim>
  isFed: boolean
  isActive: () => boolean
}

const newLease = (epoch: number): Held => ({
  epoch,
  validUntil: 0,
  claimedAt: 0,
  claims: new Set(),
  isFed: false,
  isActive: () => true,
})

/** Leases are renewed three times in their life. */
const RENEWALS = 3
const ANSWER_MS = 2000
/** Within this a claim leads to a fed socket or is given up; after it the lease is given up here. */
const MAX_HANDSHAKE_MS = 10_000

/**
 * The leases of this process, each for a session that a socket feeds or is about to. A lease is valid by our own clock, counted from before the database was asked, so it never
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

  const lose = (sessionId: string) => {
    held.delete(sessionId)
    dependencies.onLost(sessionId)
  }

  /** A lease that is passed over is still ours and runs out by our clock. */
  const take = (asked: readonly LeaseKey[], { lost, gone, skipped }: Renewal, validUntil: number) => {
    const others = new Map<string, 'lost' | 'gone' | 'skipped'>()
    for (const id of lost) others.set(id, 'lost')
    for (const id of gone) others.set(id, 'gone')
    for (const id of skipped) others.set(id, 'skipped')
    for (const { sessionId, epoch } of asked) {
      const lease = held.get(sessionId)
      if (lease?.epoch !== epoch) continue
      const found = others.get(sessionId)
      if (found === undefined) lease.validUntil = validUntil
      else if (found === 'lost') lose(sessionId)
      else if (found === 'gone') dependencies.onGone(sessionId)
    }
  }

  const renewAll = async (): Promise<void> => {
    releaseUnfed()
    const asked = [...held]
      .filter(([, lease]) => !lease.isFed || lease.isActive())
      .map(([sessionId, { epoch }]) => ({ sessionId, epoch }))
    if (asked.length === 0) return
    const from = monotonic()
    try {
      const answer = await within(dependencies.renew(asked), ANSWER_MS)
      if (answer === 'late') throw new Error('the renewal of leases was not answered in time')
      take(asked, answer, from + ttlMs)
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

  const holds = ({ sessionId, epoch }: LeaseKey): boolean => held.get(sessionId)?.epoch === epoch

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

  /** The last of the leases that wait for their rows to be given up, one after the other. */
  let patient: Promise<void> = Promise.resolve()
  const giveUpPatiently = (key: LeaseKey) => {
    const before = patient
    const given = inTurn([key.sessionId], async () => {
      await before
      if (!held.has(key.sessionId)) await dependencies.release([key], true)
    })
    patient = given.catch(dependencies.onReleaseFailed)
  }

  /** Gives up what nothing needs, once what is in progress for these sessions is done. */
  const giveUp = (leases: ReadonlyMap<string, Held>): Promise<void> =>
    inTurn([...leases.keys()], async () => {
      const given = [...leases].filter(
        ([id, lease]) => held.get(id) === lease && !lease.isFed && lease.claims.size === 0,
      )
      for (const [id] of given) held.delete(id)
      if (given.length === 0) return
      const keys = given.map(([sessionId, { epoch }]) => ({ sessionId, epoch }))
      for (const locked of await dependencies.release(keys, false)) giveUpPatiently(locked)
    })

  const unneeded = new Map<string, Held>()
  /** Those of one turn of the event loop together: when the database is slow, many handshakes end at once. */
  const giveUpSoon = (sessionId: string, lease: Held) => {
    if (unneeded.size === 0)
      setImmediate(() => {
        const leases = [...unneeded]
        unneeded.clear()
        const isFree = ([id]: readonly [string, Held]) => !turns.has(id)
        const batches = [leases.filter(isFree), ...leases.filter((one) => !isFree(one)).map((one) => [one])]
        for (const batch of batches) giveUp(new Map(batch)).catch(dependencies.onReleaseFailed)
      })
    unneeded.set(sessionId, lease)
  }

  /** Whatever became of their handshakes. */
  const releaseUnfed = () => {
    const since = monotonic() - MAX_HANDSHAKE_MS
    for (const [sessionId, lease] of held) {
      if (lease.isFed || lease.claimedAt > since) continue
      lease.claims.clear()
      giveUpSoon(sessionId, lease)
    }
  }

  const hold = (sessionId: string, epoch: number, askedAt: number): LeaseClaim => {
    const known = held.get(sessionId)
    const lease: Held = known?.epoch === epoch ? known : newLease(epoch)
    lease.validUntil = Math.max(lease.validUntil, askedAt + ttlMs)
    lease.claimedAt = monotonic()
    held.set(sessionId, lease)
    const claim: LeaseClaim = {
      epoch,
      feed: (isActive = () => true) => {
        const isHeld = held.get(sessionId) === lease && lease.claims.delete(claim)
        if (isHeld) {
          lease.isFed = true
          lease.isActive = isActive
        }
        return isHeld
      },
      release: () => {
        if (lease.claims.delete(claim)) giveUpSoon(sessionId, lease)
      },
    }
    lease.claims.add(claim)
    return claim
  }

  const isJustUnreachable = () => monotonic() - unreachableAt < renewEveryMs

  return {
    renewEveryMs,
    renew,
    isValid,

    /** Whether this lease is ours as far as is known, be it valid or not. */
    holds,
    /** Whether there is one for this session. */
    has: (sessionId: string): boolean => held.has(sessionId),

    /** `askedAt`: our clock before the database was asked for the lease. */
    hold,

    /** Asks for a session, by `ask`, and holds what it gives; never in the moment in which the session is given up. */
    claim: <T extends Claimed>(
      sessionId: string,
      ask: () => Promise<T | undefined>,
    ): Promise<(T & { readonly claim: LeaseClaim }) | undefined> =>
      inTurn([sessionId], async () => {
        const askedAt = monotonic()
        const claimed = await ask()
        if (claimed === undefined) return undefined
        const { leaseEpoch } = claimed.session
        const known = held.get(sessionId)?.epoch ?? leaseEpoch
        // A row that is behind what we hold has been lost and claimed anew: renewing sets it right.
        if (leaseEpoch < known) void renew()
        return { ...claimed, claim: hold(sessionId, Math.max(leaseEpoch, known), askedAt) }
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

    /** The database has refused to write under this lease: another instance has it now. */
    lost: (key: LeaseKey): void => {
      if (holds(key)) lose(key.sessionId)
    },

    /** The session is not there any more. */
    gone: (sessionId: string): void => {
      if (held.has(sessionId)) lose(sessionId)
    },

    /**
     * Gives up leases that are fed no longer, so that another instance need not wait for them to run out. One with an
     * open claim is kept.
     */
    release(sessionIds: readonly string[]): Promise<void> {
      const leases = new Map<string, Held>()
      for (const sessionId of sessionIds) {
        const lease = held.get(sessionId)
        if (lease === undefined) continue
        lease.isFed = false
        leases.set(sessionId, lease)
      }
      return giveUp(leases)
    },

    /** The sessions that are held here, with their epochs. */
    epochs: (): [string, number][] => [...held].map(([sessionId, { epoch }]) => [sessionId, epoch]),

    get size() {
      return held.size
    },
  }
}

export type Leases = ReturnType<typeof createLeases>
