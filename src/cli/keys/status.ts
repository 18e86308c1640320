import type postgres from 'postgres'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import { SEALED_MAGIC, SEALED_TEXT } from '../../lib/sealing.ts'

/** The condition of a value that is not encrypted. `$1` is the prefix of encrypted text. */
const UNSEALED: Readonly<Record<SealedColumn['type'], (column: string) => string>> = {
  text: (column) => `left(${column}, ${SEALED_TEXT.length}) <> $1::text`,
  jsonb: (column) => `left(coalesce(${column} ->> 'sealed', ''), ${SEALED_TEXT.length}) <> $1::text`,
  bytea: (column) =>
    `substring(${column} from 1 for ${SEALED_MAGIC.length}) <> '\\x${SEALED_MAGIC.toString('hex')}'::bytea
     and $1::text <> ''`,
}

/** The number of values of a column that are stored unencrypted. Reads the whole table. */
export async function countUnsealed(
  sql: postgres.Sql,
  { table, column, type }: Pick<SealedColumn, 'table' | 'column' | 'type'>,
): Promise<number> {
  const name = `"${column}"`
  const [row] = await sql.unsafe(
    `select count(*)::int as values from "${table}" where ${name} is not null and ${UNSEALED[type](name)}`,
    [SEALED_TEXT],
  )
  return Number(row?.['values'])
}
