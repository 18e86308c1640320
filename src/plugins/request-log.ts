import fp from 'fastify-plugin'
import { logUrl } from '../lib/redact.ts'
import { isMonitoring } from '../http/monitoring.ts'

/** Sets the request id on every response and logs one line per request, without query, body or whole session id. */
export const requestLog = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      void reply.header('x-request-id', request.id)
      next()
    })
    app.addHook('onResponse', (request, reply, next) => {
      const { method, url } = request
      const line = { method, url: logUrl(url), status: reply.statusCode, ms: Math.round(reply.elapsedTime) }
      // Successful monitoring requests are frequent and not interesting.
      const isRoutine = isMonitoring(request) && reply.statusCode < 400
      request.log[isRoutine ? 'debug' : 'info'](line, 'request completed')
      next()
    })
    done()
  },
  { name: 'request-log' },
)
