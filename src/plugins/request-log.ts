import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import fp from 'fastify-plugin'
import { logError, logUrl } from '../lib/redact.ts'
import { isWatching } from './shedding.ts'

const WELL_FORMED = /^[\w.:-]{1,128}$/

/** The caller's request id when it is well formed, else a new one. */
export function requestId(request: IncomingMessage): string {
  const sent = request.headers['x-request-id']
  return typeof sent === 'string' && WELL_FORMED.test(sent) ? sent : randomUUID()
}

export const LOG_SERIALIZERS = { err: logError }

/** The request id on every answer, and one line a request: no query, no body, no whole session id. */
export const requestLog = fp(
  (app, _options, done) => {
    app.addHook('onRequest', (request, reply, next) => {
      void reply.header('x-request-id', request.id)
      next()
    })
    app.addHook('onResponse', (request, reply, next) => {
      const { method, url } = request
      const line = { method, url: logUrl(url), status: reply.statusCode, ms: Math.round(reply.elapsedTime) }
      // A check every two seconds says nothing as long as all is well.
      const isRoutine = isWatching(request) && reply.statusCode < 400
      request.log[isRoutine ? 'debug' : 'info'](line, 'request completed')
      next()
    })
    done()
  },
  { name: 'request-log' },
)
