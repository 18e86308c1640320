import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import cors from '@fastify/cors'
import rateLimit, { normalizeIP } from '@fastify/rate-limit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import helmet from 'helmet'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'
import { createOriginPolicy, type OriginPolicy } from '../lib/origins.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its requests count for the address although a bearer may come with them. */
    limitedByAddress?: true
  }
  interface FastifyInstance {
    /** True when no Origin came, or one that may call from a browser. */
    admitsOrigin(request: FastifyRequest): boolean
  }
}

/** An IPv4 address as a socket for both kinds writes it. */
const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** Who calls, when no user is known: the address, or the network of an IPv6 one, for its owner holds all of that. */
export const callerAddress = ({ ip }: FastifyRequest): string => MAPPED.exec(ip)?.[1] ?? normalizeIP(ip)

/** The larger network of an IPv6 caller, as providers and companies are given; else the address. */
export const networkOf = (address: string): string => normalizeIP(address, NETWORK_BITS)
const NETWORK_BITS = 48

/**
 * For whom a request counts: a user only where the route is about a user. A token costs nothing on a route that needs no
 * login, and many of them would be many limits.
 */
function limitKey(request: FastifyRequest): string {
  const { config, schema } = request.routeOptions
  const isOfUser = config.limitedByAddress !== true && (schema?.security?.length ?? 0) > 0
  return (isOfUser ? request.bearerSubject() : null) ?? callerAddress(request)
}

/** The origin under which the caller reaches this server. */
const ownOrigin = (request: FastifyRequest, publicUrl: string | null) =>
  publicUrl === null ? `${request.protocol}://${request.host}` : new URL(publicUrl).origin

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

/** Answers are data, not pages. A page sets a header of its own, as /console and /docs do. */
const NOTHING_ALLOWED = {
  defaultSrc: ["'none'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
}
const ONLY_TLS = 'max-age=31536000; includeSubDomains'

/** What helmet says of an answer: always the same, so it is asked once and not with each request. */
function protectiveHeaders(): Record<string, string> {
  const answer = new ServerResponse(new IncomingMessage(new Socket()))
  const protect = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: NOTHING_ALLOWED },
    strictTransportSecurity: false, // said apart: over plain HTTP it would be void
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
  })
  protect(answer.req, answer, (error?: unknown) => {
    if (error !== undefined) throw new Error('helmet refuses its settings', { cause: error })
  })
  return Object.fromEntries(Object.entries(answer.getHeaders()).map(([name, value]) => [name, String(value)]))
}

const RATE_HEADERS = { 'x-ratelimit-limit': true, 'x-ratelimit-remaining': true, 'x-ratelimit-reset': true }

/** CORS before everything that can refuse, so that a browser may read the refusal. */
export const security = fp(
  async (app, { config }: { config: Config }) => {
    const { publicUrl } = config.server
    const origins = createOriginPolicy(config.limits.corsOrigins)
    const allows = (request: FastifyRequest, origin: string) =>
      origin === ownOrigin(request, publicUrl) || origins.allows(origin)
    app.decorate('admitsOrigin', (request: FastifyRequest) => {
      const { origin } = request.headers
      return origin === undefined || allows(request, origin)
    })

    // A preflight that is not allowed gets an empty answer: without the headers the browser refuses by itself.
    app.addHook('onRequest', (request, reply, next) => {
      const preflight = request.method === 'OPTIONS' && 'access-control-request-method' in request.headers
      if (preflight && !app.admitsOrigin(request)) void reply.code(204).send()
      else next()
    })
    const [admitted, stranger] = [
      { ...CORS, origin: true },
      { ...CORS, origin: false },
    ]
    await app.register(cors, {
      delegator: (request, respond) => {
        const { origin } = request.headers
        respond(null, origin !== undefined && allows(request, origin) ? admitted : stranger)
      },
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
    // For all routes at once, so that it runs before what refuses tokens, and for unknown addresses too.
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

/** A refusal of a caller without an Origin still names the first allowed one: gateways in front look for the header. */
function allowUnreadableRefusal(request: FastifyRequest, reply: FastifyReply, origins: OriginPolicy): void {
  const refused = reply.statusCode === 401 || reply.statusCode === 403
  if (!refused || request.headers.origin !== undefined || origins.first === undefined) return
  void reply.header('access-control-allow-origin', origins.first)
}
