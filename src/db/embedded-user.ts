import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** The account the server runs as, when it is not our own: Postgres refuses to run as root. */
export type ServerUser = { readonly uid: number; readonly gid: number }

/** The account `nobody` of Linux distributions, which exists without any set-up. */
const NOBODY: ServerUser = { uid: 65_534, gid: 65_534 }

/**
 * Who must run the server on this data directory: undefined for ourselves; when we are root, the owner of an existing
 * directory, else `nobody`.
 */
export async function serverUser(dataDir: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(dataDir).catch(() => undefined)
  return owner === undefined || owner.uid === 0 ? NOBODY : { uid: owner.uid, gid: owner.gid }
}

/** The topmost directory on the way to `path` (itself included) that this account cannot enter, if any. */
export async function firstClosedDirectory(path: string, uid: number): Promise<string | undefined> {
  const ways = [resolve(path)]
  for (let way = ways[0] ?? '/'; way !== dirname(way); way = dirname(way)) ways.unshift(dirname(way))
  for (const way of ways) {
    const found = await stat(way).catch(() => undefined)
    if (found === undefined) return undefined // from here on nothing exists yet
    if ((found.mode & (found.uid === uid ? 0o100 : 0o001)) === 0) return way
  }
  return undefined
}
