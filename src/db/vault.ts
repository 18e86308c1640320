import { createHmac, randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type postgres from 'postgres'
import { createSafe, KEY_BYTES, type Safe } from '../lib/sealing.ts'
import type { Wrapping } from '../lib/wrapping.ts'
import { AppError } from '../protocol/errors.ts'
import { entryLimit } from '../lib/entry-limit.ts'

/**
 * Data keys of users. A safe is fetched once, at the start of a piece of work; it then seals and opens synchronously.
 */
export type Vault = {
  /** A data key for a new user, wrapped, to be stored with their row. */
  readonly createKey: (userId: number) => Uint8Array
  /** Caches a wrapped data key that was read together with another column of the user. */
  readonly remember: (userId: number, wrapped: Uint8Array | null) => void
  /**
   * The user's safe; a user without a data key gets one now. Without DATA_KEYS content is stored unencrypted, without a
   * query. Rejects with UNAUTHORIZED when the user does not exist, and when DATA_KEYS does not hold the key of their
   * data.
   */
  readonly safeOf: (userId: number) => Promise<Safe>
  /**
   * The safes of the owners of these sessions, by session; deleted sessions may be missing. Without DATA_KEYS there is
   * no query. Rejects as `safeOf` does.
   */
  readonly safesOfSessions: (sessionIds: readonly string[]) => Promise<ReadonlyMap<string, Safe>>
  /**
   * The user's pseudonym in the audit trail: an HMAC under their data key, always the same and unique. Undefined when
   * the user does not exist: without the key a pseudonym can no longer be attributed.
   */
  readonly pseudonymOf: (userId: number) => Promise<string | undefined>
  /** The user is being erased: drops the cached key. */
  readonly forget: (userId: number) => void
  /** The database may have lost keys that were stored: drops all cached keys. */
  readonly forgetAll: () => void
}

/** Limits of the key cache. The time bounds how long a key outlives an erasure on another instance. */
const MAX_CACHED_KEYS = 20_000
const CACHE_TTL_MS = 30_000

type Stored = { readonly wrapped: Uint8Array | null }

async function findKey(sql: postgres.Sql, userId: number): Promise<Stored | undefined> {
  const [row] = await sql`select data_key from users where id = ${userId}`
  return row === undefined ? undefined : { wrapped: row['data_key'] as Uint8Array | null } // bytea
}

/** Replaces the found key with `wrapped`; false when another process has replaced it meanwhile. */
async function updateKey(sql: postgres.Sql, userId: number, found: Stored, wrapped: Uint8Array) {
  const { count } = await sql`
    update users set data_key = ${wrapped}
    where id = ${userId} and data_key is not distinct from ${found.wrapped}::bytea`
  return count > 0
}

async function findOwners(sql: postgres.Sql, sessionIds: readonly string[]) {
  // The client does not support arrays; ids contain no comma.
  const rows = await sql`
    select id, user_id from sessions where id = any(string_to_array(${sessionIds.join(',')}, ','))`
  return rows.map((row) => ({ sessionId: String(row['id']), userId: Number(row['user_id']) }))
}

export function createVault(sql: postgres.Sql, wrapping: Wrapping): Vault {
  const keys = new LRUCache<number, Promise<Uint8Array | undefined>>({
    ...entryLimit(MAX_CACHED_KEYS),
    ttl: CACHE_TTL_MS,
  })

  const pseudonyms = new LRUCache<number, string>({ ...entryLimit(MAX_CACHED_KEYS), ttl: CACHE_TTL_MS })

  /** `known` is the stored key, if the caller has already read it. */
  const load = async (userId: number, known?: Stored): Promise<Uint8Array | undefined> => {
    const found = known ?? (await findKey(sql, userId))
    if (found === undefined) return undefined
    const opened = found.wrapped === null ? undefined : wrapping.open(found.wrapped, userId)
    if (opened?.isFit === true) return opened.key
    const key = opened?.key ?? randomBytes(KEY_BYTES)
    if (await updateKey(sql, userId, found, wrapping.wrap(key, userId))) return key
    const kept = await findKey(sql, userId)
    return kept?.wrapped == null ? undefined : wrapping.open(kept.wrapped, userId)?.key
  }

  const getKey = (userId: number, stored?: Stored): Promise<Uint8Array | undefined> => {
    const known = keys.get(userId)
    if (known !== undefined) return known
    const loading = load(userId, stored)
    keys.set(userId, loading)
    loading.catch(() => keys.delete(userId)) // reported to the callers
    return loading
  }

  const safeOf = async (userId: number): Promise<Safe> => {
    if (!wrapping.isOn) return createSafe(null, String(userId))
    const key = await getKey(userId)
    if (key === undefined) throw new AppError('UNAUTHORIZED') // a token or a session in memory may outlive its user
    return createSafe(key, String(userId))
  }

  return {
    createKey(userId) {
      const key = randomBytes(KEY_BYTES)
      keys.set(userId, Promise.resolve(key))
      return wrapping.wrap(key, userId)
    },
    remember: (userId, wrapped) => void getKey(userId, { wrapped }),
    safeOf,
    safesOfSessions: async (sessionIds) => {
      const ids = [...new Set(sessionIds)]
      if (!wrapping.isOn) return new Map(ids.map((id) => [id, createSafe(null, id)]))
      const owners = await findOwners(sql, ids)
      const safes = new Map<string, Safe>()
      for (const { sessionId, userId } of owners) safes.set(sessionId, await safeOf(userId))
      return safes
    },
    pseudonymOf: async (userId) => {
      const known = pseudonyms.get(userId)
      if (known !== undefined) return known
      const key = await getKey(userId)
      if (key === undefined) return undefined
      const pseudonym = createHmac('sha256', key)
        .update(`maeum pseudonym ${userId}`)
        .digest('base64url')
        .slice(0, PSEUDONYM_LENGTH)
      pseudonyms.set(userId, pseudonym)
      return pseudonym
    },
    forget(userId) {
      keys.delete(userId)
      pseudonyms.delete(userId)
    },
    forgetAll() {
      keys.clear()
      pseudonyms.clear()
    },
  }
}

/** About 132 bits in base64url. */
const PSEUDONYM_LENGTH = 22
