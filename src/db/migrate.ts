import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TransactionSql } from 'postgres'
import type { Database } from './client.ts'

/** One generated migration, as drizzle-kit wrote it. */
export type Migration = {
  /** The file's name without `.sql`, such as `0003_add_notes`. */
  readonly tag: string
  readonly statements: readonly string[]
  /** When it was generated, in milliseconds of Unix time. */
  readonly createdAt: number
  /** SHA-256 of the file, the identity that drizzle-kit keeps in its journal. */
  readonly hash: string
}

export type MigrationReport = {
  /** Tags applied by this call. */
  readonly applied: string[]
  /** Tags that are still to be applied. */
  readonly pending: string[]
  /** Migrations that the database knows and this version does not: it was migrated by a newer one. */
  readonly unknown: number
}

/** The database holds tables that no migration of ours made, where ours would go. */
export class SchemaConflictError extends Error {
  readonly tables: readonly string[]

  constructor(tables: readonly string[]) {
    super(
      `the database already has tables of these names, made by something else: ${tables.join(', ')}. Nothing was ` +
        'changed. Use an empty database or schema, rename those tables, or set MIGRATE_ON_BOOT=false if they are right',
    )
    this.name = 'SchemaConflictError'
    this.tables = tables
  }
}

/** Any constant will do, as long as every version of this program uses the same. */
const LOCK_KEY = 7_341_902_185
/** Shorter than the pool's deadline for an answer, so that a wait ends with an error that names the reason. */
const LOCK_DEADLINE = '25s'

/**
 * Brings the database up to the migrations in `folder`, or with `apply: false` only tells what is missing.
 *
 * Everything happens in one transaction under a lock, so any number of processes may do it at once, also through a
 * transaction pooler, and a failure leaves nothing behind. The journal is drizzle-kit's own: either may continue
 * what the other began. Migrations are known by their hash, so one merged late with an older date is not skipped.
 * A single statement that outlasts the pool's deadline for an answer is rolled back: apply it with drizzle-kit.
 *
 * Throws SchemaConflictError when a table to be created exists already.
 */
export async function migrate(
  database: Pick<Database, 'sql'>,
  options: { folder: string; apply: boolean },
): Promise<MigrationReport> {
  const migrations = await readMigrations(options.folder)
  if (!options.apply)
    return database.sql.begin('read only', async (tx) => report(migrations, await readJournal(tx)))
  return database.sql.begin(async (tx) => {
    // A pooled connection may bring short deadlines of its own; building an index takes as long as it takes.
    await tx`select set_config('statement_timeout', '0', true), set_config('lock_timeout', ${LOCK_DEADLINE}, true)`
    await tx`select pg_advisory_xact_lock(${LOCK_KEY})`
    return apply(tx, migrations)
  })
}

/** The migrations of a folder in the order of their journal. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const journal = JSON.parse(await readFile(join(folder, 'meta', '_journal.json'), 'utf8')) as {
    entries: { tag: string; when: number }[] // drizzle-kit's own file
  }
  return Promise.all(
    journal.entries.map(async ({ tag, when }) => {
      const text = await readFile(join(folder, `${tag}.sql`), 'utf8')
      return {
        tag,
        statements: text.split('--> statement-breakpoint'),
        createdAt: when,
        hash: createHash('sha256').update(text).digest('hex'),
      }
    }),
  )
}

async function apply(tx: TransactionSql, migrations: readonly Migration[]): Promise<MigrationReport> {
  const journal = await readJournal(tx)
  const pending = pendingOf(migrations, journal)
  if (pending.length === 0) return report(migrations, journal)

  const conflicts = await findConflicts(tx, pending)
  if (conflicts.length > 0) throw new SchemaConflictError(conflicts)
  await createJournal(tx)
  for (const { statements, hash, createdAt } of pending) {
    for (const statement of statements) await tx.unsafe(statement)
    await tx`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${createdAt})`
  }
  return { ...report(migrations, journal), applied: pending.map(({ tag }) => tag), pending: [] }
}

/** The hashes of what has been applied; empty when there is no journal yet. */
async function readJournal(sql: Database['sql'] | TransactionSql): Promise<string[]> {
  const [found] = await sql<{ exists: boolean }[]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as exists`
  if (found?.exists !== true) return []
  const rows = await sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations`
  return rows.map(({ hash }) => hash)
}

/** Created only when there is something to write, for a restricted role may apply nothing but run the server. */
async function createJournal(tx: TransactionSql): Promise<void> {
  await tx`create schema if not exists drizzle`
  await tx`create table if not exists drizzle.__drizzle_migrations (
    id serial primary key, hash text not null, created_at bigint)`
}

async function findConflicts(tx: TransactionSql, pending: readonly Migration[]): Promise<string[]> {
  const names = pending.flatMap(({ statements }) => statements.flatMap(createdTables))
  const rows = await tx<{ name: string }[]>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
      and relname in ${tx(names)}
    order by relname`
  return rows.map(({ name }) => name)
}

/** Names in the schema `public` that a generated statement creates as tables. */
export function createdTables(statement: string): string[] {
  return [...statement.matchAll(/^\s*CREATE TABLE (?:"public"\.)?"([^"]+)" \(/gim)].map(
    ([, name = '']) => name,
  )
}

const pendingOf = (migrations: readonly Migration[], journal: readonly string[]) =>
  migrations.filter(({ hash }) => !journal.includes(hash))

function report(migrations: readonly Migration[], journal: readonly string[]): MigrationReport {
  const known = migrations.map(({ hash }) => hash)
  return {
    applied: [],
    pending: pendingOf(migrations, journal).map(({ tag }) => tag),
    unknown: journal.filter((hash) => !known.includes(hash)).length,
  }
}
