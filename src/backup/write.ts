import type { Sql, TransactionSql } from 'postgres'
import type { Migration } from '../db/migration-files.ts'
import { VERSION } from '../version.ts'
import { TAR_END, toTarEntry } from './archive.ts'
import {
  listRelations,
  readJournalRows,
  readKeyIds,
  readSequences,
  readServer,
  readTables,
  tablesOf,
} from './catalog.ts'
import type { Copy } from './copy.ts'
import { BackupError } from './faults.ts'
import {
  DESCRIPTION_ENTRY,
  type Description,
  FORMAT,
  FORMAT_VERSION,
  MANIFEST_ENTRY,
  type Manifest,
  partName,
  type TableManifest,
} from './format.ts'
import { compressParts } from './parts.ts'
import { inTransaction } from './transaction.ts'

type Options = {
  readonly migrations: readonly Migration[]
  readonly copy: Copy
  /** Called with each part. */
  readonly onProgress?: (progress: { readonly table: string; readonly rows: number }) => void
}

const quoted = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ')

export const copyOut = ({ name, columns }: Pick<TableManifest, 'name' | 'columns'>): string =>
  `copy public."${name}" (${quoted(columns)}) to stdout`

/** Locks the tables against changes of their definition, then takes the snapshot. */
async function describe(tx: TransactionSql, names: readonly string[], migrations: readonly Migration[]) {
  // Before the first query, which takes the snapshot: a migration that ends meanwhile is seen as a whole.
  await tx.unsafe(`lock table ${quoted(names)} in access share mode`)
  const server = await readServer(tx)
  const tables = await readTables(tx, names)
  const journal = (await readJournalRows(tx)).map((row) => ({
    tag: migrations.find(({ hash, otherHashes }) => [hash, ...otherHashes].includes(row.hash))?.tag ?? null,
    ...row,
  }))
  if (journal.length === 0) throw new BackupError('no_journal')
  const unknown = journal.filter(({ tag }) => tag === null).length
  if (unknown > 0) throw new BackupError('newer_schema', { count: unknown })
  const ours = new Set(names)
  const others = (await listRelations(tx)).filter(({ name, kind }) => 'rp'.includes(kind) && !ours.has(name))
  const description: Description = {
    ...{ format: FORMAT, formatVersion: FORMAT_VERSION, program: VERSION, ...server, journal },
    dataKeys: await readKeyIds(tx),
    otherTables: others.map(({ name }) => name),
    tables,
  }
  return description
}

const toJson = (value: object) => Buffer.from(`${JSON.stringify(value, null, 2)}\n`)

/**
 * The archive of one consistent snapshot of all tables, as a stream. Memory does not depend on the size of the
 * database. `onDone` is called with the manifest before the last bytes.
 */
export async function* createArchive(
  tx: TransactionSql,
  names: readonly string[],
  { migrations, copy, onProgress }: Options,
  onDone: (manifest: Manifest) => void,
): AsyncGenerator<Buffer> {
  const description = await describe(tx, names, migrations)
  const mtime = new Date(description.takenAt)
  yield* toTarEntry(DESCRIPTION_ENTRY, toJson(description), mtime)
  const tables: TableManifest[] = []
  for (const table of description.tables) {
    const totals = { rows: 0, bytes: 0, parts: 0, sha256: '' }
    let place = 0
    for await (const part of compressParts(copy.read(tx, copyOut(table)), totals)) {
      yield* toTarEntry(partName(table.name, ++place), part, mtime)
      onProgress?.({ table: table.name, rows: totals.rows })
    }
    tables.push({ ...table, ...totals })
  }
  // After the rows, so that no sequence is behind them.
  const sequences = await readSequences(tx, names)
  const manifest: Manifest = { ...description, tables, sequences }
  yield* toTarEntry(MANIFEST_ENTRY, toJson(manifest), mtime)
  onDone(manifest)
  yield TAR_END
}

/**
 * Writes a backup of the database to `sink`, which must have consumed the whole stream when it resolves.
 * @throws BackupError `no_tables`, `no_journal` or `newer_schema`
 */
export async function writeBackup(
  sql: Sql,
  options: Options,
  sink: (archive: AsyncIterable<Buffer>) => Promise<void>,
): Promise<Manifest> {
  const known = new Set(tablesOf(options.migrations))
  const names = (await listRelations(sql)).map(({ name }) => name).filter((name) => known.has(name))
  if (names.length === 0) throw new BackupError('no_tables')
  return inTransaction(sql, 'isolation level repeatable read read only', async (tx) => {
    let manifest: Manifest | undefined
    await sink(createArchive(tx, names, options, (made) => (manifest = made)))
    if (manifest === undefined) throw new Error('the backup was not read to its end')
    return manifest
  })
}
