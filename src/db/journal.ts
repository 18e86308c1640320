import type { Sql, TransactionSql } from 'postgres'
import type { Migration } from './migration-files.ts'

type Client = Sql | TransactionSql

/** The role lacks a privilege; the message contains the statement that grants it. */
export class MissingGrantError extends Error {
  constructor(role: string, what: string, grants: readonly string[]) {
    super(`the role "${role}" may not ${what}: ${grants.join('; ')}`)
    this.name = 'MissingGrantError'
  }
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The hashes of applied migrations, as drizzle-kit stores them; undefined when the journal does not exist. */
export async function readJournal(sql: Client): Promise<string[] | undefined> {
  const [found] = await sql<{ role: string; isReadable: boolean }[]>`
    select current_user as role,
      has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as "isReadable"
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'drizzle' and c.relname = '__drizzle_migrations'`
  if (found === undefined) return undefined
  if (!found.isReadable) {
    const role = quoted(found.role)
    throw new MissingGrantError(found.role, 'read the journal of the migrations', [
      `GRANT USAGE ON SCHEMA drizzle TO ${role}`,
      `GRANT SELECT ON drizzle.__drizzle_migrations TO ${role}`,
    ])
  }
  const rows = await sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations`
  return rows.map(({ hash }) => hash)
}

/** Creates the journal, and its schema, if they do not exist. */
export async function createJournal(tx: TransactionSql): Promise<void> {
  const [found] = await tx`select from pg_namespace where nspname = 'drizzle'`
  // Even "if not exists" requires the privilege to create schemas.
  if (found === undefined) await tx`create schema drizzle`
  const [journal] = await tx`
    select from pg_class c join pg_namespace n on n.oid = relnamespace
    where nspname = 'drizzle' and relname = '__drizzle_migrations'`
  if (journal === undefined)
    await tx`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`
}

export async function insertJournal(
  tx: TransactionSql,
  { hash, createdAt }: Pick<Migration, 'hash' | 'createdAt'>,
): Promise<void> {
  await tx`insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${createdAt})`
}

/** @throws MissingGrantError unless the role may create tables in `public` and write the journal. */
export async function requireGrants(tx: TransactionSql): Promise<void> {
  const [rights] = await tx<Rights[]>`
    select current_user as role, current_database() as database,
      to_regnamespace('public') is not null as "hasPublic",
      coalesce(has_schema_privilege(to_regnamespace('public'), 'create'), true) as "makesTables",
      n.oid is not null as "hasSchema",
      coalesce(has_schema_privilege(n.oid, 'usage, create') and has_schema_privilege(n.oid, 'usage'), true) as "usesSchema",
      coalesce(has_schema_privilege(n.oid, 'create'), false) as "makesJournal",
      has_database_privilege(current_database(), 'create') as "makesSchemas",
      c.oid is not null as "hasJournal",
      coalesce(has_table_privilege(c.oid, 'insert'), true) as "writesJournal"
    from (select 1) one
    left join pg_namespace n on n.nspname = 'drizzle'
    left join pg_class c on c.relnamespace = n.oid and c.relname = '__drizzle_migrations'`
  if (rights === undefined) return
  if (!rights.hasPublic) throw new Error('the database has no schema public: CREATE SCHEMA public')
  const grants = missingGrants(rights)
  if (grants.length > 0) throw new MissingGrantError(rights.role, 'apply migrations', grants)
}

type Rights = {
  readonly role: string
  readonly database: string
  readonly hasPublic: boolean
  readonly makesTables: boolean
  readonly hasSchema: boolean
  readonly usesSchema: boolean
  readonly makesJournal: boolean
  readonly makesSchemas: boolean
  readonly hasJournal: boolean
  readonly writesJournal: boolean
}

function missingGrants(rights: Rights): string[] {
  const role = quoted(rights.role)
  const { hasSchema, hasJournal } = rights
  const grants: (false | string)[] = [
    !rights.makesTables && `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`,
    !hasSchema && !rights.makesSchemas && `GRANT CREATE ON DATABASE ${quoted(rights.database)} TO ${role}`,
    hasSchema && !hasJournal && !rights.makesJournal && `GRANT USAGE, CREATE ON SCHEMA drizzle TO ${role}`,
    hasJournal && !rights.usesSchema && `GRANT USAGE ON SCHEMA drizzle TO ${role}`,
    hasJournal &&
      !rights.writesJournal &&
      `GRANT SELECT, INSERT ON drizzle.__drizzle_migrations TO ${role}; ` +
        `GRANT USAGE ON SEQUENCE drizzle.__drizzle_migrations_id_seq TO ${role}`,
  ]
  return grants.filter((grant) => grant !== false)
}
