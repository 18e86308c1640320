import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { addressesOf, isForwarded, schemeOf } from '../http/forwarded.ts'

/**
 * Normalises the headers of proxies to the form that Fastify reads: `X-Forwarded-For` as plain addresses,
 * `X-Forwarded-Proto` as the scheme of the outermost trusted proxy. Registered before all users of address or scheme.
 *
 * `X-Forwarded-Host` is not used, because proxies that keep `Host` pass on the client's own `X-Forwarded-Host`. If a
 * proxy changes `Host`, set PUBLIC_URL. A warning is logged once.
 */
export const forwarded = fp(
  (app, { config }: { config: Config }, done) => {
    const { publicUrl, trustProxy } = config.server
    let isUntrustedReported = false
    let isHostReported = publicUrl !== null

    const normalise = (request: FastifyRequest): void => {
      const { headers } = request.raw
      const addresses = addressesOf(request)
      if (addresses !== undefined) headers['x-forwarded-for'] = addresses
      const scheme = schemeOf(request)
      if (scheme === undefined) delete headers['x-forwarded-proto']
      else headers['x-forwarded-proto'] = scheme
      const host = headers['x-forwarded-host']
      if (host === undefined) return
      if (!isHostReported && host !== headers.host) {
        isHostReported = true
        request.log.warn('X-Forwarded-Host differs from Host and is not used: set PUBLIC_URL')
      }
      delete headers['x-forwarded-host']
    }

    app.addHook('onRequest', (request, _reply, next) => {
      if (trustProxy !== false) normalise(request)
      else if (!isUntrustedReported && isForwarded(request)) {
        isUntrustedReported = true
        request.log.warn('X-Forwarded-For is ignored: set TRUST_PROXY if the server is behind a proxy')
      }
      next()
    })
    done()
  },
  { name: 'forwarded' },
)
