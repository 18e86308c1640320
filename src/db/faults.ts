import { isConnectionFailure } from './driver-socket.ts'

/**
 * What a database error means to a caller:
 *
 * - `not_ready`: the schema is not what the code expects (migrations have not run)
 * - `unavailable`: the same call may succeed later. Unknown errors are of this kind
 * - `unique`, `foreign_key`, `check`, `not_null`: the row violates a constraint
 * - `unstorable_text`: a text contains a character that Postgres cannot store (NUL)
 * - `invalid_data`: another value that its column or table does not accept
 */
type DatabaseFault = {
  readonly kind:
    | 'not_ready'
    | 'unavailable'
    | 'unique'
    | 'foreign_key'
    | 'check'
    | 'not_null'
    | 'unstorable_text'
    | 'invalid_data'
  /** The name of the violated constraint, for the kinds that have one. */
  readonly constraint?: string
}

type Kind = DatabaseFault['kind']

/** SQLSTATEs with their own kind (PostgreSQL manual, appendix A). */
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

/** Any other SQLSTATE. Classes with letters are PL/pgSQL, internal errors and extensions. */
const SQLSTATE = /^(?:[0-9][0-9A-Z]|F0|HV|P0|XX)[0-9A-Z]{3}$/
/** Data exceptions and constraint violations: the only permanent errors. */
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

/** Codes of the connection that say nothing of the server: it was closed here, or its commit was not confirmed in time. */
const OF_THIS_SIDE = new Set(['CONNECTION_DESTROYED', 'CONNECTION_ENDED', 'LATE_COMMIT'])
/**
 * SQLSTATEs of a server that serves no caller: connection refused or lost, no such database, no resources, shutdown,
 * I/O error, read-only.
 */
const OUTAGE = /^(?:08|28|3D|53|57P|58)[0-9A-Z]+$|^25006$/

const MAX_CAUSES = 8

/**
 * Finds the database error in `error` or its causes (Drizzle wraps errors of the driver); undefined if there is none.
 */
export function databaseFault(error: unknown): DatabaseFault | undefined {
  const found = findDatabaseError(error)
  const kind = found && kindOf(found)
  return kind && { kind, ...constraintOf(found) }
}

/** The database error in `error` or its causes. */
export const findDatabaseError = (error: unknown): Error | undefined =>
  causesOf(error).find((cause) => kindOf(cause) !== undefined)

/**
 * Whether the same call may succeed later. Database errors about the values of a row (SQLSTATE classes 22 and 23) are
 * permanent, all others are transient. Returns false for errors that are not from the database.
 */
export function isPassing(error: unknown): boolean {
  const kind = databaseFault(error)?.kind
  return kind === 'unavailable' || kind === 'not_ready'
}

/** Whether a statement was cancelled by a timeout; with fewer rows it may succeed. */
export function isTimedOut(error: unknown): boolean {
  return causesOf(error).some((cause) => 'code' in cause && cause.code === '57014')
}

/** Whether the server serves no caller, and not only this one statement failed. */
export function isOutage(error: unknown): boolean {
  const code = errorCode(error)
  if (OF_THIS_SIDE.has(code) || databaseFault(error)?.kind !== 'unavailable') return false
  return OUTAGE.test(code) || !SQLSTATE.test(code)
}

/** The SQLSTATE of the database error in `error` or its causes, or the code of its connection; else the error's own. */
export function errorCode(error: unknown): string {
  const found = findDatabaseError(error) ?? error
  return found instanceof Error && 'code' in found ? String(found.code) : 'unknown'
}

/** Whether an error of the server is about the values of a row and therefore permanent. */
export function isAboutData({ code }: { readonly code: string }): boolean {
  return PERMANENT_CLASS.test(code)
}

/** The error and its causes. */
function causesOf(error: unknown): Error[] {
  const causes: Error[] = []
  for (let current = error; causes.length < MAX_CAUSES && current instanceof Error; current = current.cause)
    causes.push(current)
  return causes
}

function kindOf(error: Error): Kind | undefined {
  if (isConnectionFailure(error)) return 'unavailable'
  if (!('code' in error) || typeof error.code !== 'string') return undefined
  if (Object.hasOwn(KINDS, error.code)) return KINDS[error.code]
  if (SQLSTATE.test(error.code)) return isAboutData({ code: error.code }) ? 'invalid_data' : 'unavailable'
  if (CONNECTION_CODES.has(error.code)) return 'unavailable'
  // A Unix socket whose server has not started yet. Other missing files are not database faults.
  return error.code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect'
    ? 'unavailable'
    : undefined
}

function constraintOf(error: Error): { constraint?: string } {
  return 'constraint_name' in error && typeof error.constraint_name === 'string'
    ? { constraint: error.constraint_name }
    : {}
}
