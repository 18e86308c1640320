import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { findBinaries } from '../../src/db/embedded/binaries.ts'
import { createDataDirectory, SUPERUSER } from '../../src/db/embedded/directory.ts'
import { serverUser } from '../../src/db/embedded/user.ts'
import type { TestDatabase } from './database.ts'
import { parentOfDatabases } from './memory-folder.ts'
import { type Ending, startPostgresProcess } from './postgres-process.ts'
import { temporaryFolder } from './server-process.ts'

const DATABASE = 'postgres'

export type OwnPostgres = TestDatabase & {
  /** Where it listens on TCP, or did last. */
  readonly port: number
  /** Ends the server process: in order, or as after a crash, when its log has to be replayed. */
  stop(how: Ending): Promise<void>
  /** A new server process on the same data, at the same port or another; there once it takes connections. */
  start(port?: number): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listening on TCP
  server.close()
  await once(server, 'close')
  return port
}

/** The database of a test's own server, for its superuser. */
export const urlAt = (port: number) => `postgres://${SUPERUSER}@127.0.0.1:${port}/${DATABASE}?sslmode=disable`

export const openAt = (port: number): Promise<Database> =>
  openDatabase({ url: urlAt(port), dataDir: '.data', poolMax: 4 })

/** An initialised data directory, removed when the test ends, and what runs a server on it. */
export async function initialise(t: Pick<Test, 'teardown'>) {
  const folder = await temporaryFolder(t, await parentOfDatabases())
  await chmod(folder, 0o755) // the server may run under another account
  const dataDir = join(folder, 'pg')
  const user = await serverUser(dataDir)
  const binaries = await findBinaries(user)
  await createDataDirectory(dataDir, { binaries, user, durable: false })
  return { folder, dataDir, user, binaries }
}

/** A Postgres of the test's own, on TCP, that can be stopped and started again; its database is empty. */
export async function startOwnPostgres(t: Pick<Test, 'teardown'>): Promise<OwnPostgres> {
  const { dataDir, user, binaries } = await initialise(t)
  const launch = (at: number) => startPostgresProcess({ binaries, user, dataDir, port: at })

  let port = await freePort()
  let server = await launch(port)
  let database = await openAt(port)
  const stop = async (how: Ending) => {
    await database.close()
    await server.end(how)
  }
  t.teardown(() => stop('immediate'))

  return {
    kind: 'postgres',
    description: 'of the test itself',
    socketDir: dataDir,
    close: () => database.close(),
    get sql() {
      return database.sql
    },
    get orm() {
      return database.orm
    },
    get patient() {
      return database.patient
    },
    get renewals() {
      return database.renewals
    },
    get unhurried() {
      return database.unhurried
    },
    listen: (subscription) => database.listen(subscription),
    usage: () => database.usage(),
    get port() {
      return port
    },
    get url() {
      return urlAt(port)
    },
    stop,
    start: async (at = port) => {
      port = at
      server = await launch(port)
      database = await openAt(port)
    },
  }
}
