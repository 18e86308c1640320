import type { PgDatabase } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import type * as schema from './schema/index.ts'

/** The connection of a repository: the pool, or the transaction that a service has opened. */
export type Orm = PgDatabase<PostgresJsQueryResultHKT, typeof schema>
