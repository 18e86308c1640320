import type postgres from 'postgres'

/**
 * What runs a batch: the pool or a transaction of the driver. A prepared statement takes the whole batch as one JSON
 * parameter, in one round trip; through the query layer each row costs a dozen parameters.
 */
export type Client = Pick<postgres.ISql, 'unsafe'>

type Column = { readonly name: string; getSQLType(): string }

/** Rows as one JSON parameter that a statement reads as a table; `more` are columns that the table does not have. */
export function createJsonBatch<Key extends string>(
  table: Readonly<Record<Key, Column>>,
  keys: readonly Key[],
  more: Readonly<Record<string, string>> = {},
) {
  const columns = keys.map((key) => table[key])
  const fields = [
    ...keys.map((key) => [key, table[key].name] as const),
    ...Object.keys(more).map((name) => [name, name] as const),
  ]
  const types = [
    ...columns.map((column) => `"${column.name}" ${column.getSQLType()}`),
    ...Object.entries(more).map(([name, type]) => `"${name}" ${type}`),
  ]
  return {
    names: columns.map(({ name }) => `"${name}"`),
    sql: `select * from json_to_recordset($1::json) as batch (${types.join(', ')})`,
    /** A column that a row lacks is null in the table; so are those that are null. */
    toJson: (rows: readonly Readonly<Partial<Record<Key, unknown>> & Record<string, unknown>>[]) =>
      JSON.stringify(
        rows.map((row) => {
          const record: Record<string, unknown> = {}
          for (const [key, name] of fields) {
            const value = row[key]
            if (value !== null && value !== undefined) record[name] = toJsonValue(value)
          }
          return record
        }),
      ),
  }
}

/** Bytes in the notation of Postgres; times become ISO 8601 by themselves. */
const toJsonValue = (value: unknown) =>
  value instanceof Uint8Array
    ? `\\x${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}`
    : value

/** One prepared statement with one JSON parameter; nothing for an empty batch. */
export const runBatch = async (client: Client, statement: string, rows: readonly unknown[], json: string) =>
  rows.length === 0 ? [] : client.unsafe(statement, [json], { prepare: true })
