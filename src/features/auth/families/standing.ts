import { LRUCache } from 'lru-cache'
import type { Principal } from '../../../http/principal.ts'
import { entryLimit } from '../../../lib/entry-limit.ts'

export type Device = Pick<Principal, 'userId' | 'familyId'>

type Dependencies = {
  /** The device's counter and whether its token pair was received; undefined if it is not logged in to this account. */
  readonly find: (
    device: Device,
  ) => Promise<{ readonly counter: number; readonly confirmed: boolean } | undefined>
  /** Marks the token pair as received; false if its device is not logged in to this account. */
  readonly confirm: (principal: Principal) => Promise<boolean>
  /** Those of the devices that are not logged in to their accounts. */
  readonly listDead: (devices: readonly Device[]) => Promise<readonly string[]>
  /** Lifetime of an access token; entries are not kept longer. */
  readonly tokenTtlMs: number
  readonly onConfirmFailed: (error: unknown) => void
}

const REMEMBERED = 50_000
const REVIEW_BATCH = 5000

/**
 * Cache of the logged-in devices. A device is looked up before its first token is accepted; after that its tokens cost
 * no query. The database is authoritative: `review` compares the cache with it, and `clear` empties the cache after the
 * database may have lost commits, for example in a failover or a restore.
 */
export function createStanding(dependencies: Dependencies) {
  const ttl = dependencies.tokenTtlMs
  /** `confirmed` is the highest counter whose token pair is marked as received in the database. */
  const live = new LRUCache<string, { readonly userId: number; confirmed: number }>({
    ...entryLimit(REMEMBERED),
    ttl,
    updateAgeOnGet: true,
  })
  const dead = new LRUCache<string, true>({ ...entryLimit(REMEMBERED), ttl })
  const lookups = new Map<string, Promise<boolean>>()
  /** Incremented by `clear`: results of older queries are ignored. */
  let generation = 0

  const forget = (familyId: string) => {
    live.delete(familyId)
    dead.set(familyId, true)
  }

  const confirm = (device: { confirmed: number }, principal: Principal) => {
    const before = device.confirmed
    const startedIn = generation
    device.confirmed = principal.counter
    dependencies
      .confirm(principal)
      .then((isLive) => {
        if (!isLive && startedIn === generation) forget(principal.familyId)
      })
      .catch((error: unknown) => {
        device.confirmed = before
        dependencies.onConfirmFailed(error)
      })
  }

  const lookUp = async (principal: Principal): Promise<boolean> => {
    const { userId, familyId } = principal
    const startedIn = generation
    const found = await dependencies.find(principal)
    if (startedIn !== generation) return isLive(principal)
    if (dead.has(familyId)) return false // logged out during the query
    if (found === undefined) {
      forget(familyId)
      return false
    }
    live.set(familyId, { userId, confirmed: found.confirmed ? found.counter : found.counter - 1 })
    return isLive(principal)
  }

  /** Synchronous for a cached device, otherwise after a query. */
  const isLive = (principal: Principal): boolean | Promise<boolean> => {
    const { userId, familyId, counter } = principal
    if (dead.has(familyId)) return false
    const device = live.get(familyId)
    if (device !== undefined) {
      if (device.userId !== userId) return false
      if (counter > device.confirmed) confirm(device, principal)
      return true
    }
    const key = `${userId} ${familyId}`
    const pending = lookups.get(key)
    if (pending !== undefined) return pending
    const lookup = lookUp(principal).finally(() => {
      if (lookups.get(key) === lookup) lookups.delete(key)
    })
    lookups.set(key, lookup)
    return lookup
  }

  return {
    isLive,
    forget,

    /** Adds a device that has just logged in or refreshed its tokens. It needs no lookup. */
    addIssued({ userId, familyId, counter }: Principal): void {
      if (!live.has(familyId)) live.set(familyId, { userId, confirmed: counter - 1 })
    },

    /** Removes devices that were logged out, renamed or lost without a notice to this process. */
    async review(): Promise<void> {
      const startedIn = generation
      const devices = [...live.entries()].map(([familyId, { userId }]) => ({ familyId, userId }))
      for (let from = 0; from < devices.length; from += REVIEW_BATCH) {
        const removed = await dependencies.listDead(devices.slice(from, from + REVIEW_BATCH))
        if (startedIn !== generation) return
        removed.forEach(forget)
      }
    },

    /** Removes all entries; each device is looked up again at its next use. */
    clear(): void {
      generation++
      live.clear()
      dead.clear()
      lookups.clear()
    },
  }
}

export type Standing = ReturnType<typeof createStanding>
