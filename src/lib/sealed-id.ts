import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'

const ALGORITHM = 'aes-256-ecb' // one block: half is the number, half is zeroes for validation
const BLOCK_BYTES = 16
const SEALED = /^[\w-]{22}$/

export type SealedIds = {
  readonly seal: (id: number) => string
  /** The number sealed under the same secret and kind; undefined for other text. */
  readonly open: (text: string) => number | undefined
}

/**
 * Opaque row ids for clients: `<kind>_` and 22 characters that reveal neither the number nor the number of rows.
 * Deterministic. Not a capability: the owner must still be checked.
 */
export function createSealedIds(secret: string, kind: string): SealedIds {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', `maeum sealed id ${kind}`, 32))
  const prefix = `${kind}_`
  return {
    seal(id) {
      const block = Buffer.alloc(BLOCK_BYTES)
      block.writeBigUInt64BE(BigInt(id), 8)
      const cipher = createCipheriv(ALGORITHM, key, null).setAutoPadding(false)
      return prefix + Buffer.concat([cipher.update(block), cipher.final()]).toString('base64url')
    },
    open(text) {
      const sealed = text.startsWith(prefix) ? text.slice(prefix.length) : ''
      if (!SEALED.test(sealed)) return undefined
      const decipher = createDecipheriv(ALGORITHM, key, null).setAutoPadding(false)
      const block = Buffer.concat([decipher.update(Buffer.from(sealed, 'base64url')), decipher.final()])
      const id = Number(block.readBigUInt64BE(8))
      return block.readBigUInt64BE(0) === 0n && Number.isSafeInteger(id) ? id : undefined
    },
  }
}
