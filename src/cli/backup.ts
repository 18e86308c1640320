import { join } from 'node:path'
import { Type } from 'typebox'
import { seal, writeFileSafely, writeStream } from '../backup/file.ts'
import type { Manifest } from '../backup/format.ts'
import { writeBackup } from '../backup/write.ts'
import { MIGRATIONS, readMigrations } from '../db/migration-files.ts'
import { withCopy } from './backup/database.ts'
import { KEY_FILE, readBackupKey } from './backup/key.ts'
import { withReasons } from './backup/reasons.ts'
import { CommandError, type Context, defineCommand, getText, type Input } from './command.ts'

const Table = Type.Object({
  name: Type.String(),
  rows: Type.Integer(),
  bytes: Type.Integer({ description: 'before compression' }),
})

const Result = Type.Object(
  {
    file: Type.String(),
    bytes: Type.Integer({ description: 'size of the file' }),
    encrypted: Type.Boolean(),
    takenAt: Type.String({ description: 'time of the snapshot' }),
    rows: Type.Integer(),
    tables: Type.Array(Table),
    dataKeys: Type.Array(Type.String(), { description: 'ids of DATA_KEYS that a restored server needs' }),
    otherTables: Type.Array(Type.String(), { description: 'tables of other programs, not in the backup' }),
  },
  { description: 'Without `--out`, standard output has the backup itself.' },
)

/** Writes the backup to the file, or to standard output. */
async function write(context: Context, input: Input, key: Buffer | null) {
  const { texts, progress, terminal } = context
  const migrations = await readMigrations(MIGRATIONS)
  const file = getText(input, 'out')
  if (file === undefined && 'isTTY' in terminal.stdout && terminal.stdout.isTTY === true)
    throw new CommandError(texts('backup.terminal'))
  return withCopy(context, async ({ database, copy }) => {
    const { sql } = database.unhurried
    const onProgress = (at: { table: string; rows: number }) => progress.show(texts('backup.progress', at))
    const run = (sink: (bytes: AsyncIterable<Buffer>) => Promise<unknown>): Promise<Manifest> =>
      writeBackup(sql, { migrations, copy, onProgress }, async (archive) => {
        await sink(seal(archive, key))
      })
    if (file === undefined) {
      await run((bytes) => writeStream(terminal.stdout, bytes))
      return null
    }
    let manifest: Manifest | undefined
    const bytes = await writeFileSafely(file, async (sink) => {
      manifest = await run(sink)
    })
    return manifest === undefined ? null : { file, bytes, manifest }
  })
}

/** One consistent snapshot of all data, as a stream; may run beside servers. */
export const backup = defineCommand({
  name: 'backup',
  text: 'backup',
  options: [{ flags: '--out <file>', text: 'option.output' }, KEY_FILE],
  examples: [
    'backup --out maeum-2026-11-30.backup',
    'backup --key-file /run/secrets/backup-key --out maeum.backup --json',
    'backup > maeum.backup',
  ],
  result: Result,
  run: (context, input) =>
    withReasons(context, async () => {
      const key = await readBackupKey(context, input)
      const written = await write(context, input, key)
      if (key === null) context.warn(context.texts('backup.unencrypted'))
      const { accounts, database } = context.readConfig()
      if (accounts.jwtSecret === null)
        context.warn(context.texts('backup.generatedSecret', { file: join(database.dataDir, 'jwt-secret') }))
      if (written === null) return { result: null }
      const { file, bytes, manifest } = written
      const { takenAt, dataKeys, otherTables } = manifest
      const tables = manifest.tables.map(({ name, rows, bytes }) => ({ name, rows, bytes }))
      const rows = tables.reduce((sum, table) => sum + table.rows, 0)
      return {
        result: { file, bytes, encrypted: key !== null, takenAt, rows, tables, dataKeys, otherTables },
      }
    }),
  print: ({ otherTables, dataKeys, ...written }, texts) => [
    texts('backup.written', written),
    ...(dataKeys.length === 0 ? [] : [texts('backup.dataKeys', { ids: dataKeys.join(', ') })]),
    ...(otherTables.length === 0 ? [] : [texts('backup.otherTables', { names: otherTables.join(', ') })]),
  ],
})
