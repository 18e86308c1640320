import { createHmac, randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type postgres from 'postgres'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { createSafe, KEY_BYTES, type Safe } from '../lib/sealing.ts'
import { createWrapping, type Wrapping } from '../lib/wrapping.ts'

/** Each person's safe is asked for once where a piece of work begins; it seals and opens without waiting. */
export type Vault = {
  /** The data key of somebody who is about to exist, wrapped, to be stored with their row. */
  readonly createKey: (userId: number) => Uint8Array
  /** A wrapped data key that was read together with something else of the person need not be asked for again. */
  readonly remember: (userId: number, wrapped: Uint8Array | null) => void
  /**
   * The person's safe, with a data key made now for whoever has none. Without DATA_KEYS it stores content as it is and
   * asks nobody. Rejects with UNAUTHORIZED when the person is gone, and when DATA_KEYS does not hold the key of their data.
   */
  readonly safeOf: (userId: number) => Promise<Safe>
  /**
   * The safes of the people whose sessions these are, by session; sessions that are gone may be missing. Without
   * DATA_KEYS nobody is asked. Rejects as `safeOf` does.
   */
  readonly safesOfSessions: (sessionIds: readonly string[]) => Promise<ReadonlyMap<string, Safe>>
  /**
   * What stands for the person in the audit trail: an HMAC under their data key, the same each time and for nobody
   * else. Undefined when the person is gone, and with their key what it stood for.
   */
  readonly pseudonymOf: (userId: number) => Promise<string | undefined>
  /** The person is being erased: what is remembered of their key goes now. */
  readonly forget: (userId: number) => void
  /** The database may have lost a key that it had taken: all of them are asked for again. */
  readonly forgetAll: () => void
}

declare module 'fastify' {
  interface FastifyInstance {
    vault: Vault
  }
}

/** Keys of as many people are kept in memory, none longer than an erasure may take to reach every instance. */
const REMEMBERED = 20_000
const REMEMBERED_MS = 30_000

type Stored = { readonly wrapped: Uint8Array | null }

async function findKey(sql: postgres.Sql, userId: number): Promise<Stored | undefined> {
  const [row] = await sql`select data_key from users where id = ${userId}`
  return row === undefined ? undefined : { wrapped: row['data_key'] as Uint8Array | null } // bytea
}

/** Puts `wrapped` in the place of what was found; false when another was quicker, whose key stays. */
async function updateKey(sql: postgres.Sql, userId: number, found: Stored, wrapped: Uint8Array) {
  const { count } = await sql`
    update users set data_key = ${wrapped}
    where id = ${userId} and data_key is not distinct from ${found.wrapped}::bytea`
  return count > 0
}

async function findOwners(sql: postgres.Sql, sessionIds: readonly string[]) {
  // Arrays do not pass the driver; ids hold no comma.
  const rows = await sql`
    select id, user_id from sessions where id = any(string_to_array(${sessionIds.join(',')}, ','))`
  return rows.map((row) => ({ sessionId: String(row['id']), userId: Number(row['user_id']) }))
}

export function createVault(sql: postgres.Sql, wrapping: Wrapping): Vault {
  const keys = new LRUCache<number, Promise<Uint8Array | undefined>>({
    max: REMEMBERED,
    ttl: REMEMBERED_MS,
  })

  const pseudonyms = new LRUCache<number, string>({ max: REMEMBERED, ttl: REMEMBERED_MS })

  /** `known` is what is stored, for who has just read it. */
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

  const keyOf = (userId: number, stored?: Stored): Promise<Uint8Array | undefined> => {
    const known = keys.get(userId)
    if (known !== undefined) return known
    const loading = load(userId, stored)
    keys.set(userId, loading)
    loading.catch(() => keys.delete(userId)) // told to who asked
    return loading
  }

  const safeOf = async (userId: number): Promise<Safe> => {
    if (!wrapping.isOn) return createSafe(null, String(userId))
    const key = await keyOf(userId)
    if (key === undefined) throw new AppError('UNAUTHORIZED') // a token, or a session here, may outlive its person
    return createSafe(key, String(userId))
  }

  return {
    createKey(userId) {
      const key = randomBytes(KEY_BYTES)
      keys.set(userId, Promise.resolve(key))
      return wrapping.wrap(key, userId)
    },
    remember: (userId, wrapped) => void keyOf(userId, { wrapped }),
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
      const key = await keyOf(userId)
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

/** 128 bits and a little. */
const PSEUDONYM_LENGTH = 22

/** Encryption at rest: what may be read of a person is sealed under a key of their own, wrapped by the operator's. */
export const vault = fp(
  (app, { config }: { config: Config }, done) => {
    const wrapping = createWrapping(config.privacy.dataKeys, app.authentication.secrets)
    app.decorate('vault', createVault(app.database.sql, wrapping))
    app.notices.onListening(app.vault.forgetAll)
    done()
  },
  { name: 'vault', dependencies: ['authentication', 'database', 'notices'] },
)
