import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/** AES-256-GCM with a fresh random nonce for every field (NIST SP 800-38D): good for 2^32 fields a key. */
const ALGORITHM = 'aes-256-gcm'
export const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const NAME_BYTES = 4

/** No encoding of ours begins like this, so that what was written before encryption was switched on is told apart. */
const MAGIC = Buffer.from([0x00, 0x73, 0x65, 0x01])
/** The same before text. What a person wrote that happens to begin so is marked as plain when it is stored as it is. */
const SEALED_TEXT = '\u0001sealed:'
const PLAIN_TEXT = '\u0001plain:'

/** What is sealed cannot be opened: with this key, in this place, or at all. Carries nothing of the content. */
export class SealError extends Error {
  readonly reason: 'no_key' | 'wrong_key' | 'altered'

  constructor(reason: SealError['reason'], what: string) {
    super(`${what} cannot be decrypted: ${WORDS[reason]}`)
    this.name = 'SealError'
    this.reason = reason
  }
}

const WORDS = {
  no_key: 'it is encrypted, and DATA_KEYS does not hold the key',
  wrong_key: 'it is encrypted with another key',
  altered: 'it has been altered, or belongs to another row',
}

const names = new WeakMap<Uint8Array, Buffer>()

/** Tells keys apart without telling anything about them. */
function nameOf(key: Uint8Array): Buffer {
  const known = names.get(key)
  if (known !== undefined) return known
  const name = createHash('sha256').update('maeum key name').update(key).digest().subarray(0, NAME_BYTES)
  names.set(key, name)
  return name
}

/**
 * `content` under `key`, as magic, name of the key, nonce, ciphertext and tag. `place` says where it belongs (table,
 * column, owner, row) and has to be said again to open it: a field that was copied elsewhere does not open.
 */
export function sealBytes(key: Uint8Array, content: Uint8Array, place: string): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(place))
  const sealed = [cipher.update(content), cipher.final()]
  return Buffer.concat([MAGIC, nameOf(key), nonce, ...sealed, cipher.getAuthTag()])
}

export const isSealed = (stored: Uint8Array): boolean =>
  MAGIC.equals(Buffer.from(stored.buffer, stored.byteOffset, Math.min(stored.length, MAGIC.length)))

/**
 * What `sealBytes` was given.
 * @throws SealError `wrong_key` when another key sealed it, `altered` when a bit of it or its place is not the same.
 */
export function openBytes(key: Uint8Array, sealed: Uint8Array, place: string): Uint8Array {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  const nameAt = MAGIC.length
  const nonceAt = nameAt + NAME_BYTES
  const contentAt = nonceAt + NONCE_BYTES
  const [table = place] = place.split(' ')
  if (!isSealed(sealed) || bytes.length < contentAt + TAG_BYTES) throw new SealError('altered', table)
  if (!bytes.subarray(nameAt, nonceAt).equals(nameOf(key))) throw new SealError('wrong_key', table)
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
    throw new SealError('altered', table) // the tag does not match; the library's own words say less
  }
}

/** Seals and opens the fields of one person; without a key content is stored as it is. */
export type Safe = {
  /** The content as it is to be stored. `row` names the row within its table where it has a name before it is written. */
  readonly seal: <Content extends string | Uint8Array>(
    content: Content,
    column: string,
    row?: string,
  ) => Content
  /** @throws SealError; what was stored as it is comes back as it is. */
  readonly open: <Content extends string | Uint8Array>(
    stored: Content,
    column: string,
    row?: string,
  ) => Content
  /**
   * The same for JSON objects and lists; what is stored has their type only in name. `shown` is what stays readable beside
   * the sealed whole, for the database to look for.
   */
  readonly sealJson: <Content extends object>(
    content: Content,
    column: string,
    row?: string,
    shown?: object,
  ) => Content
  readonly openJson: <Content extends object>(stored: Content, column: string, row?: string) => Content
}

/** Whether a stored value of any type is encrypted. */
export function isSealedValue(stored: unknown): boolean {
  if (typeof stored === 'string') return stored.startsWith(SEALED_TEXT)
  if (stored instanceof Uint8Array) return isSealed(stored)
  const text = sealedJsonOf(stored)
  return text?.startsWith(SEALED_TEXT) === true
}

/** A sealed object is one of a single field, or shows something beside it. */
function sealedJsonOf(stored: unknown): string | undefined {
  if (typeof stored !== 'object' || stored === null || !('sealed' in stored)) return undefined
  const { sealed } = stored
  if (typeof sealed !== 'string') return undefined
  return Object.keys(stored).length === 1 || sealed.startsWith(SEALED_TEXT) ? sealed : undefined
}

/** @param key null: nothing is encrypted, and what is cannot be read. */
export function createSafe(key: Uint8Array | null, owner: string): Safe {
  const placeOf = (column: string, row: string) => `${column} ${owner} ${row}`

  const sealText = (text: string, place: string): string => {
    if (key === null) return text.startsWith('\u0001') ? PLAIN_TEXT + text : text
    return SEALED_TEXT + Buffer.from(sealBytes(key, Buffer.from(text), place)).toString('base64url')
  }
  const openText = (stored: string, place: string): string => {
    if (stored.startsWith(PLAIN_TEXT)) return stored.slice(PLAIN_TEXT.length)
    if (!stored.startsWith(SEALED_TEXT)) return stored
    const sealed = Buffer.from(stored.slice(SEALED_TEXT.length), 'base64url')
    return Buffer.from(openOne(sealed, place)).toString('utf8')
  }
  const openOne = (sealed: Uint8Array, place: string): Uint8Array => {
    if (key === null) throw new SealError('no_key', place.split(' ')[0] ?? place)
    return openBytes(key, sealed, place)
  }

  const seal: Safe['seal'] = (content, column, row = '') => {
    const place = placeOf(column, row)
    const stored = typeof content === 'string' ? sealText(content, place) : sealedBytes(content, place)
    return stored as typeof content // text stays text, bytes stay bytes
  }
  const sealedBytes = (content: Uint8Array, place: string) =>
    key === null ? content : sealBytes(key, content, place)

  const open: Safe['open'] = (stored, column, row = '') => {
    const place = placeOf(column, row)
    if (typeof stored === 'string') return openText(stored, place) as typeof stored // text stays text
    return (isSealed(stored) ? openOne(stored, place) : stored) as typeof stored // bytes stay bytes
  }

  return {
    seal,
    open,
    sealJson: (content, column, row = '', shown = {}) => {
      if (key === null && sealedJsonOf(content) === undefined) return content
      const sealed = sealText(JSON.stringify(content), placeOf(column, row))
      return (key === null ? { sealed } : { ...shown, sealed }) as typeof content // in name, as it opens to it
    },
    openJson: (stored, column, row = '') => {
      const text = sealedJsonOf(stored)
      if (text === undefined) return stored
      return JSON.parse(openText(text, placeOf(column, row))) as typeof stored // that is what was sealed
    },
  }
}
