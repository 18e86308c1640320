const ID_SHOWN = 12

/** A session id is a capability; logs contain only its first twelve characters. */
export const logId = (sessionId: string): string => sessionId.slice(0, ID_SHOWN)

/** Longer than any path segment of this server, shorter than any id or token. */
const LONG_SEGMENT = /[^/]{25,}/g

/** A URL for the log: without the query, long segments (session ids in any encoding, tokens) truncated. */
export const logUrl = (url: string): string =>
  (url.split('?')[0] ?? '').replace(LONG_SEGMENT, (segment) => `${segment.slice(0, ID_SHOWN)}…`)

/** Fields of a Postgres error without user data; `detail`, `query` and `parameters` may contain user data. */
const POSTGRES_FIELDS = [
  'severity',
  'schema_name',
  'table_name',
  'column_name',
  'constraint_name',
  'routine',
] as const

/** SQLSTATE classes whose message quotes the offending value. */
const QUOTES_DATA = /^2[23]/

const MAX_CAUSES = 4

type LoggedError = { type: string; message: string; stack: string; [field: string]: unknown }

const field = (error: Error, name: string): unknown => (error as unknown as Record<string, unknown>)[name] // reads any property

/** Only the frames: the first lines of a stack repeat the message. */
const framesOf = (error: Error): string =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n')

/**
 * An error for the log: type, message, code and stack, never a query or its parameters. A wrapper of the query layer
 * contains both in its message, so only its cause is shown.
 */
export function logError(thrown: unknown, depth = 0): LoggedError {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: String(thrown), stack: '' }
  const cause =
    thrown.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: logError(thrown.cause, depth + 1) }
  const shown = {
    type: thrown.name,
    message: thrown.message,
    stack: framesOf(thrown),
    code: field(thrown, 'code'),
  }
  if ('query' in thrown && 'params' in thrown) {
    const reason = 'cause' in cause ? `: ${cause.cause.message}` : ''
    return { ...shown, message: `a query failed${reason}`, ...cause }
  }
  if (thrown.name !== 'PostgresError') return { ...shown, ...cause }
  const details = Object.fromEntries(POSTGRES_FIELDS.map((name) => [name, field(thrown, name)]))
  return {
    ...shown,
    ...(QUOTES_DATA.test(String(shown.code)) ? { message: 'the database refused a value' } : {}),
    ...details,
  }
}
