import { timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { isForwarded } from './forwarded.ts'

function createMetrics() {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry, prefix: 'maeum_', eventLoopMonitoringPrecision: 100 })
  return {
    registry,
    requests: new Histogram({
      name: 'maeum_http_request_seconds',
      help: 'Time to answer a request, by route and status.',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    errors: new Counter({
      name: 'maeum_errors_total',
      help: 'Requests that were refused or failed, by the code they were answered with.',
      labelNames: ['code'],
      registers,
    }),
    internalErrors: new Counter({
      name: 'maeum_internal_errors_total',
      help: 'Errors of timers, listeners and other work that no request waits for, by place.',
      labelNames: ['place'],
      registers,
    }),
    databaseErrors: new Counter({
      name: 'maeum_database_errors_total',
      help: 'Errors that the database server sent, by SQLSTATE.',
      labelNames: ['code'],
      registers,
    }),
    frames: new Counter({
      name: 'maeum_frames_total',
      help: 'Landmark frames received, by what became of them.',
      labelNames: ['fate'],
      registers,
    }),
    windows: new Counter({
      name: 'maeum_windows_total',
      help: 'Windows answered, by who answered and why not the model.',
      labelNames: ['source', 'model_outcome'],
      registers,
    }),
    modelSeconds: new Histogram({
      name: 'maeum_model_seconds',
      help: 'Time a model took for one window.',
      labelNames: ['model'],
      buckets: [0.5, 1, 2, 4, 8, 15, 30, 45],
      registers,
    }),
    modelRequests: new Counter({
      name: 'maeum_model_requests_total',
      help: 'Requests to a model, by what became of them; a hedge is a second one beside a slow first one.',
      labelNames: ['model', 'outcome', 'kind'],
      registers,
    }),
    modelAgreement: new Counter({
      name: 'maeum_model_agreement_total',
      help: 'Answers of a model, by whether their label is the one of the local analyser.',
      labelNames: ['model', 'agrees'],
      registers,
    }),
    modelTokens: new Counter({
      name: 'maeum_model_tokens_total',
      help: 'Tokens of a model, of prompts and of answers.',
      labelNames: ['model', 'kind'],
      registers,
    }),
    modelCost: new Counter({
      name: 'maeum_model_cost_usd_total',
      help: 'Estimated cost of a model, US dollars.',
      labelNames: ['model'],
      registers,
    }),
    outboxWindows: new Gauge({
      name: 'maeum_outbox_windows',
      help: 'Answered windows that wait for the database.',
      registers,
    }),
    droppedWindows: new Counter({
      name: 'maeum_windows_dropped_total',
      help: 'Answered windows that were never stored, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    restoredWindows: new Counter({
      name: 'maeum_windows_restored_total',
      help: 'Windows that the database lost after it had stored them, and that were stored again.',
      registers,
    }),
    webVitals: new Histogram({
      name: 'maeum_web_vitals',
      help: 'Web vitals as browsers report them: seconds, except CLS, which is a score.',
      labelNames: ['metric'],
      buckets: [0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 0.8, 1.8, 2.5, 3, 4, 10],
      registers,
    }),
    droppedMessages: new Counter({
      name: 'maeum_socket_messages_dropped_total',
      help: 'Small messages that were not looked at because their socket sent too many.',
      labelNames: ['channel'],
      registers,
    }),
    refusedSockets: new Counter({
      name: 'maeum_sockets_refused_total',
      help: 'Handshakes refused, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    securityEvents: new Counter({
      name: 'maeum_security_events_total',
      help: 'Logins, logouts and what else happens at the doors, by event.',
      labelNames: ['event'],
      registers,
    }),
    sockets: new Gauge({
      name: 'maeum_sockets',
      help: 'Open WebSockets, by channel.',
      labelNames: ['channel'],
      registers,
    }),
  }
}

export type Metrics = ReturnType<typeof createMetrics>

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/
/** A Host of the machine itself. Another name may be a page's own, which it has made lead here. */
const LOOPBACK_HOST = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** Prometheus text at `/metrics`: by token when one is set, else in production for the machine itself only. */
export const metrics = fp(
  (app, { config }: { config: Config }, done) => {
    const series = createMetrics()
    app.decorate('metrics', series)
    app.securityEvents.subscribe(({ event }) => series.securityEvents.labels(event).inc())

    app.addHook('onResponse', (request, reply, next) => {
      const route = request.routeOptions.url ?? 'unknown'
      series.requests
        .labels(request.method, route, String(reply.statusCode))
        .observe(reply.elapsedTime / 1000)
      next()
    })

    app.get('/metrics', { schema: { hide: true }, config: { rateLimit: false } }, async (request, reply) => {
      admit(request, config)
      void reply.type(series.registry.contentType)
      return series.registry.metrics()
    })
    done()
  },
  { name: 'metrics', dependencies: ['security-events'] },
)

function admit(request: FastifyRequest, config: Config): void {
  if (config.metricsToken !== null) {
    const sent = Buffer.from(request.headers.authorization ?? '')
    const wanted = Buffer.from(`Bearer ${config.metricsToken}`)
    if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted)) throw new AppError('UNAUTHORIZED')
    return
  }
  // The socket's own address, for a forwarded one can be written by anyone; a proxy here speaks for somebody else.
  const isLocal = LOOPBACK.test(request.socket.remoteAddress ?? '') && !isForwarded(request)
  const isAdmitted = isLocal ? LOOPBACK_HOST.test(request.headers.host ?? '') : !config.production
  if (!isAdmitted) throw new AppError('FORBIDDEN')
}
