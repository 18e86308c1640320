import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { majorVersionOf, placeDataDirectory } from './directory.ts'
import { serverUser } from './user.ts'

/** Whether the embedded database exists and whether a server is running on it. Changes nothing. */
export async function findEmbeddedState(wanted: string): Promise<'missing' | 'in_use' | 'free'> {
  const dataDir = await placeDataDirectory(wanted, await serverUser(wanted))
  if ((await majorVersionOf(dataDir)) === undefined) return 'missing'
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
  return isRunning(Number.parseInt(text, 10)) ? 'in_use' : 'free'
}

function isRunning(pid: number): boolean {
  if (!(pid > 0)) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM' // of another account
  }
}
