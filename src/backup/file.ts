import { randomBytes } from 'node:crypto'
import { access, constants, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { encrypt } from './encryption.ts'

/** Encrypts the archive if there is a key. */
export const seal = (archive: AsyncIterable<Buffer>, key: Uint8Array | null): AsyncIterable<Buffer> =>
  key === null ? archive : encrypt(archive, key)

/** Makes the new name of a file in the directory durable. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } catch (error) {
    // Some file systems cannot do this for a directory.
    if (
      !(
        error instanceof Error &&
        'code' in error &&
        ['EINVAL', 'EPERM', 'EISDIR'].includes(String(error.code))
      )
    )
      throw error
  } finally {
    await directory.close()
  }
}

/** @throws an error with the code EEXIST if there is such a file. */
async function requireFree(file: string): Promise<void> {
  const found = await stat(file).catch(() => undefined)
  if (found !== undefined) throw Object.assign(new Error(`${file} exists`), { code: 'EEXIST', path: file })
}

/**
 * Writes a new file: under a temporary name until it is complete and on the disk. A file under its own name is
 * therefore complete. Returns its size.
 * @throws an error with the code EEXIST if the file exists, and with ENOENT or EACCES if its folder cannot be used
 */
export async function writeFileSafely(
  file: string,
  content: (sink: (bytes: AsyncIterable<Buffer>) => Promise<void>) => Promise<void>,
): Promise<number> {
  await requireFree(file)
  const partial = `${file}.${randomBytes(4).toString('hex')}.partial`
  await access(dirname(file), constants.W_OK)
  const handle = await open(partial, 'wx', 0o600)
  let size = 0
  try {
    await content(async (bytes) => {
      for await (const chunk of bytes) {
        await handle.writeFile(chunk)
        size += chunk.length
      }
    })
    await handle.sync()
    await handle.close()
    await requireFree(file)
    await rename(partial, file)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(partial, { force: true })
    throw error
  }
  await syncDirectory(dirname(file))
  return size
}

/** Writes to a stream that stays open, such as standard output. Returns the number of bytes. */
export async function writeStream(
  stream: NodeJS.WritableStream,
  bytes: AsyncIterable<Buffer>,
): Promise<number> {
  let size = 0
  const counted = async function* () {
    for await (const chunk of bytes) {
      size += chunk.length
      yield chunk
    }
  }
  await pipeline(Readable.from(counted(), { objectMode: false }), stream, { end: false })
  return size
}
