import { freemem, tmpdir } from 'node:os'
import { statfs } from 'node:fs/promises'

/** A file system in memory, on Linux. */
const IN_MEMORY = '/dev/shm'

/** More than the databases of all tests take up at a time; a container often has 64 MiB there. */
const MIN_FREE_BYTES = 2 * 1024 ** 3

/**
 * The parent of folders for temporary databases: in memory if there is enough. Each test creates and deletes a thousand
 * files, and ext4 examines all that were deleted in the last seconds before it creates one.
 */
export async function parentOfDatabases(): Promise<string> {
  const found = await statfs(IN_MEMORY).catch(() => undefined)
  const freeBytes = found === undefined ? 0 : found.bavail * found.bsize
  return Math.min(freeBytes, freemem()) < MIN_FREE_BYTES ? tmpdir() : IN_MEMORY
}
