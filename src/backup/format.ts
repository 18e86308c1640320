import { type Static, type TSchema, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { BackupError } from './faults.ts'

/**
 * A backup is a tar archive: `backup.json`, then the rows of each table in parts, then `manifest.json`. A part is a
 * gzip file with whole rows in the text format of COPY. `manifest.json` is the last entry: an archive without it is not
 * complete.
 */
export const FORMAT = 'maeum-backup'
export const FORMAT_VERSION = 1
export const DESCRIPTION_ENTRY = 'backup.json'
export const MANIFEST_ENTRY = 'manifest.json'

const PART = /^tables\/([a-z][a-z0-9_]*)\/(\d{6,})\.copy\.gz$/

export const partName = (table: string, place: number): string =>
  `tables/${table}/${String(place).padStart(6, '0')}.copy.gz`

export function parsePartName(name: string): { table: string; place: number } | undefined {
  const [, table, place] = PART.exec(name) ?? []
  return table === undefined ? undefined : { table, place: Number(place) }
}

/** Names are quoted into statements. */
const Name = Type.String({ pattern: '^[a-z][a-z0-9_]{0,62}$' })

const described = {
  format: Type.Literal(FORMAT),
  formatVersion: Type.Integer({ minimum: 1 }),
  /** Version of maeum that made it. */
  program: Type.String(),
  postgres: Type.String(),
  /** When the snapshot was taken, by the clock of the database. */
  takenAt: Type.String(),
  /** Applied migrations, in order; `tag` is null if this version does not know the migration. */
  journal: Type.Array(
    Type.Object({
      tag: Type.Union([Type.String(), Type.Null()]),
      hash: Type.String(),
      createdAt: Type.Union([Type.Integer(), Type.Null()]),
    }),
  ),
  /** Ids of the operator keys that wrap data keys of users; never the keys. */
  dataKeys: Type.Array(Type.String()),
  /** Other tables of the schema public, which are not in the backup. */
  otherTables: Type.Array(Type.String()),
}

const Columns = Type.Array(Name, { minItems: 1 })

/** The first entry. Tables are in the order in which they can be loaded. */
export const DescriptionSchema = Type.Object({
  ...described,
  tables: Type.Array(Type.Object({ name: Name, columns: Columns })),
})
export type Description = Static<typeof DescriptionSchema>

const Count = Type.Integer({ minimum: 0 })

/** Of the rows in the text format of COPY, before compression. */
export const TableManifestSchema = Type.Object({
  name: Name,
  columns: Columns,
  rows: Count,
  bytes: Count,
  parts: Count,
  sha256: Type.String(),
})
export type TableManifest = Static<typeof TableManifestSchema>

export const SequenceSchema = Type.Object({
  name: Name,
  value: Type.String({ pattern: '^\\d{1,19}$' }),
  isCalled: Type.Boolean(),
})
export type Sequence = Static<typeof SequenceSchema>

/** The last entry: the description, and what the archive contains. */
export const ManifestSchema = Type.Object({
  ...described,
  tables: Type.Array(TableManifestSchema),
  sequences: Type.Array(SequenceSchema),
})
export type Manifest = Static<typeof ManifestSchema>

const description = Compile(DescriptionSchema)
const manifest = Compile(ManifestSchema)

function parse<Schema extends TSchema>(
  checker: { Check(value: unknown): value is Static<Schema> },
  content: Buffer,
): Static<Schema> {
  let value: unknown
  try {
    value = JSON.parse(content.toString('utf8'))
  } catch {
    throw new BackupError('not_a_backup')
  }
  if (isNewer(value)) throw new BackupError('newer_format')
  if (!checker.Check(value)) throw new BackupError('not_a_backup')
  return value
}

const isNewer = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'formatVersion' in value &&
  Number(value.formatVersion) > FORMAT_VERSION

/** @throws BackupError */
export const parseDescription = (content: Buffer): Description =>
  parse<typeof DescriptionSchema>(description, content)
/** @throws BackupError */
export const parseManifest = (content: Buffer): Manifest => parse<typeof ManifestSchema>(manifest, content)
