import { createReadStream } from 'node:fs'
import { Type } from 'typebox'
import type { Description, Manifest } from '../backup/format.ts'
import { checkBackup, type OpenBackup, openBackup } from '../backup/read.ts'
import { analyzeTables, restoreBackup } from '../backup/restore.ts'
import { migrate } from '../db/migrate.ts'
import { MIGRATIONS, readMigrations } from '../db/migration-files.ts'
import { withCopy } from './backup/database.ts'
import { KEY_FILE, readBackupKey } from './backup/key.ts'
import { withReasons } from './backup/reasons.ts'
import {
  CommandError,
  type Context,
  defineCommand,
  EXIT,
  getArgument,
  getText,
  hasFlag,
  type Input,
} from './command.ts'
import {
  type Check,
  checkDataKeys,
  checkReceipts,
  checkRights,
  checkSchema,
  checkTrail,
  toCheck,
} from './restore/checks.ts'
import { readErasures, replayErasures } from './restore/erasures.ts'

const Result = Type.Object({
  takenAt: Type.String({ description: 'time of the snapshot' }),
  program: Type.String({ description: 'version of maeum that made the backup' }),
  postgres: Type.String({ description: 'version of its database' }),
  encrypted: Type.Boolean(),
  restored: Type.Boolean({ description: 'false with `--check`' }),
  database: Type.Union([Type.String(), Type.Null()], {
    description: 'the restored database; null with `--check`',
  }),
  rows: Type.Integer(),
  tables: Type.Array(Type.Object({ name: Type.String(), rows: Type.Integer() })),
  migrations: Type.Array(Type.String(), { description: 'newer migrations that were applied after the rows' }),
  checks: Type.Array(
    Type.Object({
      name: Type.String(),
      status: Type.Enum(['ok', 'warn', 'fail']),
      text: Type.String(),
    }),
  ),
})

const countRows = ({ tables }: Pick<Manifest, 'tables'>) => tables.reduce((sum, { rows }) => sum + rows, 0)

function toResult(backup: OpenBackup, manifest: Manifest) {
  const { takenAt, program, postgres }: Description = backup.description
  return {
    ...{ takenAt, program, postgres, encrypted: backup.isEncrypted, rows: countRows(manifest) },
    tables: manifest.tables.map(({ name, rows }) => ({ name, rows })),
  }
}

async function open(context: Context, input: Input): Promise<OpenBackup> {
  const file = getArgument(input, 0)
  const key = await readBackupKey(context, input)
  const source = file === '-' ? context.terminal.stdin : createReadStream(file)
  try {
    return await openBackup(source, key)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && 'syscall' in cause)) throw cause
    throw new CommandError(context.texts('input.unreadable', { file }), { cause })
  }
}

/** Reads the file only. */
async function check(context: Context, input: Input) {
  const { texts, progress } = context
  const backup = await open(context, input)
  const manifest = await checkBackup(backup, (table) => progress.show(texts('restore.reading', { table })))
  const checks = [
    toCheck(context, 'ok', 'restore.file', { rows: countRows(manifest), tables: manifest.tables.length }),
    checkDataKeys(context, manifest.dataKeys),
  ]
  return {
    ...toResult(backup, manifest),
    restored: false,
    database: null,
    migrations: [] as string[],
    checks,
  }
}

/** Creates the tables, loads the rows, and applies newer migrations. */
async function load(context: Context, input: Input, checks: Check[]) {
  const { texts, progress } = context
  const backup = await open(context, input)
  const migrations = await readMigrations(MIGRATIONS)
  const readBack = hasFlag(input, 'verify')
  const run = async ({ database, copy }: Parameters<Parameters<typeof withCopy>[1]>[0]) => {
    const { sql } = database.unhurried
    const onProgress = ({ table }: { table: string }) => progress.show(texts('restore.loading', { table }))
    const manifest = await restoreBackup(sql, backup, { migrations, copy, readBack, onProgress })
    const counts = { rows: countRows(manifest), tables: manifest.tables.length }
    checks.push(toCheck(context, 'ok', 'restore.file', counts))
    if (readBack) checks.push(toCheck(context, 'ok', 'restore.rows', counts))
    const { applied } = await migrate(database.unhurried, { folder: MIGRATIONS, apply: true })
    await analyzeTables(sql, manifest)
    checks.push(await checkSchema(context, database), await checkRights(context, database))
    checks.push(checkDataKeys(context, manifest.dataKeys))
    const { description } = database
    return { ...toResult(backup, manifest), restored: true, database: description, migrations: applied }
  }
  return withCopy(context, run, { creates: true })
}

async function restoreDatabase(context: Context, input: Input) {
  const file = getText(input, 'erasures')
  // First, because a wrong file is found out before anything is changed.
  const list = file === undefined ? undefined : await readErasures(context, file)
  const checks: Check[] = []
  const loaded = await load(context, input, checks)
  checks.push(
    list === undefined
      ? toCheck(context, 'warn', 'restore.erasures.none', { takenAt: loaded.takenAt })
      : await replayErasures(context, list, loaded.takenAt),
  )
  await withCopy(context, async ({ database, secrets }) => {
    checks.push(await checkTrail(context, database, secrets))
    if (list !== undefined) checks.push(await checkReceipts(context, database, list.accounts))
  })
  return { ...loaded, checks }
}

/** Restores a backup into an empty database, erases again who was erased since, and verifies the result. */
export const restore = defineCommand({
  name: 'restore',
  text: 'restore',
  arguments: [{ name: 'file', text: 'argument.backup' }],
  options: [
    KEY_FILE,
    { flags: '--erasures <file>', text: 'option.erasures' },
    { flags: '--verify', text: 'option.verify' },
    { flags: '--check', text: 'option.check' },
  ],
  examples: [
    'restore maeum.backup --verify --erasures maeum.log',
    'restore maeum.backup --check',
    'restore maeum.backup --key-file /run/secrets/backup-key --json',
  ],
  finding: 'restore.finding',
  result: Result,
  run: (context, input) =>
    withReasons(context, async () => {
      const result = await (hasFlag(input, 'check') ? check : restoreDatabase)(context, input)
      const isFound = result.checks.some(({ status }) => status === 'fail')
      return { result, exit: isFound ? EXIT.found : EXIT.done }
    }),
  print: ({ checks, migrations, restored, ...made }, texts) => [
    texts(restored ? 'restore.done' : 'restore.checked', made),
    ...migrations.map((name) => texts('migrate.applied', { name })),
    ...checks.map(({ status, text }) => `${texts(`status.${status}`).padEnd(4)}  ${text}`),
  ],
})
