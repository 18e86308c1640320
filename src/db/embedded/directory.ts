import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries } from './binaries.ts'
import { firstClosedDirectory, type ServerUser } from './user.ts'

const run = promisify(execFile)

const INITDB_DEADLINE_MS = 60_000

/** Parent of the data directory when the server user cannot enter the requested one, such as one below /root. */
const SHARED_PARENT = '/var/lib/maeum'

export const SUPERUSER = 'maeum'

/**
 * The directory to use for the requested one: itself, or one below /var/lib/maeum when the server user cannot enter a
 * parent. Throws when the requested one already contains data, with the directory to open.
 */
export async function placeDataDirectory(wanted: string, user: ServerUser | undefined): Promise<string> {
  const path = resolve(wanted)
  const closed = user && (await firstClosedDirectory(dirname(path), user.uid))
  if (user === undefined || closed === undefined) return path
  if ((await majorVersionOf(path)) !== undefined) {
    throw new Error(
      `the account of the database (uid ${user.uid}) cannot enter ${closed}: chmod o+x ${closed}`,
    )
  }
  return join(SHARED_PARENT, createHash('sha256').update(path).digest('hex').slice(0, 16))
}

/** The major version of PostgreSQL that created this directory; undefined when it contains no database. */
export async function majorVersionOf(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDir, 'PG_VERSION'), 'utf8')).trim()
  } catch (error) {
    if (isOneOf(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new Error(`the data directory ${dataDir} cannot be read: it belongs to another user`, {
      cause: error,
    })
  }
}

/**
 * Creates the data directory if it does not exist, under a temporary name that is then renamed. A process that is
 * killed meanwhile therefore leaves no incomplete data directory.
 */
export async function createDataDirectory(dataDir: string, options: Initialisation): Promise<void> {
  const { binaries, user, durable } = options
  if ((await majorVersionOf(dataDir)) !== undefined) return adopt(dataDir, user)
  await createParents(dirname(dataDir))
  if ((await entriesOf(dataDir)).length > 0) {
    throw new Error(
      `the data directory ${dataDir} is not empty and holds no database: empty it or name another`,
    )
  }
  await removeLeftOvers(dataDir)

  const aside = await mkdtemp(`${dataDir}.init-`)
  try {
    if (user !== undefined) await chown(aside, user.uid, user.gid)
    await initialise(aside, { binaries, user, durable })
    await rename(aside, dataDir)
  } catch (error) {
    await rm(aside, { recursive: true, force: true })
    // Another process has created it; the server's own lock decides between the two.
    if (isOneOf(error, 'ENOTEMPTY', 'EEXIST') && (await majorVersionOf(dataDir)) !== undefined) return
    throw new Error(`the data directory ${dataDir} cannot be made: ${reasonOf(error)}`, { cause: error })
  }
}

type Initialisation = {
  readonly binaries: Binaries
  readonly user: ServerUser | undefined
  readonly durable: boolean
}

/** With C.UTF-8 if the system has it, else with C. Comparison and storage are the same. */
async function initialise(directory: string, { binaries, user, durable }: Initialisation): Promise<void> {
  const flags = [
    ...['-D', directory, '-U', SUPERUSER, '-A', 'trust', '--encoding=UTF8'],
    // Older versions of initdb have no such option.
    ...(Number.parseInt(binaries.version, 10) >= 16 ? ['--set', 'huge_pages=off'] : []),
    ...(durable ? [] : ['--no-sync']),
  ]
  const withLocale = (locale: string) =>
    run(binaries.initdb, [...flags, `--locale=${locale}`], {
      ...user,
      cwd: '/',
      env: { PATH: process.env.PATH, LC_ALL: 'C', ...localePath() },
      timeout: INITDB_DEADLINE_MS,
      killSignal: 'SIGKILL',
    })
  if (process.platform !== 'linux') {
    await withLocale('C')
    return
  }
  try {
    await withLocale('C.UTF-8')
  } catch (error) {
    if (!/locale/i.test(reasonOf(error))) throw error
    await withLocale('C')
  }
}

/** The search path of the C library for locales, if set. */
const localePath = () => (process.env.LOCPATH === undefined ? {} : { LOCPATH: process.env.LOCPATH })

/** Data that root has copied belongs to root, but the server must own it. */
async function adopt(dataDir: string, user: ServerUser | undefined): Promise<void> {
  if (user === undefined || (await stat(dataDir)).uid === user.uid) return
  await run('chown', ['-R', `${user.uid}:${user.gid}`, dataDir], { timeout: 60_000 })
}

/** Created parents get mode 755, so that the server user can enter them; existing ones are not changed. */
async function createParents(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let made = directory; made.length >= first.length; made = dirname(made)) await chmod(made, 0o755)
}

async function entriesOf(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (isOneOf(error, 'ENOENT')) return []
    throw error
  }
}

/** Removes incomplete directories of killed processes, old enough to be out of use. */
async function removeLeftOvers(dataDir: string): Promise<void> {
  for (const name of await entriesOf(dirname(dataDir))) {
    if (!name.startsWith(`${basename(dataDir)}.init-`)) continue
    const path = join(dirname(dataDir), name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > 2 * INITDB_DEADLINE_MS) {
      await rm(path, { recursive: true, force: true })
    }
  }
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
  return text.trim().split('\n').slice(0, 2).join(' ')
}

function isOneOf(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
