import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../config.ts'

/** Whether a proxy says that it speaks for somebody else. Anyone can say so. */
export const isForwarded = ({ headers }: FastifyRequest): boolean =>
  headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined

/** Behind a proxy that is not trusted all callers share one address, and one rate limit: the operator is told once. */
export const forwarded = fp(
  (app, { config }: { config: Config }, done) => {
    let told = config.server.trustProxy !== false
    app.addHook('onRequest', (request, _reply, next) => {
      if (!told && isForwarded(request)) {
        told = true
        request.log.warn(
          'a forwarded address came and is not believed: set TRUST_PROXY if a proxy stands in front',
        )
      }
      next()
    })
    done()
  },
  { name: 'forwarded' },
)
