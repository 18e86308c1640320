import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { BackupError } from './faults.ts'

/**
 * Encryption of a stream in blocks (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015, as the age
 * format uses it): AES-256-GCM, the nonce is the number of the block and a flag for the last one. Altered, moved,
 * repeated and missing blocks are detected, and no block is released before it is authenticated.
 *
 * File: magic, salt, key check, blocks. Each file has its own key, HKDF-SHA256 of the operator's key and the salt, so
 * that no nonce is used twice under one key.
 */
const MAGIC = Buffer.from('maeumbk1')
const SALT_BYTES = 32
const CHECK_BYTES = 16
const HEADER_BYTES = MAGIC.length + SALT_BYTES + CHECK_BYTES

export const BACKUP_KEY_BYTES = 32
const ALGORITHM = 'aes-256-gcm'
const BLOCK_BYTES = 64 * 1024
const TAG_BYTES = 16
const NONCE_BYTES = 12
const LAST = 1

/** The key of one file, and bytes that show whether it is the right one without use of the key itself. */
function deriveKey(key: Uint8Array, salt: Uint8Array): { fileKey: Buffer; check: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', key, salt, 'maeum backup', BACKUP_KEY_BYTES + CHECK_BYTES))
  return { fileKey: bytes.subarray(0, BACKUP_KEY_BYTES), check: bytes.subarray(BACKUP_KEY_BYTES) }
}

function nonceOf(block: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES)
  nonce.writeBigUInt64BE(BigInt(block), NONCE_BYTES - 9)
  nonce[NONCE_BYTES - 1] = isLast ? LAST : 0
  return nonce
}

/**
 * Cuts a stream into blocks; the last one is full or shorter, and empty only if the stream is empty. A block is valid
 * until the next one is read.
 */
async function* toBlocks(source: AsyncIterable<Uint8Array>, size: number) {
  const block = Buffer.alloc(size)
  let length = 0
  for await (const chunk of source) {
    for (let from = 0; from < chunk.byteLength; ) {
      if (length === size) {
        yield { bytes: block, isLast: false }
        length = 0
      }
      const taken = Math.min(size - length, chunk.byteLength - from)
      block.set(chunk.subarray(from, from + taken), length)
      length += taken
      from += taken
    }
  }
  yield { bytes: block.subarray(0, length), isLast: true }
}

export async function* encrypt(source: AsyncIterable<Uint8Array>, key: Uint8Array): AsyncGenerator<Buffer> {
  const salt = randomBytes(SALT_BYTES)
  const { fileKey, check } = deriveKey(key, salt)
  yield Buffer.concat([MAGIC, salt, check])
  let block = 0
  for await (const { bytes, isLast } of toBlocks(source, BLOCK_BYTES)) {
    const cipher = createCipheriv(ALGORITHM, fileKey, nonceOf(block++, isLast))
    yield cipher.update(bytes) // GCM gives nothing more at its end
    cipher.final()
    yield cipher.getAuthTag()
  }
}

/** Whether a file that starts with these bytes is encrypted. */
export const isEncrypted = (start: Uint8Array): boolean =>
  Buffer.from(start.subarray(0, MAGIC.length)).equals(MAGIC)

/** The bytes that `isEncrypted` needs, or fewer if the stream is shorter, then the whole stream from its beginning. */
export async function peek(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]()
  let start = Buffer.alloc(0)
  while (start.length < HEADER_BYTES) {
    const next = await iterator.next()
    if (next.done === true) break
    start = Buffer.concat([start, next.value])
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield start
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
        yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { start, whole: whole() }
}

function open(fileKey: Buffer, block: Buffer, nonce: Buffer): Buffer | undefined {
  const end = block.length - TAG_BYTES
  if (end < 0) return undefined
  const decipher = createDecipheriv(ALGORITHM, fileKey, nonce).setAuthTag(block.subarray(end))
  const content = decipher.update(block.subarray(0, end))
  try {
    decipher.final()
    return content
  } catch {
    return undefined
  }
}

async function* withoutHeader(start: Buffer, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let skipped = 0
  for await (const chunk of source) {
    const skip = Math.min(start.length - skipped, chunk.byteLength)
    skipped += skip
    if (skip < chunk.byteLength) yield chunk.subarray(skip)
  }
}

/**
 * The content of an encrypted stream, which begins with `start`.
 * @throws BackupError `key_wrong`, `damaged` or `truncated`
 */
export async function* decrypt(
  { start, whole }: Awaited<ReturnType<typeof peek>>,
  key: Uint8Array,
): AsyncGenerator<Buffer> {
  if (start.length < HEADER_BYTES) throw new BackupError('truncated')
  const header = start.subarray(0, HEADER_BYTES)
  const saltEnd = MAGIC.length + SALT_BYTES
  const { fileKey, check } = deriveKey(key, header.subarray(MAGIC.length, saltEnd))
  if (!check.equals(header.subarray(saltEnd))) throw new BackupError('key_wrong')
  let block = 0
  for await (const { bytes, isLast } of toBlocks(withoutHeader(header, whole), BLOCK_BYTES + TAG_BYTES)) {
    const content = open(fileKey, bytes, nonceOf(block, isLast))
    if (content === undefined) {
      // A valid block that is not marked as the last one: the file ends exactly after it.
      const isCut =
        isLast && (bytes.length === 0 || open(fileKey, bytes, nonceOf(block, false)) !== undefined)
      throw new BackupError(isCut ? 'truncated' : 'damaged', { block })
    }
    block++
    yield content
  }
}
