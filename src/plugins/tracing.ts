import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { MONITORED } from '../http/monitoring.ts'
import { type Tracing, NO_TRACING } from '../lib/tracing.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tracing: Tracing
  }
}

const FLUSH_MS = 1000
const LOG_PAUSE_MS = 60_000

/** Sockets have a span of their own, which ends with the handshake. */
const isUntraced = (url: string): boolean => {
  const [path = ''] = url.split('?')
  return path.startsWith('/ws/') || MONITORED.test(path)
}

/** One span for each request, and its ids in the log lines of the request, except health checks, metrics and sockets. */
async function traceRequests(app: FastifyInstance): Promise<void> {
  const { FastifyOtelInstrumentation } = await import('@fastify/otel')
  const requests = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => isUntraced(url),
  })
  await app.register(requests.plugin())
  app.addHook('onRequest', (request, reply, next) => {
    const context = request.opentelemetry().span?.spanContext()
    if (context !== undefined) {
      const { traceId, spanId } = context
      request.log = reply.log = request.log.child({ trace_id: traceId, span_id: spanId })
    }
    next()
  })
}

/** Logs at most one line a minute about spans that were lost. */
function reportLosses(app: FastifyInstance, tracing: Tracing): void {
  let loggedAt = Number.NEGATIVE_INFINITY
  let lost = 0
  tracing.onSpans((fate, count, reason) => {
    app.metrics.spans.labels(fate).inc(count)
    if (fate === 'exported') return
    lost += count
    if (performance.now() - loggedAt < LOG_PAUSE_MS) return
    loggedAt = performance.now()
    app.log.warn({ count: lost, fate, reason }, 'traces were not sent to the collector')
    lost = 0
  })
}

/**
 * Traces, if they are on. Registered before all that handles requests, so that it is closed last: the end of the server
 * is traced too.
 */
export const tracing = fp(
  async (app, { tracing = NO_TRACING }: { tracing?: Tracing | undefined }) => {
    app.decorate('tracing', tracing)
    if (!tracing.isOn) return
    app.addHook('onReady', async () => reportLosses(app, tracing))
    app.addHook('onClose', () => tracing.close(FLUSH_MS))
    await traceRequests(app)
  },
  { name: 'tracing' },
)
