import { sql } from 'drizzle-orm'
import { within } from '../lib/deadline.ts'
import type { Orm } from './orm.ts'

/** Well within the deadline of a request. */
const COMMIT_MS = 10_000

/** The commit waits for a standby that does not answer. It may take effect when the standby is available again. */
export class LateCommitError extends Error {
  readonly code = 'LATE_COMMIT'

  constructor() {
    super('the synchronous standby does not confirm the commit')
    this.name = 'LateCommitError'
  }
}

/**
 * Runs `work` in a transaction that a failover must not lose: its commit waits until the synchronous standbys have
 * applied it, whatever the default of the database. Without `synchronous_standby_names` it is a normal commit. The
 * server has no timeout for that wait, so `ms` bounds it.
 *
 * @throws LateCommitError; the response is 503
 */
export async function commitDurably<T extends object | boolean | number>(
  orm: Orm,
  work: (tx: Orm) => Promise<T>,
  ms = COMMIT_MS,
): Promise<T> {
  const committed = orm.transaction(async (tx) => {
    await tx.execute(sql`set local synchronous_commit = remote_apply`)
    return work(tx)
  })
  const result = await within(committed, ms)
  if (result === 'late') throw new LateCommitError()
  return result
}
