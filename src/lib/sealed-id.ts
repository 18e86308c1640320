import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'

const ALGORITHM = 'aes-256-ecb' // one block each: half of it the number, half of it zeroes that prove it is ours
const BLOCK_BYTES = 16
const SEALED = /^[\w-]{22}$/

export type SealedIds = {
  readonly seal: (id: number) => string
  /** The number that was sealed under the same secret and kind; undefined for any other text. */
  readonly open: (text: string) => number | undefined
}

/**
 * Row numbers as a caller sees them: `<kind>_` and 22 characters that tell neither the number nor how many there are.
 * Always the same text for the same number. Not for a capability: a sealed id is a name, and its owner is checked.
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
