import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { startEmbedded } from '../../src/db/embedded/server.ts'
import { migrate } from '../../src/db/migrate.ts'
import { parentOfDatabases } from './memory-folder.ts'

export const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

/** The database that migrated test databases are copied from. */
export const TEMPLATE = 'template_migrated'

/** The directory of the test server's socket, from the process that runs all test files. */
export const SOCKET_VARIABLE = 'TEST_POSTGRES_SOCKET'

/** An address of the test server that production code can read. */
export const testUrl = (socketDir: string, database: string) =>
  `postgres://maeum@/${database}?host=${encodeURIComponent(socketDir)}`

/** Opens one connection for the work of an administrator, and closes it after. */
export async function asAdmin<T>(
  socketDir: string,
  database: string,
  work: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  const sql = postgres({
    path: `${socketDir}/.s.PGSQL.5432`,
    user: 'maeum',
    database,
    max: 1,
    onnotice: () => undefined,
  })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** Starts a throw-away Postgres that holds a migrated template. */
export async function startTestServer(): Promise<{ socketDir: string; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(await parentOfDatabases(), 'maeum-test-'))
  await chmod(folder, 0o755) // the server may run under another account
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), durable: false })
  const stop = async () => {
    await server.stop()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await asAdmin(server.socketDir, 'postgres', (sql) => sql.unsafe(`create database ${TEMPLATE}`))
    await asAdmin(server.socketDir, TEMPLATE, (sql) => migrate({ sql }, { folder: MIGRATIONS, apply: true }))
    return { socketDir: server.socketDir, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** A name that no other test uses. */
export const uniqueName = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`
