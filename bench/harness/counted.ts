import { performance } from 'node:perf_hooks'
import { drizzle } from 'drizzle-orm/postgres-js'
import { openDatabase } from '../../src/db/client.ts'
import * as schema from '../../src/db/schema/index.ts'
import type { Client } from '../../src/live/windows/repository.ts'
import type { BenchDatabase } from './database.ts'

/** Database statistics per repetition of a piece of work. */
export type Cost = {
  readonly statements: number
  readonly transactions: number
  readonly walBytes: number
  readonly ms: number
}

/** A pool of one connection whose statements are counted, so that it can flush its statistics. */
export async function openCounted(database: BenchDatabase, dataDir: string) {
  const pool = await openDatabase({ url: database.url, dataDir, poolMax: 1 })
  const { sql } = pool
  let statements = 0
  const logQuery = () => {
    statements++
  }
  const orm = drizzle(sql, { schema, logger: { logQuery } })

  const look = async () => {
    await sql`select pg_stat_force_next_flush()`
    const [row] = await sql`
      select xact_commit::float8 as transactions, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 as wal
      from pg_stat_database where datname = current_database()`
    return { transactions: Number(row?.['transactions']), wal: Number(row?.['wal']), statements }
  }
  return {
    orm,
    sql,
    close: () => pool.close(),

    /** Like the outbox: a single statement runs alone, several run in one transaction. */
    transaction: async <T>(count: number, work: (client: Client) => Promise<T>): Promise<T> => {
      statements += count === 1 ? 1 : count + 2
      return count === 1 ? work(sql) : ((await sql.begin((client) => work(client))) as T) // what `work` gave
    },

    /** The cost of one of `times` repetitions, without the two transactions of the measurement itself. */
    async cost(times: number, work: () => Promise<void>): Promise<Cost> {
      const before = await look()
      const begun = performance.now()
      await work()
      const ms = performance.now() - begun
      const after = await look()
      return {
        statements: (after.statements - before.statements) / times,
        transactions: Math.max(0, after.transactions - before.transactions - 2) / times,
        walBytes: (after.wal - before.wal) / times,
        ms: ms / times,
      }
    },
  }
}

export type Counted = Awaited<ReturnType<typeof openCounted>>
