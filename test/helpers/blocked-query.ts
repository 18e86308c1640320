import type { TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'

/** Resolves once a query in this database waits for a lock that a test holds. */
export async function blockedQuery({ sql }: TestDatabase): Promise<void> {
  const waiting = () => sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
  await eventually(waiting, ({ length }) => length > 0)
}
