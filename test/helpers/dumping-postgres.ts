import { chmod } from 'node:fs/promises'
import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import { createDataDirectory } from '../../src/db/embedded/directory.ts'
import { serverUser } from '../../src/db/embedded/user.ts'
import { freePort, urlAt } from './own-postgres.ts'
import { parentOfDatabases } from './memory-folder.ts'
import { startPostgresProcess } from './postgres-process.ts'
import { temporaryFolder } from './server-process.ts'

const DEBIAN = '/usr/lib/postgresql'

export type DumpingPostgres = {
  readonly url: string
  readonly port: number
  /** Folder of `pg_dump`, `pg_restore` and `psql`, of the same version. */
  readonly bin: string
}

/** The newest installation of a server together with `pg_dump`, which dumps no newer server; undefined: none. */
async function findInstallation(): Promise<{ version: string; bin: string } | undefined> {
  const versions = (await readdir(DEBIAN).catch(() => [])).sort((a, b) => Number(b) - Number(a))
  for (const version of versions) {
    const bin = join(DEBIAN, version, 'bin')
    const isComplete = await Promise.all(
      ['postgres', 'initdb', 'pg_dump', 'pg_restore', 'psql'].map((name) => access(join(bin, name))),
    ).then(
      () => true,
      () => false,
    )
    if (isComplete) return { version, bin }
  }
  return undefined
}

/** A Postgres of the system with its own `pg_dump`; undefined if none is installed. */
export async function startDumpingPostgres(
  t: Pick<Test, 'teardown'>,
  settings: readonly string[] = [],
): Promise<DumpingPostgres | undefined> {
  const found = await findInstallation()
  if (found === undefined) return undefined
  const { bin, version } = found
  const folder = await temporaryFolder(t, await parentOfDatabases())
  await chmod(folder, 0o755) // the server may run under another account
  const dataDir = join(folder, 'pg')
  const user = await serverUser(dataDir)
  const binaries = { postgres: join(bin, 'postgres'), initdb: join(bin, 'initdb'), version }
  await createDataDirectory(dataDir, { binaries, user, durable: false })
  const port = await freePort()
  const server = await startPostgresProcess({ binaries, user, dataDir, port, settings })
  t.teardown(() => server.end('immediate'))
  return { url: urlAt(port), port, bin }
}
