import { hkdfSync } from 'node:crypto'
import { KEY_BYTES, openBytes, SealError, sealBytes } from './sealing.ts'

/** `key` is base64. */
type OperatorKey = { readonly id: string; readonly key: string }

type UnwrappedKey = {
  readonly key: Uint8Array
  readonly isFit: boolean
  /** Whether the operator's first key wraps it. */
  readonly isCurrent: boolean
}

/** Id of the key that is used without operator keys: for pseudonyms only, not for encryption. */
export const SERVER_KEY_ID = ''

/**
 * Wraps data keys of users with operator keys: length of the key id, id, and the sealed data key, bound to its owner.
 * The first of `operatorKeys` wraps, all of them open. `secrets` are the server's own, the current one first.
 */
export function createWrapping(operatorKeys: readonly OperatorKey[], secrets: readonly string[]) {
  const serverKeys = secrets.map((secret) => ({
    id: SERVER_KEY_ID,
    key: new Uint8Array(hkdfSync('sha256', secret, '', 'maeum data keys', KEY_BYTES)),
  }))
  const given = operatorKeys.map(({ id, key }) => ({ id, key: new Uint8Array(Buffer.from(key, 'base64')) }))
  const keys = [...given, ...serverKeys]
  const [current] = keys
  if (current === undefined) throw new Error('there is no key that could wrap a data key')
  const placeOf = (userId: number) => `users.data_key ${userId}`

  return {
    /** Whether fields are encrypted. */
    isOn: operatorKeys.length > 0,
    currentId: current.id,

    wrap(dataKey: Uint8Array, userId: number): Uint8Array {
      const id = Buffer.from(current.id)
      return Buffer.concat([Buffer.from([id.length]), id, sealBytes(current.key, dataKey, placeOf(userId))])
    },

    /**
     * The data key. `isFit` is false for a key that only the server's secret protects: it must be wrapped with an
     * operator key before it encrypts data. Undefined when that secret has changed; nothing is encrypted under such a
     * key.
     * @throws SealError `no_key` when the wrapping key is not among the operator keys, else as `openBytes`.
     */
    open(wrapped: Uint8Array, userId: number): UnwrappedKey | undefined {
      const contentAt = 1 + (wrapped[0] ?? 0)
      const id = Buffer.from(wrapped.subarray(1, contentAt)).toString()
      const fitting = keys.filter((key) => key.id === id)
      if (fitting.length === 0) throw new SealError('no_key', 'users.data_key')
      for (const { key } of fitting) {
        try {
          return {
            key: openBytes(key, wrapped.subarray(contentAt), placeOf(userId)),
            isFit: id !== SERVER_KEY_ID || operatorKeys.length === 0,
            isCurrent: id === current.id,
          }
        } catch (error) {
          const isOld = id === SERVER_KEY_ID && error instanceof SealError && error.reason === 'wrong_key'
          if (!isOld) throw error
        }
      }
      return undefined
    },
  }
}

export type Wrapping = ReturnType<typeof createWrapping>
