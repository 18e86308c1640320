import { isConnectionFailure } from './driver-socket.ts'

/**
 * What a database error means to a caller:
 *
 * - `not_ready`: the schema is not what the code expects (migrations have not run)
 * - `unavailable`: the same call may succeed later. An error that is not known is one of these
 * - `unique`, `foreign_key`, `check`, `not_null`: the row breaks a rule of its table
 * - `unstorable_text`: a text holds what Postgres cannot store (the character NUL)
 * - `invalid_data`: another value that its column or table does not take
 */
export type DatabaseFault = {
  readonly kind:
    | 'not_ready'
    | 'unavailable'
    | 'unique'
    | 'foreign_key'
    | 'check'
    | 'not_null'
    | 'unstorable_text'
    | 'invalid_data'
  /** The name of the broken rule, for the kinds that have one. */
  readonly constraint?: string
}

type Kind = DatabaseFault['kind']

/** SQLSTATEs that mean something of their own (PostgreSQL manual, appendix A). */
const KINDS: Readonly<Record<string, Kind>> = {
  '42P01': 'not_ready', // undefined_table
  '42703': 'not_ready', // undefined_column
  '3F000': 'not_ready', // invalid_schema_name
  '23505': 'unique',
  '23503': 'foreign_key',
  '23514': 'check',
  '23502': 'not_null',
  '22021': 'unstorable_text', // character_not_in_repertoire
  '22P05': 'unstorable_text', // untranslatable_character
}

/** Any other SQLSTATE; classes of letters are those of PL/pgSQL, internal errors and extensions. */
const SQLSTATE = /^(?:[0-9][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/
/** Data exceptions and violations of constraints: the only errors that the same call will meet again. */
const PERMANENT_CLASS = /^2[23]/

/** Codes of postgres.js, of the pool, of `durable.ts` and of the sockets of Node. */
const CONNECTION_CODES = new Set([
  'CONNECT_TIMEOUT',
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_SOCKET_CLOSED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
  'ETIMEDOUT',
  'LATE_COMMIT',
])

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

/** Whether an error of the server is about the values of a row: the same call will meet it again. */
export function isAboutData({ code }: { readonly code: string }): boolean {
  return PERMANENT_CLASS.test(code)
}

function kindOf(error: Error): Kind | undefined {
  if (isConnectionFailure(error)) return 'unavailable'
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  if (Object.hasOwn(KINDS, error.code)) return KINDS[error.code]
  if (SQLSTATE.test(error.code)) return isAboutData({ code: error.code }) ? 'invalid_data' : 'unavailable'
  if (CONNECTION_CODES.has(error.code)) return 'unavailable'
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
