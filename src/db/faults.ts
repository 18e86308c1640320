/**
 * What a database error means to a caller:
 *
 * - `not_ready`: the schema is not what the code expects (migrations have not run)
 * - `unavailable`: the database is away, full or busy; the same call may succeed later
 * - `unique`, `foreign_key`, `check`, `not_null`: the row breaks a rule of its table
 * - `no_privilege`: our role may not do this
 * - `unstorable_text`: a text holds what Postgres cannot store (the character NUL)
 */
export type DatabaseFault = {
  readonly kind:
    | 'not_ready'
    | 'unavailable'
    | 'unique'
    | 'foreign_key'
    | 'check'
    | 'not_null'
    | 'no_privilege'
    | 'unstorable_text'
  /** The name of the broken rule, for the kinds that have one. */
  readonly constraint?: string
}

type Kind = DatabaseFault['kind']

/** Codes of PostgreSQL (appendix A of its manual), postgres.js and the sockets of Node. */
const KINDS: Readonly<Record<string, Kind>> = {
  '42P01': 'not_ready', // undefined_table
  '42703': 'not_ready', // undefined_column
  '3F000': 'not_ready', // invalid_schema_name
  '23505': 'unique',
  '23503': 'foreign_key',
  '23514': 'check',
  '23502': 'not_null',
  '42501': 'no_privilege',
  '22021': 'unstorable_text', // character_not_in_repertoire
  '22P05': 'unstorable_text', // untranslatable_character
  '40001': 'unavailable', // serialization_failure
  '40P01': 'unavailable', // deadlock_detected
  '55P03': 'unavailable', // lock_not_available
  '57014': 'unavailable', // query_canceled, by statement_timeout
  '57P01': 'unavailable', // admin_shutdown
  '57P02': 'unavailable', // crash_shutdown
  '57P03': 'unavailable', // cannot_connect_now
  '57P05': 'unavailable', // idle_session_timeout
  '25P03': 'unavailable', // idle_in_transaction_session_timeout
  '0A000': 'unavailable', // feature_not_supported: a plan that a migration has made stale
  '26000': 'unavailable', // invalid_sql_statement_name: a pooler has lost a prepared statement
  '42P05': 'unavailable', // duplicate_prepared_statement
  '25006': 'unavailable', // read_only_sql_transaction: a standby, until it is promoted
  LATE_COMMIT: 'unavailable', // our own, of db/durable.ts
  CONNECT_TIMEOUT: 'unavailable',
  CONNECTION_CLOSED: 'unavailable',
  CONNECTION_ENDED: 'unavailable',
  CONNECTION_DESTROYED: 'unavailable',
  EAI_AGAIN: 'unavailable',
  ECONNREFUSED: 'unavailable',
  ECONNRESET: 'unavailable',
  EHOSTDOWN: 'unavailable',
  EHOSTUNREACH: 'unavailable',
  ENETDOWN: 'unavailable',
  ENETUNREACH: 'unavailable',
  ENOTFOUND: 'unavailable',
  EPIPE: 'unavailable',
  ETIMEDOUT: 'unavailable',
}

/** Whole classes: connection exceptions and insufficient resources. */
const UNAVAILABLE_CLASS = /^(08|53)[0-9A-Z]{3}$/

const MAX_CAUSES = 8

/** Finds the database error in `error` or its causes (Drizzle wraps what the driver throws); undefined if there is none. */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  let current = error
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++) {
    const kind = kindOf(current)
    if (kind !== undefined) return { kind, ...constraintOf(current) }
    current = current.cause
  }
  return undefined
}

/** Whether the same call may succeed when it is made again a little later. */
export function isPassing(error: unknown): boolean {
  return databaseFault(error)?.kind === 'unavailable'
}

/** Whether a statement was cancelled for its length: the same with fewer rows may succeed. */
export function isTimedOut(error: unknown): boolean {
  let current = error
  for (let depth = 0; depth < MAX_CAUSES && current instanceof Error; depth++) {
    if ('code' in current && current.code === '57014') return true
    current = current.cause
  }
  return false
}

function kindOf(error: Error): Kind | undefined {
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  if (Object.hasOwn(KINDS, error.code)) return KINDS[error.code]
  if (UNAVAILABLE_CLASS.test(error.code)) return 'unavailable'
  // A unix socket whose server has not started yet. Other missing files are not ours to explain.
  return error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect'
    ? 'unavailable'
    : undefined
}

function constraintOf(error: Error): { constraint?: string } {
  return 'constraint_name' in error && typeof error.constraint_name === 'string'
    ? { constraint: error.constraint_name }
    : {}
}
