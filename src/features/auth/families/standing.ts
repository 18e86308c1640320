import { LRUCache } from 'lru-cache'
import type { Principal } from '../../../plugins/authentication.ts'

export type Device = Pick<Principal, 'userId' | 'familyId'>

type Dependencies = {
  /** The device's counter, and whether its pair was received; undefined unless it is logged in to this account. */
  readonly find: (
    device: Device,
  ) => Promise<{ readonly counter: number; readonly confirmed: boolean } | undefined>
  /** Marks the pair as received; false unless its device is logged in to this account. */
  readonly confirm: (principal: Principal) => Promise<boolean>
  /** Those of the devices that are not logged in to their accounts. */
  readonly listDead: (devices: readonly Device[]) => Promise<readonly string[]>
  /** How long an access token lives: nothing has to be remembered longer than that. */
  readonly tokenTtlMs: number
  readonly onConfirmFailed: (error: unknown) => void
}

const REMEMBERED = 50_000
const REVIEW_BATCH = 5000

/**
 * Which devices are logged in, as far as this process knows. A device is looked up before its first token is accepted;
 * after that its tokens cost no query. The database is the truth: `review` compares with it, and `clear` is for when the
 * database may have lost what it had said, as in a failover or a restore.
 */
export function createStanding(dependencies: Dependencies) {
  const ttl = dependencies.tokenTtlMs
  /** `confirmed` is the highest counter of which the database knows that its pair was received. */
  const live = new LRUCache<string, { readonly userId: number; confirmed: number }>({
    max: REMEMBERED,
    ttl,
    updateAgeOnGet: true,
  })
  const dead = new LRUCache<string, true>({ max: REMEMBERED, ttl })
  const lookups = new Map<string, Promise<boolean>>()
  /** Rises when everything is cleared: an answer to a question from before says nothing. */
  let generation = 0

  const forget = (familyId: string) => {
    live.delete(familyId)
    dead.set(familyId, true)
  }

  const confirm = (known: { confirmed: number }, principal: Principal) => {
    const before = known.confirmed
    const asked = generation
    known.confirmed = principal.counter
    dependencies
      .confirm(principal)
      .then((isLive) => {
        if (!isLive && asked === generation) forget(principal.familyId)
      })
      .catch((error: unknown) => {
        known.confirmed = before
        dependencies.onConfirmFailed(error)
      })
  }

  const lookUp = async (principal: Principal): Promise<boolean> => {
    const { userId, familyId } = principal
    const asked = generation
    const found = await dependencies.find(principal)
    if (asked !== generation) return isLive(principal)
    if (dead.has(familyId)) return false // logged out while the question was on its way
    if (found === undefined) {
      forget(familyId)
      return false
    }
    live.set(familyId, { userId, confirmed: found.confirmed ? found.counter : found.counter - 1 })
    return isLive(principal)
  }

  /** At once for a device that is known, else when the database has answered. */
  const isLive = (principal: Principal): boolean | Promise<boolean> => {
    const { userId, familyId, counter } = principal
    if (dead.has(familyId)) return false
    const known = live.get(familyId)
    if (known !== undefined) {
      if (known.userId !== userId) return false
      if (counter > known.confirmed) confirm(known, principal)
      return true
    }
    const key = `${userId} ${familyId}`
    const waiting = lookups.get(key)
    if (waiting !== undefined) return waiting
    const lookup = lookUp(principal).finally(() => {
      if (lookups.get(key) === lookup) lookups.delete(key)
    })
    lookups.set(key, lookup)
    return lookup
  }

  return {
    isLive,
    forget,

    /** The device has just been found logged in, or logged in itself: its tokens need no lookup. */
    issued({ userId, familyId, counter }: Principal): void {
      if (!live.has(familyId)) live.set(familyId, { userId, confirmed: counter - 1 })
    },

    /** Forgets the devices that have been logged out, renamed or lost without this process being notified. */
    async review(): Promise<void> {
      const asked = generation
      const devices = [...live.entries()].map(([familyId, { userId }]) => ({ familyId, userId }))
      for (let from = 0; from < devices.length; from += REVIEW_BATCH) {
        const gone = await dependencies.listDead(devices.slice(from, from + REVIEW_BATCH))
        if (asked !== generation) return
        gone.forEach(forget)
      }
    },

    /** Every device is looked up again at its next use. */
    clear(): void {
      generation++
      live.clear()
      dead.clear()
      lookups.clear()
    },
  }
}

export type Standing = ReturnType<typeof createStanding>
