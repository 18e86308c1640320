import type postgres from 'postgres'
import type { SealedColumn } from '../../db/sealed-columns.ts'
import { SEALED_MAGIC, SEALED_TEXT } from '../../lib/sealing.ts'

/** How many users' data keys are wrapped with a key; the id is null for users without a data key. */
type WrappedUsers = { readonly id: string | null; readonly users: number }

/** The key ids that wrap data keys. Reads ids only: their length is the first byte of a wrapped key. */
export async function listWrappingKeys(sql: postgres.Sql): Promise<WrappedUsers[]> {
  const rows = await sql`
    select case when length(data_key) > 0
        then encode(substring(data_key from 2 for get_byte(data_key, 0)), 'hex') end as id,
      count(*)::int as users
    from users group by 1 order by 1`
  return rows.map((row) => ({
    id: row['id'] === null ? null : Buffer.from(String(row['id']), 'hex').toString(),
    users: Number(row['users']),
  }))
}

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
