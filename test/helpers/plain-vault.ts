import { createSafe } from '../../src/lib/sealing.ts'
import type { Vault } from '../../src/db/vault.ts'

export const plainSafe = createSafe(null, '')

/** As on a server without DATA_KEYS: what is stored can be read. */
export const plainVault: Pick<Vault, 'safeOf' | 'safesOfSessions'> = {
  safeOf: async () => plainSafe,
  safesOfSessions: async (ids) => new Map(ids.map((id) => [id, plainSafe])),
}
