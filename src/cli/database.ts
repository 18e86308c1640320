import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { type Database, openDatabase, waitForDatabase } from '../db/client.ts'
import { findEmbeddedState } from '../db/embedded/state.ts'
import type { ServerError } from '../db/server-messages.ts'
import { readOrCreateSecret } from '../lib/secret-file.ts'
import { CommandError, type Context } from './command.ts'

/** The database of a command, with the server's secrets. */
export type Tool = {
  readonly database: Database
  /** The current one first. */
  readonly secrets: readonly string[]
}

/** The first secret signs; the others are only accepted. */
export async function secretsOf({ accounts, database }: Config): Promise<string[]> {
  const secret = accounts.jwtSecret ?? (await readOrCreateSecret(join(database.dataDir, 'jwt-secret')))
  return accounts.previousJwtSecret === null ? [secret] : [secret, accounts.previousJwtSecret]
}

type Opening = {
  readonly connections: number
  readonly url?: string | null
  readonly variable?: string
  readonly onServerError?: (error: ServerError) => void
  /** Whether an embedded database that does not exist is created. */
  readonly creates?: boolean
}

/** A command in a wrong folder or without its settings must not act on a new, empty database. */
export async function requireDatabase(
  { texts }: Pick<Context, 'texts'>,
  { database }: Config,
): Promise<void> {
  if (database.url !== null) return
  if ((await findEmbeddedState(join(database.dataDir, 'pg'))) === 'missing')
    throw new CommandError(texts('database.missing', { folder: database.dataDir }))
}

/** Runs `work` with the configured database. Fails without retries when it is unavailable. */
export async function withDatabase<T>(
  context: Context,
  { connections, variable = 'DATABASE_URL', creates = false, ...opening }: Opening,
  work: (tool: Tool) => Promise<T>,
): Promise<T> {
  const config = context.readConfig()
  if (!creates) await requireDatabase(context, config)
  const url = opening.url === undefined ? config.database.url : opening.url
  const database = await openDatabase({
    ...{ ...config.database, url, poolMax: connections, onNotice: context.warn },
    ...(opening.onServerError !== undefined && { onServerError: opening.onServerError }),
  })
  try {
    await waitForDatabase(database, { deadlineMs: 0, variable })
    return await work({ database, secrets: await secretsOf(config) })
  } finally {
    await database.close()
  }
}
