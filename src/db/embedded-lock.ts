import { readFile, readlink, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** A server that has just made its lock file has written it by then. */
const WRITTEN_MS = 10_000
/** Above the highest number that a process can have. */
const NO_PROCESS = 2_147_483_647

/**
 * Makes a lock file harmless that a server left behind which was killed, with its machine or its container: an empty
 * one, or one whose number another program has now, which Postgres takes for a server. It still looks for processes of
 * the former server by itself, for the rest of the file stays.
 *
 * @param complaint what the server wrote before it gave up.
 * @returns whether another try is worth it.
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

/** The name of what runs under this number; undefined when it is not known, as on systems without `/proc`. */
async function programOf(pid: number): Promise<string | undefined> {
  const target = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
  return target === undefined ? undefined : basename(target.replace(/ \(deleted\)$/, ''))
}
