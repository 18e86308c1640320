import type postgres from 'postgres'
import { asStatement, type Statement } from './connection.ts'
import type { Pool } from './pool.ts'

type Begin = postgres.Sql['begin']

/**
 * The driver as everyone knows it, but statements and transactions are carried out by `pool`, with this deadline.
 * Cursors, `reserve` and `listen` do not pass.
 */
export function createSql(base: postgres.Sql, pool: Pool, deadlineMs: number): postgres.Sql {
  const handler = (statement: Statement) => pool.run(statement, deadlineMs)
  /** The driver makes queries, and parts of queries that have no handler. */
  const routed = <Made>(made: Made): Made => {
    if (typeof made === 'object' && made !== null && 'handler' in made) asStatement(made).handler = handler
    return made
  }
  const tag = (...args: Parameters<typeof base>) => routed(base(...args))
  const own = {
    unsafe: (...args: Parameters<typeof base.unsafe>) => routed(base.unsafe(...args)),
    begin: (...args: Parameters<Begin>) =>
      pool.transact((sql) => (sql.begin as (...args: unknown[]) => Promise<unknown>)(...args), deadlineMs),
  }
  return Object.assign(tag, base, own)
}
