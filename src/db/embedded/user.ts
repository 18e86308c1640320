import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** The account of the server, if it is not our own: Postgres refuses to run as root. */
export type ServerUser = { readonly uid: number; readonly gid: number }

/** The account `nobody`, which exists on all Linux distributions. */
const NOBODY: ServerUser = { uid: 65_534, gid: 65_534 }

/**
 * The account that must run the server on this data directory: undefined for our own. For root, the owner of an
 * existing directory, else `nobody`.
 */
export async function serverUser(dataDir: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(dataDir).catch(() => undefined)
  return owner === undefined || owner.uid === 0 ? NOBODY : { uid: owner.uid, gid: owner.gid }
}

/** The topmost parent of `path`, or `path` itself, that this account cannot enter, if any. */
export async function firstClosedDirectory(path: string, uid: number): Promise<string | undefined> {
  const parents = [resolve(path)]
  for (let parent = parents[0] ?? '/'; parent !== dirname(parent); parent = dirname(parent))
    parents.unshift(dirname(parent))
  for (const parent of parents) {
    const found = await stat(parent).catch(() => undefined)
    if (found === undefined) return undefined // the rest does not exist yet
    if ((found.mode & (found.uid === uid ? 0o100 : 0o001)) === 0) return parent
  }
  return undefined
}
