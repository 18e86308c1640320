import { sql } from 'drizzle-orm'
import type { Orm } from './orm.ts'

/**
 * The key of every advisory lock. All versions of this program on one database must use the same keys, so a key is
 * never changed and never reused.
 */
export const ADVISORY_LOCKS = {
  migration: 7_341_902_185,
  sessionSweep: 0x6d61_6575,
  retention: 0x6d61_6572,
  auditRetention: 0x6d61_6175,
} as const

/** Takes the lock until the transaction ends; false when another transaction, on any instance, holds it. */
export async function tryAdvisoryLock(tx: Orm, lock: keyof typeof ADVISORY_LOCKS): Promise<boolean> {
  const rows = await tx.execute<{ isOurs: boolean }>(
    sql`select pg_try_advisory_xact_lock(${ADVISORY_LOCKS[lock]}) as "isOurs"`,
  )
  return rows[0]?.isOurs === true
}
