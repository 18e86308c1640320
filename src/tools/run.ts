import { join } from 'node:path'
import process from 'node:process'
import { type Config, ConfigError, readConfig } from '../config.ts'
import { type Database, openDatabase, waitForDatabase } from '../db/client.ts'
import { readSettings } from '../environment.ts'
import { keptSecret } from '../lib/kept-secret.ts'

/** Exit codes of the operator's tools: all is well, something was found, it could not be done. */
export const DONE = 0
export const FOUND = 1
export const FAILED = 2

export type Tool = {
  readonly config: Config
  readonly database: Database
  /** The present one first. */
  readonly secrets: readonly string[]
}

export function say(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

export function complain(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`)
}

/** The first of `secrets` signs, the others only count. */
export async function secretsOf({ accounts, database }: Config): Promise<string[]> {
  const secret = accounts.jwtSecret ?? (await keptSecret(join(database.dataDir, 'jwt-secret')))
  return accounts.previousJwtSecret === null ? [secret] : [secret, accounts.previousJwtSecret]
}

/** Ends the process with what `work` returns; a wrong setting or a database that is away is a line, and not a stack. */
export async function runTool(work: (config: Config) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work(readConfig(readSettings(process.env)))
  } catch (error) {
    complain(...(error instanceof ConfigError ? error.faults : [reasonOf(error)]))
    process.exitCode = FAILED
  }
}

type Opening = { readonly connections: number; readonly url?: string | null; readonly variable?: string }

/** Runs `work` with the database of the configuration, which is asked once whether it is there. */
export async function withDatabase<T>(
  config: Config,
  { connections, url = config.database.url, variable = 'DATABASE_URL' }: Opening,
  work: (tool: Tool) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({ ...config.database, url, poolMax: connections, onNotice: complain })
  try {
    await waitForDatabase(database, { deadlineMs: 0, variable })
    return await work({ config, database, secrets: await secretsOf(config) })
  } finally {
    await database.close()
  }
}

/** Without the query that a query layer puts into its message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'query' in error && error.cause !== undefined ? reasonOf(error.cause) : error.message
}
