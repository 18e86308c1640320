import type { Sql } from 'postgres'
import { MissingGrantError, requireGrants } from '../db/journal.ts'
import { migrate } from '../db/migrate.ts'
import { MIGRATIONS } from '../db/migration-files.ts'
import { WITHOUT_JOURNAL } from '../db/schema-faults.ts'
import { describeFinding, describeFindings, verifySchema } from '../db/verify.ts'
import { listWrappingKeys } from '../db/wrapping-keys.ts'
import { auditRepository } from '../features/audit/repository.ts'
import { SERVER_KEY_ID } from '../lib/wrapping.ts'
import type { Check, Result } from './checks.ts'
import { fromLine, named } from './report.ts'
import type { Session, Subject } from './session.ts'

type Dependencies = Subject & { readonly session: Session }

/** Migrations, tables, the rights of the role, and the data that depends on settings. */
export const schemaChecks = (deps: Dependencies): Check[] => [
  { name: 'database.schema', needs: ['database.connection'], run: () => checkSchema(deps) },
  {
    name: 'audit.triggers',
    needs: ['database.schema'],
    run: async () => {
      const { report, session } = deps
      const isGuarded = await auditRepository.isGuarded(session.main.orm)
      return isGuarded ? report.ok('audit.ok') : report.fail('audit.unguarded')
    },
  },
  { name: 'data-keys', needs: ['database.schema'], run: () => checkDataKeys(deps) },
]

type MigrationState = Awaited<ReturnType<typeof migrate>>

async function checkSchema(deps: Dependencies): Promise<Result[]> {
  const { sql } = deps.session.main
  const migrations = await readMigrationState(sql)
  const findings = (await verifySchema(sql, MIGRATIONS)).filter(({ problem }) => problem !== 'no_writes')
  const isRight = ({ problem }: { problem: string }) =>
    problem === 'no_privilege' || problem === 'rows_hidden'
  const rights = await describeFindings(sql, findings.filter(isRight))
  const drift = findings.filter((finding) => !isRight(finding))
  const role = [
    ...(migrations instanceof MissingGrantError ? [migrations.message] : []),
    ...rights,
    ...(await findMissingMigrationRights(deps, migrations)),
  ]
  return [
    ...reportMigrations(deps, migrations).map((result) => named('database.migrations', result)),
    ...reportDrift(deps, migrations, drift),
    ...(await reportRole(deps, role)).map((result) => named('database.role', result)),
  ]
}

/** The error if the role may not read the journal. */
const readMigrationState = (sql: Sql): Promise<MigrationState | MissingGrantError> =>
  migrate({ sql }, { folder: MIGRATIONS, apply: false }).catch((error: unknown) => {
    if (error instanceof MissingGrantError) return error
    throw error
  })

/** The rights that the next start needs to apply the pending migrations. */
async function findMissingMigrationRights(
  { session, config }: Dependencies,
  migrations: MigrationState | MissingGrantError,
): Promise<string[]> {
  if (migrations instanceof MissingGrantError || migrations.pending.length === 0) return []
  if (!config.database.migrateOnBoot || config.database.directUrl !== config.database.url) return []
  try {
    await session.main.sql.begin('read only', (tx) => requireGrants(tx))
    return []
  } catch (error) {
    if (error instanceof Error && !('code' in error)) return [error.message]
    throw error
  }
}

function reportMigrations(
  { report, config }: Dependencies,
  migrations: MigrationState | MissingGrantError,
): Result[] {
  if (migrations instanceof MissingGrantError)
    return [report.skipped('skipped.needs', { need: 'database.role' })]
  const { pending, unknown, withoutJournal } = migrations
  if (withoutJournal === true) return [fromLine('fail', WITHOUT_JOURNAL)]
  const results: Result[] = []
  const [first] = pending
  if (first !== undefined) {
    const values = { count: pending.length, first }
    results.push(
      config.database.migrateOnBoot
        ? report.warn('migrations.atBoot', values)
        : report.fail('migrations.pending', values),
    )
  }
  if (unknown > 0) results.push(report.warn('migrations.unknown', { count: unknown }))
  return results.length === 0 ? [report.ok('migrations.ok')] : results
}

/** Differences that pending migrations do not explain. */
function reportDrift(
  { report }: Dependencies,
  migrations: MigrationState | MissingGrantError,
  drift: Awaited<ReturnType<typeof verifySchema>>,
): Result[] {
  const isJournalKnown = !(migrations instanceof MissingGrantError) && migrations.withoutJournal !== true
  const pending = isJournalKnown ? migrations.pending : []
  const unexplained = drift.filter(({ migration }) => migration === null || !pending.includes(migration))
  if (unexplained.length > 0)
    return unexplained.map((finding) => report.fail('schema.drift', { line: describeFinding(finding) }))
  return [pending.length > 0 ? report.skipped('schema.pending') : report.ok('schema.ok')]
}

async function reportRole({ report, session }: Dependencies, faults: readonly string[]): Promise<Result[]> {
  if (faults.length > 0) return faults.map((line) => fromLine('fail', line))
  const [row] = await session.main.sql<{ role: string }[]>`select current_user as role`
  return [report.ok('role.ok', { role: row?.role ?? '' })]
}

/** The key ids that wrap data keys of users must be in DATA_KEYS. */
async function checkDataKeys({ session, config, invalid, report }: Dependencies): Promise<Result | Result[]> {
  if (invalid.has('DATA_KEYS')) return report.skipped('skipped.setting', { name: 'DATA_KEYS' })
  const known = new Set([SERVER_KEY_ID, ...config.privacy.dataKeys.map(({ id }) => id)])
  const missing = (await listWrappingKeys(session.main.sql)).filter(({ id }) => id !== null && !known.has(id))
  return missing.length === 0
    ? report.ok('keys.ok')
    : missing.map(({ id, users }) => report.fail('keys.missing', { id: id ?? '', users }))
}
