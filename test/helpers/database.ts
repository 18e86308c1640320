import type { Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { asAdmin, SOCKET_VARIABLE, startTestServer, TEMPLATE, testUrl, uniqueName } from './test-server.ts'

export type TestDatabase = Database & {
  /** For a server under test; `parseDatabaseUrl` reads it. */
  readonly url: string
  /** The directory of the server's socket, for tests that open other databases or roles. */
  readonly socketDir: string
  /** Where its server listens on TCP, if it does. */
  readonly port?: number
}

let ownServer: ReturnType<typeof startTestServer> | undefined
let users = 0

/**
 * A database of its own for a test, dropped with everything in it when the test ends. Migrated unless asked otherwise.
 * A file that runs by itself, without `npm test`, starts a server of its own.
 */
export async function createTestDatabase(
  t: Pick<Test, 'teardown'>,
  options: { migrated?: boolean } = {},
): Promise<TestDatabase> {
  const socketDir = await serverFor(t)
  const name = uniqueName('test')
  const template = options.migrated === false ? 'template0' : TEMPLATE
  await asAdmin(socketDir, 'postgres', async (sql) => {
    const [server] = await sql`select current_setting('server_version_num')::int >= 150000 as can_choose`
    const strategy = server?.['can_choose'] === true ? 'strategy file_copy' : '' // half the work of the default
    await sql.unsafe(`create database ${name} template ${template} ${strategy}`)
  })
  const url = testUrl(socketDir, name)
  const database = await openDatabase({ url, dataDir: '.data', poolMax: 4 })
  t.teardown(async () => {
    await database.close()
    await asAdmin(socketDir, 'postgres', (sql) => sql.unsafe(`drop database ${name} with (force)`))
  })
  return { ...database, url, socketDir }
}

async function serverFor(t: Pick<Test, 'teardown'>): Promise<string> {
  const shared = process.env[SOCKET_VARIABLE]
  if (shared !== undefined) return shared
  ownServer ??= startTestServer()
  users++
  const server = await ownServer
  t.teardown(async () => {
    users--
    if (users > 0) return
    ownServer = undefined
    await server.stop()
  })
  return server.socketDir
}
