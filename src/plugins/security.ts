import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import cors from '@fastify/cors'
import rateLimit from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import helmet from 'helmet'
import type { Config } from '../config/config.ts'
import { callerAddress } from '../http/caller.ts'
import { AppError } from '../protocol/errors.ts'
import { createOriginPolicy, type OriginPolicy } from '../lib/origins.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Requests are rate-limited by address, even with a bearer token. */
    limitedByAddress?: true
  }
  interface FastifyInstance {
    /** True without an Origin header or with an allowed origin. */
    admitsOrigin(request: FastifyRequest): boolean
  }
}

/**
 * The rate limit key: the user on routes that require a login, else the address. On routes without login, many tokens
 * would mean many limits.
 */
function limitKey(request: FastifyRequest): string {
  const { config, schema } = request.routeOptions
  const isUserRoute = config.limitedByAddress !== true && (schema?.security?.length ?? 0) > 0
  return (isUserRoute ? request.bearerSubject() : null) ?? callerAddress(request)
}

const CORS = {
  credentials: true,
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
  allowedHeaders: [
    'Content-Type',
    'Authorization',
    'X-Request-ID',
    'X-Device-ID',
    'X-CSRF-Token',
    'X-Timestamp',
    'X-Client-Version',
  ],
  exposedHeaders: [
    'X-Request-ID',
    'X-RateLimit-Limit',
    'X-RateLimit-Remaining',
    'X-RateLimit-Reset',
    'Retry-After',
    'Access-Control-Allow-Origin',
  ],
  maxAge: 86_400,
  strictPreflight: false,
}

/** Responses are data. Pages set their own header, as /console and /docs do. */
const NO_CONTENT_POLICY = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}
const ONLY_TLS = 'max-age=31536000; includeSubDomains'

const OWN_ORIGIN_HEADERS = {
  'access-control-allow-credentials': 'true',
  'access-control-expose-headers': CORS.exposedHeaders.join(', '),
}

/** The headers of helmet, computed once because they are constant. */
function protectiveHeaders(): Record<string, string> {
  const answer = new ServerResponse(new IncomingMessage(new Socket()))
  const protect = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: NO_CONTENT_POLICY },
    strictTransportSecurity: false, // set separately: not allowed over plain HTTP
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  })
  protect(answer.req, answer, (error?: unknown) => {
    if (error !== undefined) throw new Error('helmet refuses its settings', { cause: error })
  })
  return Object.fromEntries(Object.entries(answer.getHeaders()).map(([name, value]) => [name, String(value)]))
}

const RATE_HEADERS = { 'x-ratelimit-limit': true, 'x-ratelimit-remaining': true, 'x-ratelimit-reset': true }

/** CORS is registered before all checks, so that browsers can read a refusal. */
export const security = fp(
  async (app, { config }: { config: Config }) => {
    const { publicUrl } = config.server
    const published = publicUrl === null ? null : new URL(publicUrl).origin
    const origins = createOriginPolicy(config.limits.corsOrigins)
    const isListed = (origin: string) => origin === published || origins.allows(origin)
    const isOwn = (request: FastifyRequest, origin: string) =>
      published === null && origin === `${request.protocol}://${request.host}`
    app.decorate('admitsOrigin', (request: FastifyRequest) => {
      const { origin } = request.headers
      return origin === undefined || isListed(origin) || isOwn(request, origin)
    })

    // An origin that depends on the request cannot be among the options of the library, unless it completes them anew for
    // each request. A browser sends no preflight to the origin of its page.
    app.addHook('onRequest', (request, reply, next) => {
      const { origin } = request.headers
      if (origin !== undefined && isOwn(request, origin))
        void reply.headers({ ...OWN_ORIGIN_HEADERS, 'access-control-allow-origin': origin })
      next()
    })
    // A refused preflight gets an empty response; without the headers the browser refuses the request.
    app.addHook('onRequest', (request, reply, next) => {
      const { origin } = request.headers
      const preflight = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers
      if (preflight && origin !== undefined && !isListed(origin)) void reply.code(204).send()
      else next()
    })
    await app.register(cors, {
      ...CORS,
      origin: (origin, respond) => respond(null, origin !== undefined && isListed(origin)),
    })

    const headers = protectiveHeaders()
    const isPublishedSecurely = publicUrl?.startsWith('https:') === true
    app.addHook('onRequest', (request, reply, next) => {
      void reply.headers(headers)
      if (isPublishedSecurely || request.protocol === 'https')
        void reply.header('strict-transport-security', ONLY_TLS)
      next()
    })

    await app.register(rateLimit, {
      global: false,
      max: config.limits.rateMax,
      timeWindow: config.limits.rateWindowMs,
      keyGenerator: limitKey,
      cache: 20_000,
      addHeaders: { ...RATE_HEADERS, 'retry-after': true },
      addHeadersOnExceeding: RATE_HEADERS,
      errorResponseBuilder: () => new AppError('RATE_LIMITED'),
    })
    const limit = app.rateLimit()
    // A global hook, so that it runs before the token check, and for unknown routes too.
    app.addHook('onRequest', async (request, reply) => {
      if (request.routeOptions.config.rateLimit === undefined) await limit.call(app, request, reply)
    })

    app.addHook('onSend', (request, reply, _payload, next) => {
      if (request.url.startsWith('/api')) void reply.header('cache-control', 'no-store')
      allowUnreadableRefusal(request, reply, origins)
      next()
    })
  },
  { name: 'security', dependencies: ['authentication'] },
)

/** A refusal without an Origin header still names the first allowed origin, because gateways check this header. */
function allowUnreadableRefusal(request: FastifyRequest, reply: FastifyReply, origins: OriginPolicy): void {
  const isRefusal = reply.statusCode === 401 || reply.statusCode === 403
  if (!isRefusal || request.headers.origin !== undefined || origins.first === undefined) return
  void reply.header('access-control-allow-origin', origins.first)
}
