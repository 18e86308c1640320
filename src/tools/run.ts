import { join } from 'node:path'
import process from 'node:process'
import { type Config, ConfigError, readConfig } from '../config/config.ts'
import { type Database, openDatabase, waitForDatabase } from '../db/client.ts'
import { readSettings } from '../config/environment.ts'
import { readOrCreateSecret } from '../lib/secret-file.ts'

/** Exit codes of the command-line tools: success, findings, failure. */
export const DONE = 0
export const FOUND = 1
export const FAILED = 2

export type Tool = {
  readonly config: Config
  readonly database: Database
  /** The current one first. */
  readonly secrets: readonly string[]
}

export function print(...lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${line}\n`)
}

export function printError(...lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`)
}

/** The first secret signs; the others are only accepted. */
export async function secretsOf({ accounts, database }: Config): Promise<string[]> {
  const secret = accounts.jwtSecret ?? (await readOrCreateSecret(join(database.dataDir, 'jwt-secret')))
  return accounts.previousJwtSecret === null ? [secret] : [secret, accounts.previousJwtSecret]
}

/** Sets the exit code to the result of `work`. Prints errors as one line without a stack. */
export async function runTool(work: (config: Config) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work(readConfig(readSettings(process.env)))
  } catch (error) {
    printError(...(error instanceof ConfigError ? error.faults : [reasonOf(error)]))
    process.exitCode = FAILED
  }
}

type Opening = { readonly connections: number; readonly url?: string | null; readonly variable?: string }

/** Runs `work` with the configured database. Fails without retries when it is unavailable. */
export async function withDatabase<T>(
  config: Config,
  { connections, url = config.database.url, variable = 'DATABASE_URL' }: Opening,
  work: (tool: Tool) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({ ...config.database, url, poolMax: connections, onNotice: printError })
  try {
    await waitForDatabase(database, { deadlineMs: 0, variable })
    return await work({ config, database, secrets: await secretsOf(config) })
  } finally {
    await database.close()
  }
}

/** The message of an error, without the query that the query layer adds. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'query' in error && error.cause !== undefined ? reasonOf(error.cause) : error.message
}
