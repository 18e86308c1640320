import fp from 'fastify-plugin'
import { dashboardRepository } from './repository.ts'
import { dashboardRoutes } from './routes.ts'
import { createDashboardService } from './service.ts'

/** Figures over all sessions of a user. */
export const dashboard = fp(
  async (app) => {
    const service = createDashboardService({
      database: app.database,
      repository: dashboardRepository,
      now: Date.now,
    })
    await app.register(dashboardRoutes, { prefix: '/api/dashboard', service })
  },
  { name: 'dashboard', dependencies: ['authentication', 'database'] },
)
