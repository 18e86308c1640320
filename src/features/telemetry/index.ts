import fp from 'fastify-plugin'
import { telemetryRoutes } from './routes.ts'

/** What browsers tell of themselves: metrics for the operator, and nothing is stored. */
export const telemetry = fp(
  async (app) => {
    await app.register(telemetryRoutes, { prefix: '/api/analytics' })
  },
  { name: 'telemetry', dependencies: ['metrics', 'security'] },
)
