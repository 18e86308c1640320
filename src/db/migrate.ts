import type { TransactionSql } from 'postgres'
import { pause } from '../lib/deadline.ts'
import type { Database } from './client.ts'
import { createJournal, insertJournal, readJournal, requireGrants } from './journal.ts'
import { createdObjects, createdTables, type Migration, readMigrations } from './migration-files.ts'
import { verifySchema } from './verify.ts'

export { createdTables, type Migration, readMigrations } from './migration-files.ts'

export type MigrationReport = {
  /** Tags applied by this call. */
  readonly applied: string[]
  /** Tags that are still to be applied. */
  readonly pending: string[]
  /** Migrations that the database knows and this version does not: it was migrated by a newer one. */
  readonly unknown: number
  /** There is no journal, yet all that the migrations make is there: applying writes the journal and nothing else. */
  readonly withoutJournal?: true
}

/** The database holds tables that no migration of ours made, where ours would go. */
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

/** A statement of a migration that failed; `code` is the one of the database. */
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

/** Any constant will do, as long as every version of this program uses the same. */
export const LOCK_KEY = 7_341_902_185
/** How long a statement waits for the lock of a table, while everybody else waits behind it. */
const LOCK_DEADLINE = '25s'
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

type Options = {
  readonly folder: string
  readonly apply: boolean
  /** Called once when another process is migrating and has to be waited for. */
  readonly onWait?: () => void
}

/**
 * Brings the database up to the migrations in `folder`, or with `apply: false` only tells what is missing.
 *
 * Everything happens in one transaction under a lock, so any number of processes may do it at once, also through a
 * transaction pooler, and a failure leaves nothing behind. Another process is waited for as long as it takes, and so is
 * each statement: give it a client without deadlines. The journal is drizzle-kit's own: either may continue what the
 * other began. Migrations are known by their hash, so one merged late with an older date is not skipped.
 *
 * Tables without a journal, as a dump of the schema `public` alone restores them, are adopted when nothing of what the
 * migrations make is missing.
 *
 * @throws SchemaConflictError when a table to be created exists already
 * @throws MissingGrantError when the role may not do it
 */
export async function migrate(
  database: Pick<Database, 'sql'>,
  { folder, apply: isToApply, onWait }: Options,
): Promise<MigrationReport> {
  const migrations = await readMigrations(folder)
  if (!isToApply) return database.sql.begin('read only', (tx) => look(tx, migrations))
  for (let pauseMs = FIRST_PAUSE_MS, tries = 0; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const done = await database.sql.begin(async (tx) => {
      // A pooled connection may bring settings of its own; building an index takes as long as it takes.
      await tx`
        select set_config('statement_timeout', '0', true), set_config('lock_timeout', ${LOCK_DEADLINE}, true),
          set_config('search_path', 'public', true)`
      const [lock] = await tx<
        { isOurs: boolean }[]
      >`select pg_try_advisory_xact_lock(${LOCK_KEY}) as "isOurs"`
      return lock?.isOurs === true ? apply(tx, migrations) : undefined
    })
    if (done !== undefined) return done
    if (tries++ === 0) onWait?.()
    await pause(pauseMs)
  }
}

async function look(tx: TransactionSql, migrations: readonly Migration[]): Promise<MigrationReport> {
  const journal = await readJournal(tx)
  const isWhole = journal === undefined && (await isComplete(tx, migrations))
  return { ...report(migrations, journal ?? []), ...(isWhole && { withoutJournal: true }) }
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

async function execute(tx: TransactionSql, { tag, statements }: Migration): Promise<void> {
  try {
    for (const statement of statements) await tx.unsafe(statement)
  } catch (error) {
    throw new MigrationError(tag, error)
  }
}

/** Whether the tables are as the code expects, and every index, constraint, trigger and function is there. */
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
  // A transaction that only looks takes no writes.
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
