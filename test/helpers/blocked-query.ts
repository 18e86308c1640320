import type { TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'

/** Resolves once a query with `part` in its text waits in this database for a lock that a test holds. */
export async function blockedQuery({ sql }: TestDatabase, part = ''): Promise<void> {
  const waiting = () => sql`
    select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
      and strpos(query, ${part}) > 0`
  await eventually(waiting, ({ length }) => length > 0)
}
