import type { Sql, TransactionSql } from 'postgres'
import { expectedSchema } from './expected.ts'
import { ADVISORY_LOCKS } from './locks.ts'

/** Roles through which Postgres hosts publish the schema `public` over HTTP to any client. */
const API_ROLES = ['anon', 'authenticated']
/** Every function that a migration creates. By default, PUBLIC may execute a new function. */
export const FUNCTIONS = ['audit_log_only_grows']

type Opened = {
  readonly role: string
  readonly kind: 'table' | 'sequence' | 'function'
  readonly name: string
}

/**
 * The privileges of the API roles on our objects. Migrations revoke all of them, but the default privileges of a hosted
 * cluster grant them again when a dump is restored.
 */
export async function findOpened(sql: Sql | TransactionSql): Promise<Opened[]> {
  const tables = expectedSchema().map(({ name }) => name)
  return sql<Opened[]>`
    with ours as (
      select oid, relname, relkind from pg_class
      where relnamespace = to_regnamespace('public') and relkind in ('r', 'p') and relname in ${sql(tables)}
    ),
    things as (
      select 'table' as kind, oid, relname::text as name from ours
      union all
      select 'sequence', s.oid, s.relname::text from pg_class s
      join pg_depend d on d.objid = s.oid and d.classid = 'pg_class'::regclass and d.deptype in ('a', 'i')
      join ours on ours.oid = d.refobjid
      where s.relkind = 'S'
      union all
      select 'function', oid, proname::text from pg_proc
      where pronamespace = to_regnamespace('public') and proname in ${sql(FUNCTIONS)}
    )
    select role.rolname as role, kind, name
    from pg_roles role cross join things
    where role.rolname in ${sql(API_ROLES)} and case kind
      when 'table' then
        has_table_privilege(role.oid, things.oid, 'select, insert, update, delete, truncate, references, trigger')
        or has_any_column_privilege(role.oid, things.oid, 'select, insert, update, references')
      when 'sequence' then has_sequence_privilege(role.oid, things.oid, 'usage, select, update')
      else has_function_privilege(role.oid, things.oid, 'execute')
    end
    order by kind, name, role`
}

type DefaultPrivileges = {
  /** The role whose new objects get them. */
  readonly owner: string
  readonly kind: 'tables' | 'sequences' | 'functions'
  /** In all schemas, not only in `public`. */
  readonly isGlobal: boolean
  readonly roles: readonly string[]
}

/** Default privileges of the API roles on new objects of this role or of the owner of our tables. */
export async function findDefaultPrivileges(sql: Sql): Promise<DefaultPrivileges[]> {
  const tables = expectedSchema().map(({ name }) => name)
  return sql<DefaultPrivileges[]>`
    select quote_ident(owner.rolname) as owner,
      case defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' else 'functions' end as kind,
      defaclnamespace = 0 as "isGlobal",
      json_agg(distinct role.rolname order by role.rolname) as roles
    from pg_default_acl
    cross join lateral aclexplode(defaclacl) acl
    join pg_roles role on role.oid = acl.grantee
    join pg_roles owner on owner.oid = defaclrole
    where role.rolname in ${sql(API_ROLES)} and defaclobjtype in ('r', 'S', 'f')
      and (defaclnamespace = 0 or defaclnamespace = to_regnamespace('public'))
      and (owner.rolname = current_user or defaclrole in (
        select relowner from pg_class
        where relnamespace = to_regnamespace('public') and relkind in ('r', 'p') and relname in ${sql(tables)}
      ))
    group by 1, 2, 3
    order by 1, 2, 3`
}

/** Revokes what `findOpened` finds, one process at a time. Rejects when the role may not revoke it. */
export async function closeOpened(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${ADVISORY_LOCKS.migration})`
    const opened = await findOpened(tx)
    for (const { role, kind, name } of opened) {
      const signature = kind === 'function' ? '()' : ''
      await tx.unsafe(`revoke all on ${kind} public."${name}"${signature} from public, "${role}"`)
    }
  })
}

/** One line for the operator; undefined without such privileges. */
export function describeOpened(opened: readonly Opened[]): string | undefined {
  if (opened.length === 0) return undefined
  const roles = [...new Set(opened.map(({ role }) => role))]
  const names = [...new Set(opened.map(({ name }) => name))]
  const shown = names.slice(0, 3).join(', ')
  const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
  return (
    `the roles ${roles.join(', ')} have privileges on ${shown}${more}: ` +
    ['TABLES', 'SEQUENCES', 'FUNCTIONS']
      .map((kind) => `REVOKE ALL ON ALL ${kind} IN SCHEMA public FROM PUBLIC, ${roles.join(', ')}`)
      .join('; ')
  )
}
