import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { startEmbedded } from '../../src/db/embedded/server.ts'
import { migrate } from '../../src/db/migrate.ts'

const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

export type BenchDatabase = {
  /** Value of `DATABASE_URL`. */
  readonly url: string
  readonly sql: postgres.Sql
}

/** A Postgres for one run, with production durability, because an answer waits for its commit. */
export async function startDatabases(folder: string) {
  const server = await startEmbedded({ dataDir: join(folder, 'pg'), durable: true })
  const pools: postgres.Sql[] = []

  const connect = (database: string) => {
    const path = `${server.socketDir}/.s.PGSQL.${server.port}`
    const sql = postgres({ path, user: server.user, database, max: 2, onnotice: () => undefined })
    pools.push(sql)
    return sql
  }

  return {
    /** A new, migrated database. */
    async create(): Promise<BenchDatabase> {
      const name = `bench_${randomBytes(4).toString('hex')}`
      await connect(server.database).unsafe(`create database ${name}`)
      const sql = connect(name)
      await migrate({ sql }, { folder: MIGRATIONS, apply: true })
      return { url: `postgres://${server.user}@/${name}?host=${encodeURIComponent(server.socketDir)}`, sql }
    },
    async stop(): Promise<void> {
      await Promise.all(pools.map((sql) => sql.end({ timeout: 5 })))
      await server.stop()
    },
  }
}
