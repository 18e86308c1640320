import type { Sql, TransactionSql } from 'postgres'
import { createdTables, type Migration } from '../db/migration-files.ts'
import { listWrappingKeys } from '../db/wrapping-keys.ts'
import type { Description, Sequence } from './format.ts'

type Client = Sql | TransactionSql

/** The tables of all migrations; some may not exist, in the schema of an older version. */
export const tablesOf = (migrations: readonly Migration[]): string[] => [
  ...new Set(migrations.flatMap(({ statements }) => statements.flatMap(createdTables))),
]

/** Tables, views and sequences of the schema public that are not of an extension, by name. */
export async function listRelations(sql: Client): Promise<{ name: string; kind: string }[]> {
  return sql<{ name: string; kind: string }[]>`
    select relname as name, relkind as kind from pg_class c
    where relnamespace = to_regnamespace('public') and relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      and not exists (
        select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
    order by relname`
}

type Table = Description['tables'][number]

/** The stored columns of tables. */
async function readColumns(tx: TransactionSql, names: readonly string[]): Promise<Table[]> {
  return tx<Table[]>`
    select relname as name, (
        select json_agg(attname order by attnum) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
      ) as columns
    from pg_class c
    where relnamespace = to_regnamespace('public') and relname in ${tx(names)}
    order by relname`
}

/** For each table the tables that its foreign keys refer to. */
async function readReferences(tx: TransactionSql): Promise<Map<string, string[]>> {
  const rows = await tx<{ name: string; target: string }[]>`
    select distinct c.relname as name, t.relname as target
    from pg_constraint f join pg_class c on c.oid = f.conrelid join pg_class t on t.oid = f.confrelid
    where f.contype = 'f' and c.relnamespace = to_regnamespace('public') and f.conrelid <> f.confrelid`
  const references = new Map<string, string[]>()
  for (const { name, target } of rows) references.set(name, [...(references.get(name) ?? []), target])
  return references
}

/** Referenced tables first. */
function sortTables(tables: readonly Table[], references: ReadonlyMap<string, readonly string[]>): Table[] {
  const sorted = new Map<string, Table>()
  const visit = (table: Table, path: readonly string[]): void => {
    if (sorted.has(table.name) || path.includes(table.name)) return
    for (const target of references.get(table.name) ?? []) {
      const found = tables.find(({ name }) => name === target)
      if (found !== undefined) visit(found, [...path, table.name])
    }
    sorted.set(table.name, table)
  }
  for (const table of tables) visit(table, [])
  return [...sorted.values()]
}

export async function readTables(tx: TransactionSql, names: readonly string[]): Promise<Table[]> {
  return sortTables(await readColumns(tx, names), await readReferences(tx))
}

/** The state of the sequences that belong to columns of tables. Sequences have no snapshot. */
export async function readSequences(tx: TransactionSql, tables: readonly string[]): Promise<Sequence[]> {
  const names = await tx<{ name: string }[]>`
    select s.relname as name from pg_class s
    join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
    join pg_class c on c.oid = d.refobjid
    where s.relkind = 'S' and c.relnamespace = to_regnamespace('public') and c.relname in ${tx(tables)}
    order by s.relname`
  const sequences: Sequence[] = []
  for (const { name } of names) {
    const [row] = await tx<{ value: string; isCalled: boolean }[]>`
      select last_value::text as value, is_called as "isCalled" from ${tx(`public.${name}`)}`
    if (row !== undefined) sequences.push({ name, value: row.value, isCalled: row.isCalled })
  }
  return sequences
}

/** The applied migrations in order. Throws nothing if there is no journal: the list is empty. */
export async function readJournalRows(
  tx: TransactionSql,
): Promise<{ hash: string; createdAt: number | null }[]> {
  const [found] = await tx`select to_regclass('drizzle.__drizzle_migrations') is not null as found`
  if (found?.['found'] !== true) return []
  const rows = await tx<{ hash: string; createdAt: string | null }[]>`
    select hash, created_at::text as "createdAt" from drizzle.__drizzle_migrations order by id`
  return rows.map(({ hash, createdAt }) => ({
    hash,
    createdAt: createdAt === null ? null : Number(createdAt),
  }))
}

/** The time of the snapshot and the version of the server. */
export async function readServer(tx: TransactionSql): Promise<{ takenAt: string; postgres: string }> {
  const [row] = await tx<{ takenAt: string; postgres: string }[]>`
    select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "takenAt",
      current_setting('server_version') as postgres`
  if (row === undefined) throw new Error('the database has not returned its version')
  return { takenAt: row.takenAt, postgres: row.postgres }
}

/** Ids of the keys that wrap data keys of users, without the server's own secret. */
export async function readKeyIds(tx: TransactionSql): Promise<string[]> {
  const keys = await listWrappingKeys(tx)
  return keys.flatMap(({ id }) => (id === null || id === '' ? [] : [id]))
}
