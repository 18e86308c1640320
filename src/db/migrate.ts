import type { TransactionSql } from 'postgres'
import { createBackoff } from '../lib/backoff.ts'
import type { Database } from './client.ts'
import { createJournal, insertJournal, readJournal, requireGrants } from './journal.ts'
import { ADVISORY_LOCKS } from './locks.ts'
import { createdObjects, createdTables, type Migration, readMigrations } from './migration-files.ts'
import { verifySchema } from './verify.ts'

export { createdTables, type Migration, readMigrations } from './migration-files.ts'

type MigrationReport = {
  /** Tags applied by this call. */
  readonly applied: string[]
  /** Tags that are not applied yet. */
  readonly pending: string[]
  /** Number of applied migrations that this version does not know: a newer version has migrated the database. */
  readonly unknown: number
  /** The journal is missing although all objects of the migrations exist: applying only writes the journal. */
  readonly withoutJournal?: true
}

/** The database contains tables that no migration created and that a migration would create. */
export class SchemaConflictError extends Error {
  readonly tables: readonly string[]

  constructor(tables: readonly string[]) {
    super(
      `the database already has tables of these names, made by something else: ${tables.join(', ')}. Nothing was ` +
        'changed. Use an empty database, rename those tables, or set MIGRATE_ON_BOOT=false if they are right. If this is ' +
        'a restored backup, restore it with the journal of the migrations (schema drizzle)',
    )
    this.name = 'SchemaConflictError'
    this.tables = tables
  }
}

/** A statement of a migration failed; `code` is the SQLSTATE. */
class MigrationError extends Error {
  readonly code: unknown

  constructor(tag: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    const isLocked = code === '55P03'
    const advice = isLocked ? `: no lock within ${LOCK_DEADLINE}; end long transactions and start again` : ''
    super(`migration ${tag} failed and was undone: ${reason}${advice}`, { cause })
    this.name = 'MigrationError'
    this.code = code
  }
}

/** How long a statement waits for the lock of a table, which blocks other statements meanwhile. */
const LOCK_DEADLINE = '25s'
const PAUSES = { firstMs: 50, longestMs: 1000 }

type Options = {
  readonly folder: string
  readonly apply: boolean
  /** Called once when another process is migrating and this one waits. */
  readonly onWait?: () => void
}

/**
 * Applies the migrations in `folder`, or with `apply: false` only reports which are missing.
 *
 * Uses one transaction under a lock. Any number of processes may call it concurrently, also through a transaction
 * pooler, and a failure changes nothing. It waits for another process and for each statement without a limit, so pass a
 * client without deadlines. The journal is compatible with drizzle-kit. Migrations are identified by their hash, so one
 * that is merged late with an older date is not skipped.
 *
 * Tables without a journal, as a restore of the schema `public` alone leaves them, are adopted if no object of the
 * migrations is missing.
 *
 * @throws SchemaConflictError when a table to be created exists already
 * @throws MissingGrantError when the role lacks a privilege
 */
export async function migrate(
  database: Pick<Database, 'sql'>,
  { folder, apply: shouldApply, onWait }: Options,
): Promise<MigrationReport> {
  const migrations = await readMigrations(folder)
  if (!shouldApply) return database.sql.begin('read only', (tx) => inspect(tx, migrations))
  const backoff = createBackoff(PAUSES)
  for (let tries = 0; ; tries++) {
    const done = await database.sql.begin(async (tx) => {
      // A pooled connection may have other settings; building an index may take long.
      await tx`
        select set_config('statement_timeout', '0', true), set_config('lock_timeout', ${LOCK_DEADLINE}, true),
          set_config('search_path', 'public', true)`
      const [lock] = await tx<
        { isOurs: boolean }[]
      >`select pg_try_advisory_xact_lock(${ADVISORY_LOCKS.migration}) as "isOurs"`
      return lock?.isOurs === true ? apply(tx, migrations) : undefined
    })
    if (done !== undefined) return done
    if (tries === 0) onWait?.()
    await backoff.wait()
  }
}

async function inspect(tx: TransactionSql, migrations: readonly Migration[]): Promise<MigrationReport> {
  const journal = await readJournal(tx)
  const isRestored = journal === undefined && (await isComplete(tx, migrations))
  return { ...report(migrations, journal ?? []), ...(isRestored && { withoutJournal: true }) }
}

async function apply(tx: TransactionSql, migrations: readonly Migration[]): Promise<MigrationReport> {
  const journal = await readJournal(tx)
  const pending = pendingOf(migrations, journal ?? [])
  if (pending.length === 0) return report(migrations, journal ?? [])

  const conflicts = await findConflicts(tx, pending)
  const isAdopted = journal === undefined && conflicts.length > 0 && (await isComplete(tx, migrations))
  if (conflicts.length > 0 && !isAdopted) throw new SchemaConflictError(conflicts)
  await requireGrants(tx)
  await createJournal(tx)
  for (const migration of pending) {
    if (!isAdopted) await execute(tx, migration)
    await insertJournal(tx, migration)
  }
  const done = { ...report(migrations, journal ?? []), pending: [] }
  return isAdopted ? { ...done, withoutJournal: true } : { ...done, applied: pending.map(({ tag }) => tag) }
}

/**
 * Runs the statements of one migration, without its row in the journal.
 * @throws an error that names the migration
 */
export async function execute(
  tx: TransactionSql,
  { tag, statements }: Pick<Migration, 'tag' | 'statements'>,
): Promise<void> {
  try {
    for (const statement of statements) await tx.unsafe(statement)
  } catch (error) {
    throw new MigrationError(tag, error)
  }
}

/** Whether the tables are as the code expects, and all indexes, constraints, triggers and functions exist. */
async function isComplete(tx: TransactionSql, migrations: readonly Migration[]): Promise<boolean> {
  const names = createdObjects(migrations)
  const found = await tx<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = to_regnamespace('public')
    union select conname from pg_constraint where connamespace = to_regnamespace('public')
    union select proname from pg_proc where pronamespace = to_regnamespace('public')
    union select tgname from pg_trigger join pg_class c on c.oid = tgrelid
      where c.relnamespace = to_regnamespace('public')`
  const present = new Set(found.map(({ name }) => name))
  if (!names.every((name) => present.has(name))) return false
  // A read-only transaction reports `no_writes`.
  return (await verifySchema(tx)).every(({ problem }) => problem === 'no_writes')
}

async function findConflicts(tx: TransactionSql, pending: readonly Migration[]): Promise<string[]> {
  const names = pending.flatMap(({ statements }) => statements.flatMap(createdTables))
  if (names.length === 0) return []
  const rows = await tx<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = to_regnamespace('public') and relkind in ('r', 'p', 'v', 'm', 'f')
      and relname in ${tx(names)}
    order by relname`
  return rows.map(({ name }) => name)
}

const hashesOf = ({ hash, otherHashes }: Migration) => [hash, ...otherHashes]

const pendingOf = (migrations: readonly Migration[], journal: readonly string[]) =>
  migrations.filter((migration) => !hashesOf(migration).some((hash) => journal.includes(hash)))

function report(migrations: readonly Migration[], journal: readonly string[]): MigrationReport {
  const known = new Set(migrations.flatMap(hashesOf))
  return {
    applied: [],
    pending: pendingOf(migrations, journal).map(({ tag }) => tag),
    unknown: journal.filter((hash) => !known.has(hash)).length,
  }
}
