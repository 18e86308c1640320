import type { Sql } from 'postgres'

/** Two addresses of one database return the same values, also through a pooler. */
export async function requireSameDatabase(main: Sql, direct: Sql): Promise<void> {
  const identify = async (sql: Sql) => {
    const [row] = await sql<{ name: string; id: string }[]>`
      select current_database() as name, concat(oid, ' ', extract(epoch from pg_postmaster_start_time())) as id
      from pg_database where datname = current_database()`
    return row
  }
  const [one, other] = await Promise.all([identify(main), identify(direct)])
  if (one?.id === other?.id) return
  throw new Error(
    `DATABASE_DIRECT_URL leads to another database (${other?.name}) than DATABASE_URL (${one?.name}): both have to name ` +
      'the same database of the same server',
  )
}
