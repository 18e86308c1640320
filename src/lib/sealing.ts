import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** AES-256-GCM with a random nonce per field (NIST SP 800-38D): at most 2^32 fields per key. */
const ALGORITHM = 'aes-256-gcm'
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const NAME_BYTES = 4

/** No unencrypted encoding starts with these bytes, so encrypted values can be recognised. */
export const SEALED_MAGIC = Buffer.from([0x00, 0x73, 0x65, 0x01])
/** The same for text. Unencrypted text that starts with \u0001 is stored with the plain prefix. */
export const SEALED_TEXT = '\u0001sealed:'
const PLAIN_TEXT = '\u0001plain:'

/** A sealed value cannot be opened with this key or in this place. Contains nothing of the content. */
export class SealError extends Error {
  readonly reason: 'no_key' | 'wrong_key' | 'altered'

  constructor(reason: SealError['reason'], what: string) {
    super(`${what} cannot be decrypted: ${REASONS[reason]}`)
    this.name = 'SealError'
    this.reason = reason
  }
}

const REASONS = {
  no_key: 'it is encrypted, and DATA_KEYS does not hold the key',
  wrong_key: 'it is encrypted with another key',
  altered: 'it has been altered, or belongs to another row',
}

const names = new WeakMap<Uint8Array, Buffer>()

/** Identifies a key without revealing it. */
function toKeyName(key: Uint8Array): Buffer {
  const known = names.get(key)
  if (known !== undefined) return known
  const name = createHash('sha256').update('maeum key name').update(key).digest().subarray(0, NAME_BYTES)
  names.set(key, name)
  return name
}

/**
 * Encrypts `content` with `key`: magic, key name, nonce, ciphertext, tag. `place` (table, column, owner, row) is
 * authenticated and required to open it, so a field that was copied elsewhere cannot be opened.
 */
export function sealBytes(key: Uint8Array, content: Uint8Array, place: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(place))
  const sealed = [cipher.update(content), cipher.final()]
  return Buffer.concat([SEALED_MAGIC, toKeyName(key), nonce, ...sealed, cipher.getAuthTag()])
}

const isSealed = (stored: Uint8Array): boolean =>
  SEALED_MAGIC.equals(
    Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.length, SEALED_MAGIC.length)),
  )

/**
 * Decrypts the output of `sealBytes`.
 * @throws SealError `wrong_key` when another key sealed it, `altered` when its bytes or its place differ.
 */
export function openBytes(key: Uint8Array, sealed: Uint8Array, place: string): Uint8Array {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  const nameAt = SEALED_MAGIC.length
  const nonceAt = nameAt + NAME_BYTES
  const contentAt = nonceAt + NONCE_BYTES
  const [table = place] = place.split(' ')
  if (!isSealed(sealed) || bytes.length < contentAt + TAG_BYTES) throw new SealError('altered', table)
  if (!bytes.subarray(nameAt, nonceAt).equals(toKeyName(key))) throw new SealError('wrong_key', table)
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(nonceAt, contentAt), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    return Buffer.concat([
      decipher.update(bytes.subarray(contentAt, bytes.length - TAG_BYTES)),
      decipher.final(),
    ])
  } catch {
    throw new SealError('altered', table) // the tag does not match
  }
}

/** The place of a sealed value, where alone it can be opened (`db/sealed-columns.ts` lists all places). */
export type SealedPlace = {
  readonly column: string
  /** Names the row within its table if it has a name before the insert, else empty. */
  readonly row: string
  /** For JSON: the fields that stay readable for queries, in addition to the sealed whole. */
  readonly shown?: (content: object) => object
}

/** Seals and opens the fields of one user; without a key content is stored unencrypted. */
export type Safe = {
  /** The content in its stored form. */
  readonly seal: <Content extends string | Uint8Array>(content: Content, place: SealedPlace) => Content
  /** @throws SealError. Unencrypted values are returned unchanged. */
  readonly open: <Content extends string | Uint8Array>(stored: Content, place: SealedPlace) => Content
  /** The same for JSON objects and lists; a sealed value has their type only nominally. */
  readonly sealJson: <Content extends object>(content: Content, place: SealedPlace) => Content
  readonly openJson: <Content extends object>(stored: Content, place: SealedPlace) => Content
}

/** Whether a stored value of any type is encrypted. */
export function isSealedValue(stored: unknown): boolean {
  if (typeof stored === 'string') return stored.startsWith(SEALED_TEXT)
  if (stored instanceof Uint8Array) return isSealed(stored)
  const text = sealedJsonOf(stored)
  return text?.startsWith(SEALED_TEXT) === true
}

/** A sealed object has the single field `sealed`, or readable fields in addition. */
function sealedJsonOf(stored: unknown): string | undefined {
  if (typeof stored !== 'object' || stored === null || !('sealed' in stored)) return undefined
  const { sealed } = stored
  if (typeof sealed !== 'string') return undefined
  return Object.keys(stored).length === 1 || sealed.startsWith(SEALED_TEXT) ? sealed : undefined
}

/** @param key null: nothing is encrypted, and encrypted values cannot be read. */
export function createSafe(key: Uint8Array | null, owner: string): Safe {
  const toText = ({ column, row }: SealedPlace) => `${column} ${owner} ${row}`

  const sealText = (text: string, place: SealedPlace): string => {
    if (key === null) return text.startsWith('\u0001') ? PLAIN_TEXT + text : text
    return SEALED_TEXT + Buffer.from(sealBytes(key, Buffer.from(text), toText(place))).toString('base64url')
  }
  const openText = (stored: string, place: SealedPlace): string => {
    if (stored.startsWith(PLAIN_TEXT)) return stored.slice(PLAIN_TEXT.length)
    if (!stored.startsWith(SEALED_TEXT)) return stored
    const sealed = Buffer.from(stored.slice(SEALED_TEXT.length), 'base64url')
    return Buffer.from(openOne(sealed, place)).toString('utf8')
  }
  const openOne = (sealed: Uint8Array, place: SealedPlace): Uint8Array => {
    if (key === null) throw new SealError('no_key', place.column)
    return openBytes(key, sealed, toText(place))
  }
  const sealBlob = (content: Uint8Array, place: SealedPlace) =>
    key === null ? content : sealBytes(key, content, toText(place))

  return {
    seal: (content, place) =>
      (typeof content === 'string' ? sealText(content, place) : sealBlob(content, place)) as typeof content, // text stays text, bytes stay bytes
    open: (stored, place) => {
      if (typeof stored === 'string') return openText(stored, place) as typeof stored // text stays text
      return (isSealed(stored) ? openOne(stored, place) : stored) as typeof stored // bytes stay bytes
    },
    sealJson: (content, place) => {
      if (key === null && sealedJsonOf(content) === undefined) return content
      const sealed = sealText(JSON.stringify(content), place)
      const shown = key === null ? undefined : place.shown?.(content)
      return { ...shown, sealed } as typeof content // nominally: it opens to this type
    },
    openJson: (stored, place) => {
      const text = sealedJsonOf(stored)
      if (text === undefined) return stored
      return JSON.parse(openText(text, place)) as typeof stored // the sealed content
    },
  }
}
