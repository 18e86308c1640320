import underPressure from '@fastify/under-pressure'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { isMonitoring } from '../http/monitoring.ts'
import { AppError } from '../protocol/errors.ts'

/** Mean delay of the event loop above which new requests are refused. */
const MAX_DELAY_MS = 500
/** Sampling interval, long enough that a single long turn, as at boot, has little weight. */
const SAMPLE_MS = 3000
const RETRY_SECONDS = 5

/** Also true for the sockets of live sessions. */
const isAlwaysServed = (request: FastifyRequest): boolean =>
  isMonitoring(request) || request.routeOptions.url?.startsWith('/ws/') === true

type Options = {
  /** False in a process whose other work delays the event loop. */
  readonly sheds: boolean
}

/** Refuses requests (503 with Retry-After) while the event loop is overloaded. */
export const shedding = fp<Options>(
  async (app, { sheds }) => {
    await app.register(underPressure, {
      maxEventLoopDelay: sheds ? MAX_DELAY_MS : 0,
      sampleInterval: SAMPLE_MS,
      pressureHandler: async (request) => {
        if (!isAlwaysServed(request)) throw new AppError('SERVER_BUSY', { retryAfter: RETRY_SECONDS })
      },
    })
  },
  { name: 'shedding', dependencies: ['security'] },
)
