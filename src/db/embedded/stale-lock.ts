import { readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** A starting server has written its lock file within this time. */
const WRITTEN_MS = 10_000
/** Above the highest possible process id. */
const NO_PROCESS = 2_147_483_647

/**
 * Clears a stale lock file of a killed server, machine or container: an empty one, or one whose process id now belongs
 * to another program, which Postgres takes for a server. Keeps the rest of the file, with which Postgres looks for
 * processes of the former server.
 *
 * @param complaint the log of the failed start.
 * @returns whether to retry.
 */
export async function clearStaleLock(dataDir: string, complaint: string): Promise<boolean> {
  if (!/lock file "postmaster\.pid"/.test(complaint)) return false
  const path = join(dataDir, 'postmaster.pid')
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return false
  if (text.trim() === '') {
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || Date.now() - found.mtimeMs < WRITTEN_MS) return false
    await rm(path, { force: true })
    return true
  }
  const [pid = '', ...rest] = text.split('\n')
  const program = await programOf(Number(pid))
  if (program === undefined || program === 'postgres') return false
  await writeFile(path, [NO_PROCESS, ...rest].join('\n'))
  return true
}

/** The name of the program with this process id; undefined if unknown, as on systems without `/proc`. */
async function programOf(pid: number): Promise<string | undefined> {
  const target = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
  return target === undefined ? undefined : basename(target.replace(/ \(deleted\)$/, ''))
}
