import underPressure from '@fastify/under-pressure'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '../errors.ts'

/** Mean delay of the event loop beyond which people who are there already are served first. */
const MAX_DELAY_MS = 500
/** Over a span in which a single long turn, as at the boot, does not count for much. */
const SAMPLE_MS = 3000
const RETRY_SECONDS = 5

const WATCHED = /^\/(metrics$|health$|api\/health(\/|$))/

/** Of whoever watches over the process: answered whatever goes on. */
export const isWatching = ({ routeOptions: { url } }: FastifyRequest): boolean =>
  url !== undefined && WATCHED.test(url)

/** The sockets of live sessions are let in as well. */
const isAlwaysServed = (request: FastifyRequest): boolean =>
  isWatching(request) || request.routeOptions.url?.startsWith('/ws/') === true

/** Refuses requests (503, to come back later) while the event loop falls behind, before it is lost to everyone. */
export const shedding = fp(
  async (app) => {
    await app.register(underPressure, {
      maxEventLoopDelay: MAX_DELAY_MS,
      sampleInterval: SAMPLE_MS,
      pressureHandler: async (request) => {
        if (!isAlwaysServed(request)) throw new AppError('SERVER_BUSY', { retryAfter: RETRY_SECONDS })
      },
    })
  },
  { name: 'shedding', dependencies: ['security'] },
)
