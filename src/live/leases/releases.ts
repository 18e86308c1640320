import type { Held, LeaseKey } from './lease.ts'
import type { Turns } from './turns.ts'

type Dependencies = {
  /** The leases of this process by session. */
  readonly held: Map<string, Held>
  readonly turns: Turns
  /** Releases leases and returns those whose rows were locked; `patient`: waits for them. */
  readonly release: (leases: readonly LeaseKey[], patient: boolean) => Promise<readonly LeaseKey[]>
  readonly onReleaseFailed: (error: unknown) => void
}

/** Releases leases that are not used. One that is fed or claimed meanwhile is kept. */
export function createReleases({ held, turns, release, onReleaseFailed }: Dependencies) {
  /** Releases of locked rows, one after the other. */
  let patient: Promise<void> = Promise.resolve()
  const releasePatiently = (key: LeaseKey) => {
    const before = patient
    const given = turns.run([key.sessionId], async () => {
      await before
      if (!held.has(key.sessionId)) await release([key], true)
    })
    patient = given.catch(onReleaseFailed)
  }

  /** Releases unused leases, once what is in progress for these sessions is done. */
  const releaseUnused = (leases: ReadonlyMap<string, Held>): Promise<void> =>
    turns.run([...leases.keys()], async () => {
      const given = [...leases].filter(
        ([id, lease]) => held.get(id) === lease && !lease.isFed && lease.claims.size === 0,
      )
      for (const [id] of given) held.delete(id)
      if (given.length === 0) return
      const keys = given.map(([sessionId, { epoch }]) => ({ sessionId, epoch }))
      for (const locked of await release(keys, false)) releasePatiently(locked)
    })

  const unneeded = new Map<string, Held>()
  /** Those of one turn of the event loop share a statement: when the database is slow, many handshakes end at once. */
  const releaseSoon = (sessionId: string, lease: Held) => {
    if (unneeded.size === 0)
      setImmediate(() => {
        const leases = [...unneeded]
        unneeded.clear()
        const isFree = ([id]: readonly [string, Held]) => !turns.isBusy(id)
        const batches = [leases.filter(isFree), ...leases.filter((one) => !isFree(one)).map((one) => [one])]
        for (const batch of batches) releaseUnused(new Map(batch)).catch(onReleaseFailed)
      })
    unneeded.set(sessionId, lease)
  }

  return { releaseUnused, releaseSoon }
}
