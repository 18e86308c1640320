import type { Sql, TransactionSql } from 'postgres'
import { createJournal, insertJournal, requireGrants } from '../db/journal.ts'
import { ADVISORY_LOCKS } from '../db/locks.ts'
import { execute } from '../db/migrate.ts'
import type { Migration } from '../db/migration-files.ts'
import { listRelations, readJournalRows } from './catalog.ts'
import type { Copy } from './copy.ts'
import { BackupError } from './faults.ts'
import type { Description, Manifest, Sequence, TableManifest } from './format.ts'
import { toParts } from './parts.ts'
import type { OpenBackup } from './read.ts'
import { createRowDigest } from './row-digest.ts'
import { inTransaction } from './transaction.ts'
import { copyOut } from './write.ts'

/** Numbers that may have been given out between the backup and the loss of the database are not given out again. */
const SEQUENCE_GAP = 1_000_000n
const MAX_NAMES = 5

type Options = {
  readonly migrations: readonly Migration[]
  readonly copy: Copy
  /** Reads all rows back and compares them with those of the file. */
  readonly readBack: boolean
  readonly onProgress?: (progress: { readonly table: string; readonly rows: number }) => void
}

async function requireEmpty(tx: TransactionSql): Promise<void> {
  const names = (await listRelations(tx)).map(({ name }) => name)
  if ((await readJournalRows(tx)).length > 0) names.unshift('drizzle.__drizzle_migrations')
  if (names.length === 0) return
  const shown = names.slice(0, MAX_NAMES).join(', ')
  throw new BackupError('not_empty', { names: names.length > MAX_NAMES ? `${shown}, …` : shown })
}

/** Applies exactly the migrations that the database of the backup had, in the order in which it had applied them. */
async function createTables(
  tx: TransactionSql,
  { journal }: Description,
  migrations: readonly Migration[],
): Promise<void> {
  await requireGrants(tx)
  await createJournal(tx)
  const known = journal.map(({ hash }) =>
    migrations.find((migration) => [migration.hash, ...migration.otherHashes].includes(hash)),
  )
  const unknown = known.filter((migration) => migration === undefined).length
  if (unknown > 0) throw new BackupError('newer_schema', { count: unknown })
  for (const [place, migration] of known.entries()) {
    if (migration === undefined) continue
    await execute(tx, migration)
    await insertJournal(tx, {
      hash: migration.hash,
      createdAt: journal[place]?.createdAt ?? migration.createdAt,
    })
  }
}

async function advanceSequences(tx: TransactionSql, sequences: readonly Sequence[]): Promise<void> {
  for (const { name, value } of sequences) {
    const next = String(BigInt(value) + SEQUENCE_GAP)
    await tx`select setval(to_regclass(${`public.${name}`}), ${next}::bigint)`
  }
}

const copyIn = ({ name, columns }: Pick<TableManifest, 'name' | 'columns'>): string =>
  copyOut({ name, columns }).replace(/to stdout$/, 'from stdin')

/** Loads the tables in the order of the file. Returns the digests of their rows if they are to be read back. */
async function loadTables(tx: TransactionSql, backup: OpenBackup, options: Options) {
  const digests = new Map<string, bigint>()
  for (const table of backup.description.tables) {
    const digest = createRowDigest()
    let parts = 0
    const observed = async function* () {
      for await (const rows of backup.readRows(table)) {
        if (options.readBack) digest.add(rows)
        options.onProgress?.({ table: table.name, rows: ++parts })
        yield rows
      }
    }
    await options.copy.write(tx, copyIn(table), observed())
    digests.set(table.name, digest.value)
  }
  return digests
}

async function compareTables(
  tx: TransactionSql,
  tables: readonly TableManifest[],
  digests: ReadonlyMap<string, bigint>,
  copy: Copy,
): Promise<void> {
  for (const table of tables) {
    const digest = createRowDigest()
    for await (const rows of toParts(copy.read(tx, copyOut(table)))) digest.add(rows)
    if (digest.value !== digests.get(table.name)) throw new BackupError('differs', { table: table.name })
  }
}

/**
 * Restores a backup into an empty database, in one transaction: after a failure the database is as empty as before.
 * The tables are then as in the database of the backup; newer migrations are pending.
 *
 * @throws BackupError
 */
export function restoreBackup(sql: Sql, backup: OpenBackup, options: Options): Promise<Manifest> {
  return inTransaction(sql, 'read write', async (tx) => {
    await tx`select pg_advisory_xact_lock(${ADVISORY_LOCKS.migration})`
    await requireEmpty(tx)
    await createTables(tx, backup.description, options.migrations)
    const digests = await loadTables(tx, backup, options)
    const manifest = await backup.finish()
    await advanceSequences(tx, manifest.sequences)
    if (options.readBack) await compareTables(tx, manifest.tables, digests, options.copy)
    return manifest
  })
}

/** Statistics for the planner, which an empty table does not have. */
export async function analyzeTables(sql: Sql, { tables }: Manifest): Promise<void> {
  for (const { name } of tables) await sql.unsafe(`analyze public."${name}"`)
}
