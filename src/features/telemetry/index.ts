import fp from 'fastify-plugin'
import { telemetryRoutes } from './routes.ts'

/** Reports from browsers, as metrics for the operator. Nothing is stored. */
export const telemetry = fp(
  async (app) => {
    await app.register(telemetryRoutes, { prefix: '/api/analytics' })
  },
  { name: 'telemetry', dependencies: ['metrics', 'security'] },
)
