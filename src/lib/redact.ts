const ID_SHOWN = 12

/** A session id is a capability: logs carry its first twelve characters. */
export const logId = (sessionId: string): string => sessionId.slice(0, ID_SHOWN)

/** Longer than any name in our own addresses, shorter than any id or token. */
const LONG_SEGMENT = /[^/]{25,}/g

/** A URL fit for a log: no query, and of what is long (session ids however they are encoded, tokens) the beginning. */
export const logUrl = (url: string): string =>
  (url.split('?')[0] ?? '').replace(LONG_SEGMENT, (segment) => `${segment.slice(0, ID_SHOWN)}…`)

/** Fields of a Postgres error that name things of ours; its `detail`, `query` and `parameters` hold people's data. */
const POSTGRES_FIELDS = [
  'severity',
  'schema_name',
  'table_name',
  'column_name',
  'constraint_name',
  'routine',
] as const

/** Classes of Postgres errors whose message quotes the offending value. */
const QUOTES_DATA = /^2[23]/

const MAX_CAUSES = 4

type LoggedError = { type: string; message: string; stack: string; [field: string]: unknown }

const field = (error: Error, name: string): unknown => (error as unknown as Record<string, unknown>)[name] // any object may be asked

/** The frames alone: the head of a stack repeats the message. */
const framesOf = (error: Error): string =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .join('\n')

/**
 * An error fit for a log: type, message, code and stack, never a query or its parameters. A query layer's wrapper repeats
 * both in its message, so only its cause is shown.
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
