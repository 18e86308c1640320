import type { Sql } from 'postgres'
import { MissingGrantError } from './journal.ts'
import { migrate } from './migrate.ts'
import { MIGRATIONS } from './migration-files.ts'
import { describeFindings, verifySchema } from './verify.ts'

export const WITHOUT_JOURNAL =
  'the journal of the migrations (schema drizzle) is missing, as after a restore of the schema public alone; all tables ' +
  'are as expected: start once with MIGRATE_ON_BOOT=true, or run `npm run db:migrate`, to write it'

/** Faults of the schema, one line each. Rejects when the database is unavailable. */
export async function schemaFaults(sql: Sql): Promise<string[]> {
  try {
    const { pending, withoutJournal } = await migrate({ sql }, { folder: MIGRATIONS, apply: false })
    const findings = await verifySchema(sql, MIGRATIONS)
    if (withoutJournal === true) return [WITHOUT_JOURNAL]
    return [
      ...pending.map((name) => `migration ${name} has not been applied`),
      ...(await describeFindings(sql, findings)),
    ]
  } catch (error) {
    if (error instanceof MissingGrantError) return [error.message]
    throw error
  }
}
