import type { Sql, TransactionSql } from 'postgres'

/**
 * Settings of the transaction, so that values have one form whatever the role or the database sets. They take no
 * snapshot. Without `row_security = off` a role that does not see all rows would silently copy a part of them.
 */
const SETTINGS = `
  set local statement_timeout = 0;
  set local lock_timeout = 0;
  set local idle_in_transaction_session_timeout = 0;
  set local search_path = public;
  set local datestyle = 'ISO, MDY';
  set local intervalstyle = 'postgres';
  set local timezone = 'UTC';
  set local bytea_output = 'hex';
  set local extra_float_digits = 3;
  set local standard_conforming_strings = on;
  set local row_security = off`

/**
 * Runs `work` in a transaction. Rejects as soon as `work` fails, without waiting for the end of the transaction: the
 * connection may have unread rows, and is then only ended when the database is closed.
 */
export function inTransaction<T>(
  sql: Sql,
  mode: 'isolation level repeatable read read only' | 'read write',
  work: (tx: TransactionSql) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const begun = sql.begin(mode, async (tx) => {
      try {
        await tx.unsafe(SETTINGS)
        return await work(tx)
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
        throw error
      }
    })
    begun.then((result) => resolve(result as T), reject) // the driver unwraps arrays of promises, which T is not
  })
}
