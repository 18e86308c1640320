import fp from 'fastify-plugin'
import { AppError } from '../errors.ts'
import { isWatching } from './shedding.ts'

/** By then this process is gone and its successor, or another instance, answers. */
const RETRY_SECONDS = 5

declare module 'fastify' {
  interface FastifyInstance {
    /** The shutdown is near: readiness turns red, and everything is served as before. */
    readonly announceShutdown: () => void
    readonly isShuttingDown: () => boolean
  }
}

/**
 * At shutdown, requests in flight are answered and their connections then closed, so that nothing waits for idle ones.
 * New ones are sent away (503), but for those who watch over the process: readiness says what is going on.
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
      const isSentAway = closing && !isWatching(request)
      next(isSentAway ? new AppError('SERVER_BUSY', { retryAfter: RETRY_SECONDS }) : undefined)
    })
    app.addHook('onSend', (_request, reply, _payload, next) => {
      if (closing) void reply.header('connection', 'close')
      next()
    })
    done()
  },
  { name: 'draining', dependencies: ['security', 'shedding'] },
)
