import type { TestApp } from './app.ts'

/** Locks a table, so that every write to it waits; resolves with the function that lets go. */
export function holdTable({ database }: TestApp, table: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    database.sql
      .begin(async (sql) => {
        await sql`lock table ${sql(table)} in exclusive mode`
        await new Promise<void>((release) => resolve(release))
      })
      .catch(reject)
  })
}
