import type { Sql, TransactionSql } from 'postgres'
import { type ExpectedTable, expectedSchema, normalPart } from './expected.ts'
import { createdTables, readMigrations } from './migration-files.ts'

export { expectedSchema }

/** One way in which the database is not what the code expects. */
type SchemaFinding = {
  readonly table: string
  readonly column: string | null
  readonly problem:
    | 'missing_table'
    | 'missing_column'
    | 'wrong_type'
    | 'wrong_nullability'
    | 'missing_key'
    | 'rows_hidden'
    | 'no_privilege'
    | 'no_writes'
  readonly expected: string
  readonly found: string
  /** The migration that creates the table or column; null when unknown. */
  readonly migration: string | null
}

type FoundTable = {
  readonly name: string
  /** State of the whole server, the same in each row. */
  readonly writes: 'taken' | 'standby' | 'read only'
  readonly rowsHidden: boolean
  readonly missingPrivileges: readonly string[]
  readonly columns: readonly { readonly name: string; readonly type: string; readonly notNull: boolean }[]
  readonly keys: readonly (readonly string[])[]
}
type Fault = Omit<SchemaFinding, 'table' | 'migration'>

/**
 * Compares the tables in the schema `public` with those the code expects: one query of a few milliseconds. Other
 * columns and tables in the database are ignored.
 *
 * With the `folder` of the migrations, findings name the missing migration. Rejects when the database is unavailable.
 */
export async function verifySchema(sql: Sql | TransactionSql, folder?: string): Promise<SchemaFinding[]> {
  const expected = expectedSchema()
  const found = new Map((await readTables(sql, expected)).map((table) => [table.name, table]))
  const findings = expected.flatMap((table) =>
    compare(table, found.get(table.name)).map((fault) => ({ table: table.name, migration: null, ...fault })),
  )
  for (const { name: table, writes } of [...found.values()].slice(0, 1)) {
    if (writes === 'taken') continue
    const expected = 'a primary that may be written to'
    findings.push({ table, column: null, problem: 'no_writes', expected, found: writes, migration: null })
  }
  return folder === undefined || findings.length === 0 ? findings : nameMigrations(findings, folder)
}

/** Start of the line about a read-only server. */
export const NO_WRITES = 'the database takes no writes'

/** One line for the log and the operator. */
export function describeFinding({
  table,
  column,
  problem,
  expected,
  found,
  migration,
}: SchemaFinding): string {
  if (problem === 'no_writes') return `${NO_WRITES}: expected ${expected}, found ${found}`
  const place = column === null ? `table ${table}` : `column ${table}.${column}`
  const origin = migration === null ? '' : ` (migration ${migration})`
  return `${place}: ${problem.replaceAll('_', ' ')}, expected ${expected}, found ${found}${origin}`
}

/** Like `describeFinding`, but missing privileges of the role are one line with the statement that grants them. */
export async function describeFindings(sql: Sql, findings: readonly SchemaFinding[]): Promise<string[]> {
  const isRight = ({ problem }: SchemaFinding) => problem === 'no_privilege' || problem === 'rows_hidden'
  const lines = findings.filter((finding) => !isRight(finding)).map(describeFinding)
  if (!findings.some(isRight)) return lines
  const [row] = await sql<{ role: string }[]>`select quote_ident(current_user) as role`
  const role = row?.role ?? 'current_user'
  const tablesWith = (problem: SchemaFinding['problem']) =>
    findings.filter((finding) => finding.problem === problem).map(({ table }) => table)
  const noPrivilege = tablesWith('no_privilege')
  const hidden = tablesWith('rows_hidden')
  if (noPrivilege.length > 0) {
    lines.push(
      `the role ${role} may not use ${noPrivilege.join(', ')}: GRANT USAGE ON SCHEMA public TO ${role}; ` +
        `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`,
    )
  }
  if (hidden.length > 0) {
    lines.push(
      `row level security hides the rows of ${hidden.join(', ')} from the role ${role}: ALTER ROLE ${role} BYPASSRLS, ` +
        'or let it own the tables',
    )
  }
  return lines
}

function compare(expected: ExpectedTable, found: FoundTable | undefined): Fault[] {
  if (found === undefined) {
    return [{ column: null, problem: 'missing_table', expected: 'a table', found: 'none' }]
  }
  return [...compareColumns(expected, found), ...compareKeys(expected, found), ...compareRights(found)]
}

function compareColumns(expected: ExpectedTable, found: FoundTable): Fault[] {
  const columns = new Map(found.columns.map((column) => [column.name, column]))
  const nullability = (notNull: boolean) => (notNull ? 'not null' : 'null allowed')
  return expected.columns.flatMap(({ name: column, type, notNull }): Fault[] => {
    const actual = columns.get(column)
    if (actual === undefined) return [{ column, problem: 'missing_column', expected: type, found: 'none' }]
    if (actual.type !== type) return [{ column, problem: 'wrong_type', expected: type, found: actual.type }]
    if (actual.notNull === notNull) return []
    const [wanted, given] = [nullability(notNull), nullability(actual.notNull)]
    return [{ column, problem: 'wrong_nullability', expected: wanted, found: given }]
  })
}

function compareKeys(expected: ExpectedTable, found: FoundTable): Fault[] {
  const identity = (key: readonly string[]) => key.map(normalPart).sort().join(', ')
  const keys = new Set(found.keys.map(identity))
  return expected.keys
    .filter((key) => !keys.has(identity(key)))
    .map((key) => ({
      column: null,
      problem: 'missing_key',
      expected: `a unique key on (${key.join(', ')})`,
      found: 'none',
    }))
}

function compareRights({ rowsHidden, missingPrivileges }: FoundTable): Fault[] {
  const faults: Fault[] = []
  if (missingPrivileges.length > 0) {
    const expected = 'select, insert, update and delete'
    faults.push({
      column: null,
      problem: 'no_privilege',
      expected,
      found: `no ${missingPrivileges.join(', ')}`,
    })
  }
  if (rowsHidden) {
    const expected = 'a role that owns the table or bypasses row level security'
    faults.push({ column: null, problem: 'rows_hidden', expected, found: 'row level security for this role' })
  }
  return faults
}

function readTables(sql: Sql | TransactionSql, expected: readonly ExpectedTable[]): Promise<FoundTable[]> {
  return sql<FoundTable[]>`
    select
      c.relname as name,
      case
        when pg_is_in_recovery() then 'standby'
        when current_setting('transaction_read_only') = 'on' then 'read only'
        else 'taken'
      end as writes,
      row_security_active(c.oid) as "rowsHidden",
      (
        select coalesce(json_agg(privilege), '[]')
        from unnest(array['select', 'insert', 'update', 'delete']) privilege
        where not has_table_privilege(c.oid, privilege)
      ) as "missingPrivileges",
      (
        select coalesce(json_agg(json_build_object(
          'name', attname, 'type', format_type(atttypid, atttypmod),
          'notNull', attnotnull and not exists (
            -- from version 18: nulls from before such a constraint are still there
            select from pg_constraint
            where conrelid = attrelid and contype = 'n' and not convalidated and conkey = array[attnum]
          ))), '[]')
        from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped
      ) as columns,
      (
        select coalesce(json_agg(array(
          select pg_get_indexdef(indexrelid, part, true) from generate_series(1, indnkeyatts) part)), '[]')
        from pg_index where indrelid = c.oid and indisunique and indisvalid and indpred is null
      ) as keys
    from pg_class c
    where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
      and c.relname in ${sql(expected.map(({ name }) => name))}`
}

async function nameMigrations(findings: readonly SchemaFinding[], folder: string): Promise<SchemaFinding[]> {
  const migrations = await readMigrations(folder)
  const makes = (statement: string, { table, column }: SchemaFinding) =>
    createdTables(statement).includes(table)
      ? column === null || statement.includes(`"${column}"`)
      : column !== null && statement.includes(`ALTER TABLE "${table}" ADD COLUMN "${column}"`)
  return findings.map((finding) => {
    const maker = migrations.find(({ statements }) => statements.some((text) => makes(text, finding)))
    return { ...finding, migration: maker?.tag ?? null }
  })
}
