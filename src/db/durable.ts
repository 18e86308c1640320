import { sql } from 'drizzle-orm'
import { within } from '../lib/deadline.ts'
import type { Orm } from './orm.ts'

/** Well within the deadline of a request. */
const COMMIT_MS = 10_000

/** The commit waits for a standby that does not answer: it may be there when the standby is back, and not before. */
export class LateCommitError extends Error {
  readonly code = 'LATE_COMMIT'

  constructor() {
    super('the synchronous standby does not confirm the commit')
    this.name = 'LateCommitError'
  }
}

/**
 * Runs `work` in a transaction that is not to be lost in a failover: its commit waits until the synchronous standbys have
 * applied it, whatever the database does for others. Without `synchronous_standby_names` it is a commit like any other.
 * The server bounds that wait by nothing, so it is bounded here.
 *
 * @throws LateCommitError, which is answered 503
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
