import { SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-node'

/**
 * The attributes that leave this process. `@fastify/otel` also sets `url.path`, which has the query with its tickets and
 * the ids of the path.
 */
const EXPORTED = /^(http\.(request\.method|route|response\.status_code)|maeum\..*|gen_ai\.request\.model)$/
const STATUS = 'http.response.status_code'
const ROUTE = 'http.route'

/** A request by its method and route, such as `GET /api/session/:id`. */
function nameOf({ name, attributes }: ReadableSpan): string {
  const method = attributes['http.request.method']
  return typeof method === 'string' ? `${method} ${String(attributes[ROUTE] ?? 'unknown')}` : name
}

/**
 * A span as it is exported: only known attributes, no events, and no message of an error, which may quote a value. A
 * request that its caller got wrong is no error of this server, as in the semantic conventions for HTTP.
 */
export function toExported(span: ReadableSpan): ReadableSpan {
  const attributes = Object.fromEntries(
    Object.entries(span.attributes).filter(([name]) => EXPORTED.test(name)),
  )
  const httpStatus = attributes[STATUS]
  const isRefused = typeof httpStatus === 'number' && httpStatus < 500
  const code = isRefused ? SpanStatusCode.UNSET : span.status.code
  const shown = { name: nameOf(span), attributes, events: [], status: { code } }
  // A span has getters and a method: all else is taken from it as it is.
  return Object.create(span, Object.getOwnPropertyDescriptors(shown)) as ReadableSpan
}
