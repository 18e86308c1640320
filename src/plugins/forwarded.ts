import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../config.ts'
import { bareAddress } from '../lib/address.ts'

/** Whether a proxy claims to speak for another client. Any client can claim that. */
export const isForwarded = ({ headers }: FastifyRequest): boolean =>
  headers['x-forwarded-for'] !== undefined || headers.forwarded !== undefined

/** Schemes that proxies report; a handshake arrives as `wss` from some of them. */
const SCHEMES: Readonly<Record<string, string>> = { http: 'http', https: 'https', ws: 'http', wss: 'https' }

/** Port, brackets or quotes: an address that has to be rewritten. */
const DECORATED = /["[]|\.\d+:\d/

/** The scheme in one element of `Forwarded`. */
const FORWARDED_PROTO = /(?:^|[;\s])proto="?([a-z]+)"?/i

const textOf = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header.join(',') : header

/**
 * Each trusted proxy appends an entry of its own, so counted from the right the entry of the outermost one is as far in
 * as there are trusted proxies. Whatever stands further left was sent by the client.
 */
function entryOfOutermost(list: string, { ips = [] }: FastifyRequest): string {
  const entries = list.split(',')
  const hops = Math.max(1, ips.length - 1)
  return (entries[Math.max(0, entries.length - hops)] ?? '').trim()
}

/** The scheme by which the client reached the outermost trusted proxy; undefined when no proxy reports one. */
function schemeOf(request: FastifyRequest): string | undefined {
  const listed = textOf(request.headers['x-forwarded-proto'])
  if (listed !== undefined) return SCHEMES[entryOfOutermost(listed, request).toLowerCase()]
  const forwarded = textOf(request.headers.forwarded)
  if (forwarded === undefined) return undefined
  const proto = FORWARDED_PROTO.exec(entryOfOutermost(forwarded, request))?.[1]
  return SCHEMES[proto?.toLowerCase() ?? '']
}

/**
 * What proxies report, in the one form that Fastify reads: `X-Forwarded-For` as plain addresses, `X-Forwarded-Proto` as
 * the scheme of the outermost trusted proxy. Registered before everything that asks for an address or a scheme.
 *
 * `X-Forwarded-Host` is not used: proxies that keep `Host` pass a client's own `X-Forwarded-Host` on. Where a proxy
 * changes `Host`, PUBLIC_URL names the address. Both are reported to the operator once.
 */
export const forwarded = fp(
  (app, { config }: { config: Config }, done) => {
    const { publicUrl, trustProxy } = config.server
    let isUntrustedReported = false
    let isHostReported = publicUrl !== null

    const normalise = (request: FastifyRequest): void => {
      const { headers } = request.raw
      const addresses = textOf(headers['x-forwarded-for'])
      if (addresses !== undefined && DECORATED.test(addresses))
        headers['x-forwarded-for'] = addresses.split(',').map(bareAddress).join(', ')
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
        request.log.warn('X-Forwarded-For is ignored: set TRUST_PROXY if a proxy stands in front')
      }
      next()
    })
    done()
  },
  { name: 'forwarded' },
)
