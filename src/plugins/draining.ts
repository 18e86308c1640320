import fp from 'fastify-plugin'
import { AppError } from '../protocol/errors.ts'
import { isMonitoring } from '../http/monitoring.ts'

/** After this time this process has ended, and another one answers. */
const RETRY_SECONDS = 5

declare module 'fastify' {
  interface FastifyInstance {
    /** Announces the shutdown: readiness fails, and all requests are still served. */
    readonly announceShutdown: () => void
    readonly isShuttingDown: () => boolean
  }
}

/**
 * At shutdown, requests in progress are answered and their connections then closed, so that no idle connection delays
 * the end. New requests are refused (503), except those of monitoring.
 */
export const draining = fp(
  (app, _options, done) => {
    let announced = false
    let closing = false
    app.decorate('announceShutdown', () => {
      announced = true
    })
    app.decorate('isShuttingDown', () => announced || closing)
    app.addHook('preClose', (next) => {
      closing = true
      next()
    })
    app.addHook('onRequest', (request, _reply, next) => {
      const isRefused = closing && !isMonitoring(request)
      next(isRefused ? new AppError('SERVER_BUSY', { retryAfter: RETRY_SECONDS }) : undefined)
    })
    app.addHook('onSend', (_request, reply, _payload, next) => {
      if (closing) void reply.header('connection', 'close')
      next()
    })
    done()
  },
  { name: 'draining', dependencies: ['security', 'shedding'] },
)
