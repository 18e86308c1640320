import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { AppError } from '../protocol/errors.ts'
import { isForwarded } from '../http/forwarded.ts'
import { initialiseLabels } from '../http/metric-labels.ts'
import { createMetrics, type Metrics } from '../http/metrics.ts'
import { hasMetricsToken } from '../http/monitoring.ts'
import { isLoopback } from '../lib/address.ts'

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

/** A loopback Host. Another name may be the domain of a web page that resolves to this machine (DNS rebinding). */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

type Options = {
  readonly config: Config
  /** The number of log lines that were dropped so far. */
  readonly droppedLogLines?: () => number
}

/** Prometheus text at `/metrics`: with a token if one is set, otherwise in production only from the machine itself. */
export const metrics = fp(
  (app, { config, droppedLogLines = () => 0 }: Options, done) => {
    const series = createMetrics()
    initialiseLabels(series)
    app.decorate('metrics', series)
    app.securityEvents.subscribe(({ event }) => series.securityEvents.labels(event).inc())

    let knownDropped = 0
    series.onScrape(() => {
      const dropped = droppedLogLines()
      series.droppedLogLines.inc(dropped - knownDropped)
      knownDropped = dropped
    })

    app.addHook('onResponse', (request, reply, next) => {
      const route = request.routeOptions.url ?? 'unknown'
      series.requests
        .labels(request.method, route, String(reply.statusCode))
        .observe(reply.elapsedTime / 1000)
      next()
    })

    app.get('/metrics', { schema: { hide: true }, config: { rateLimit: false } }, async (request, reply) => {
      requireAccess(request, config)
      void reply.type(series.registry.contentType)
      return series.scrape()
    })
    done()
  },
  { name: 'metrics', dependencies: ['security-events'] },
)

function requireAccess(request: FastifyRequest, config: Config): void {
  if (config.metricsToken !== null) {
    if (!hasMetricsToken(request, config)) throw new AppError('UNAUTHORIZED')
    return
  }
  // The socket's address, because a forwarded one can be forged; a forwarded request is not local.
  const isLocal = isLoopback(request.socket.remoteAddress ?? '') && !isForwarded(request)
  const isAdmitted = isLocal ? LOOPBACK_HOST.test(request.headers.host ?? '') : !config.production
  if (!isAdmitted) throw new AppError('FORBIDDEN')
}
