import { is, SQL } from 'drizzle-orm'
import { getTableConfig, PgDialect, PgTable } from 'drizzle-orm/pg-core'
import * as schema from './schema/index.ts'

export type ExpectedTable = {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[]
  /** Column lists that must be unique, because ON CONFLICT depends on them. Order does not matter. */
  readonly keys: readonly (readonly string[])[]
}

let compiledAgainst: readonly ExpectedTable[] | undefined

/** The tables that the code was compiled against, or these. */
export function expectedSchema(tables?: readonly unknown[]): readonly ExpectedTable[] {
  if (tables !== undefined) return describeTables(tables)
  compiledAgainst ??= describeTables(Object.values(schema))
  return compiledAgainst
}

const describeTables = (tables: readonly unknown[]): ExpectedTable[] =>
  tables.filter((table) => is(table, PgTable)).map(expectedTable)

function expectedTable(table: PgTable): ExpectedTable {
  const { name, columns, primaryKeys, uniqueConstraints, indexes } = getTableConfig(table)
  const named = (key: { columns: { name: string }[] }) => key.columns.map((column) => column.name)
  return {
    name,
    columns: columns.map((column) => ({
      name: column.name,
      type: normalType(column.getSQLType()),
      notNull: column.notNull,
    })),
    keys: [
      ...columns.filter((column) => column.primary || column.isUnique).map((column) => [column.name]),
      ...primaryKeys.map(named),
      ...uniqueConstraints.map(named),
      ...indexes
        .filter(({ config }) => config.unique && config.where === undefined)
        .map(({ config }) => config.columns.map((part) => partName(part, name))),
    ],
  }
}

/** A column's name, or an expression as the system catalog prints it: `lower(username)`. */
function partName(part: object, table: string): string {
  if (is(part, SQL)) return normalPart(new PgDialect().sqlToQuery(part).sql.replaceAll(`"${table}".`, ''))
  return 'name' in part ? String(part.name) : ''
}

/** One part of a key without quotes. */
export function normalPart(part: string): string {
  return part.replaceAll('"', '')
}

/** A type of Drizzle as the system catalog prints it. */
function normalType(type: string): string {
  return type
    .replace(/ \(/, '(')
    .replace(/, /, ',')
    .replace(/^varchar/, 'character varying')
    .replace(/^char\b/, 'character')
    .replace(/^(big|small)serial$/, '$1int')
    .replace(/^serial$/, 'integer')
}
