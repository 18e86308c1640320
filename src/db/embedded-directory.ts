import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries } from './embedded-binaries.ts'
import { firstClosedDirectory, type ServerUser } from './embedded-user.ts'

const run = promisify(execFile)

const INITDB_DEADLINE_MS = 60_000

/** Where data goes when the server user cannot enter the wanted place, such as a directory below /root. */
const OPEN_PLACE = '/var/lib/maeum'

export const SUPERUSER = 'maeum'

/**
 * The directory to use for the wanted one: itself, or a place of its own below /var/lib/maeum when the server user
 * could not enter the way to it. Existing data is never left behind silently: then the error says what to open.
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
  return join(OPEN_PLACE, createHash('sha256').update(path).digest('hex').slice(0, 16))
}

/** The major version of PostgreSQL that made this directory; undefined when it holds no database yet. */
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
 * Makes the data directory if there is none. A directory appears whole or not at all: it is made beside its place and
 * then renamed, so that a process killed in the middle leaves nothing that a later start could stumble over.
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
    // Another process was quicker; the server's own lock decides between the two.
    if (isOneOf(error, 'ENOTEMPTY', 'EEXIST') && (await majorVersionOf(dataDir)) !== undefined) return
    throw new Error(`the data directory ${dataDir} cannot be made: ${reasonOf(error)}`, { cause: error })
  }
}

type Initialisation = {
  readonly binaries: Binaries
  readonly user: ServerUser | undefined
  readonly durable: boolean
}

/** With the locale that knows all letters, where this system has it. What is compared and stored is the same with `C`. */
async function initialise(directory: string, { binaries, user, durable }: Initialisation): Promise<void> {
  const flags = [
    ...['-D', directory, '-U', SUPERUSER, '-A', 'trust', '--encoding=UTF8'],
    // Older ones have no way to be told: they try huge pages here, and not as servers.
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

/** Where the C library of this system looks for locales, when it was told. */
const localePath = () => (process.env.LOCPATH === undefined ? {} : { LOCPATH: process.env.LOCPATH })

/** Data that was copied by root belongs to root; the server insists on owning it. */
async function adopt(dataDir: string, user: ServerUser | undefined): Promise<void> {
  if (user === undefined || (await stat(dataDir)).uid === user.uid) return
  await run('chown', ['-R', `${user.uid}:${user.gid}`, dataDir], { timeout: 60_000 })
}

/** Parents that we make may be entered by the server user, whatever our umask says; existing ones stay as they are. */
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

/** Half-made directories of processes that were killed, old enough that nobody works on them any more. */
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
