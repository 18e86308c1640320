import { within } from '../../lib/deadline.ts'
import { createSingleFlight } from '../../lib/single-flight.ts'
import { type Held, type LeaseClaim, type LeaseKey, newLease, type Renewal } from './lease.ts'
import { createReleases } from './releases.ts'
import { createTurns } from './turns.ts'

type Claimed = { readonly session: { readonly leaseEpoch: number } }

type Dependencies = {
  /** Extends those of the leases that are still ours. */
  readonly renew: (leases: readonly LeaseKey[]) => Promise<Renewal>
  /** Releases leases and returns those whose rows were locked; `patient`: waits for them. */
  readonly release: (leases: readonly LeaseKey[], patient: boolean) => Promise<readonly LeaseKey[]>
  readonly ttlMs: number
  /** Monotonic clock that continues while the process or its machine is suspended, ms. */
  readonly monotonic: () => number
  readonly onLost: (sessionId: string) => void
  /** Another instance has taken the session. */
  readonly onTaken?: (sessionId: string) => void
  /** The session has been deleted, which was not known in this process. */
  readonly onDeleted: (sessionId: string) => void
  readonly onUnreachable: (error: unknown) => void
  /** A lease without a socket could not be released: it expires. */
  readonly onReleaseFailed: (error: unknown) => void
}

/** A lease is renewed three times before it expires. */
const RENEWALS = 3
const ANSWER_MS = 2000
/** A claim leads to a fed socket within this time; afterwards its lease is released. */
const MAX_HANDSHAKE_MS = 10_000

/**
 * The leases of this process, each for a session that a socket feeds or is about to feed. A lease is valid by the
 * monotonic clock, counted from before the query was sent, so it never outlives the one in the row. After it has expired
 * nothing is done under it until the database has confirmed it; only while this process cannot reach the database does it
 * continue.
 */
export function createLeases(dependencies: Dependencies) {
  const { monotonic, ttlMs } = dependencies
  const held = new Map<string, Held>()
  const turns = createTurns()
  const { releaseUnused, releaseSoon } = createReleases({ held, turns, ...dependencies })
  const renewEveryMs = ttlMs / RENEWALS
  let unreachableAt = Number.NEGATIVE_INFINITY

  const lose = (sessionId: string) => {
    held.delete(sessionId)
    dependencies.onLost(sessionId)
  }

  const loseToOther = (sessionId: string) => {
    dependencies.onTaken?.(sessionId)
    lose(sessionId)
  }

  /** A skipped lease is still held and expires by the monotonic clock. */
  const take = (asked: readonly LeaseKey[], { lost, deleted, skipped }: Renewal, validUntil: number) => {
    const others = new Map<string, 'lost' | 'deleted' | 'skipped'>()
    for (const id of lost) others.set(id, 'lost')
    for (const id of deleted) others.set(id, 'deleted')
    for (const id of skipped) others.set(id, 'skipped')
    for (const { sessionId, epoch } of asked) {
      const lease = held.get(sessionId)
      if (lease?.epoch !== epoch) continue
      const found = others.get(sessionId)
      if (found === undefined) lease.validUntil = validUntil
      else if (found === 'lost') loseToOther(sessionId)
      else if (found === 'deleted') dependencies.onDeleted(sessionId)
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
      // After its deadline the answer was missed because this process was stopped: the database may be reachable.
      if (monotonic() - from < 2 * ANSWER_MS) unreachableAt = monotonic()
      dependencies.onUnreachable(error)
    }
  }

  const renewal = createSingleFlight(renewAll)
  const renew = renewal.run

  const holds = ({ sessionId, epoch }: LeaseKey): boolean => held.get(sessionId)?.epoch === epoch

  const isValid = ({ sessionId, epoch }: LeaseKey): boolean => {
    const lease = held.get(sessionId)
    return lease?.epoch === epoch && lease.validUntil > monotonic()
  }

  /** Releases leases whose handshakes did not finish in time. */
  const releaseUnfed = () => {
    const since = monotonic() - MAX_HANDSHAKE_MS
    for (const [sessionId, lease] of held) {
      if (lease.isFed || lease.claimedAt > since) continue
      lease.claims.clear()
      releaseSoon(sessionId, lease)
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
        if (lease.claims.delete(claim)) releaseSoon(sessionId, lease)
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

    /** Whether this lease is held as far as is known, valid or expired. */
    holds,
    /** Whether a lease of this session is held. */
    has: (sessionId: string): boolean => held.has(sessionId),

    /** `askedAt`: the monotonic clock before the claim was sent. */
    hold,

    /** Claims a session through `ask` and holds the lease; never while the session is being released. */
    claim: <T extends Claimed>(
      sessionId: string,
      ask: () => Promise<T | undefined>,
    ): Promise<(T & { readonly claim: LeaseClaim }) | undefined> =>
      turns.run([sessionId], async () => {
        const askedAt = monotonic()
        const claimed = await ask()
        if (claimed === undefined) return undefined
        const { leaseEpoch } = claimed.session
        const known = held.get(sessionId)?.epoch ?? leaseEpoch
        // The database has lost a claim, and the row was claimed again with a lower epoch: a renewal corrects it.
        if (leaseEpoch < known) void renew()
        return { ...claimed, claim: hold(sessionId, Math.max(leaseEpoch, known), askedAt) }
      }),

    /** Whether results may be stored or sent under this lease now. */
    async mayAct(key: LeaseKey): Promise<boolean> {
      if (isValid(key)) return true
      if (held.get(key.sessionId)?.epoch !== key.epoch) return false
      // A renewal in progress may have begun before a long stop of this process.
      if (!isJustUnreachable()) await renewal.current
      if (!isJustUnreachable() && !isValid(key)) await renew()
      const lease = held.get(key.sessionId)
      return (
        lease?.epoch === key.epoch &&
        (lease.validUntil > monotonic() || unreachableAt > monotonic() - ANSWER_MS - renewEveryMs)
      )
    },

    /** Another instance has the session under a later epoch. */
    lostTo: (sessionId: string, epoch: number): void => {
      const lease = held.get(sessionId)
      if (lease !== undefined && lease.epoch < epoch) loseToOther(sessionId)
    },

    /** The database refused a write under this lease: another instance has the session. */
    lost: (key: LeaseKey): void => {
      if (holds(key)) loseToOther(key.sessionId)
    },

    /** The session was deleted. */
    deleted: (sessionId: string): void => {
      if (held.has(sessionId)) lose(sessionId)
    },

    /**
     * Releases leases that are no longer fed, so that another instance need not wait for their expiry. A lease with an
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
      return releaseUnused(leases)
    },

    /** The held sessions with their epochs. */
    epochs: (): [string, number][] => [...held].map(([sessionId, { epoch }]) => [sessionId, epoch]),

    get size() {
      return held.size
    },
  }
}

export type Leases = ReturnType<typeof createLeases>
