import type { Sql, TransactionSql } from 'postgres'

/** How many users' data keys are wrapped with a key; the id is null for users without a data key. */
type WrappedUsers = { readonly id: string | null; readonly users: number }

/** The key ids that wrap data keys. Reads ids only: their length is the first byte of a wrapped key. */
export async function listWrappingKeys(sql: Sql | TransactionSql): Promise<WrappedUsers[]> {
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
