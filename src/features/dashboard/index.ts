import fp from 'fastify-plugin'
import { dashboardRepository } from './repository.ts'
import { dashboardRoutes } from './routes.ts'
import { createDashboardService } from './service.ts'

/** Figures over all sessions of one person. */
export const dashboard = fp(
  async (app) => {
    const service = createDashboardService({
      database: app.database,
      repository: dashboardRepository,
      now: Date.now,
    })
    await app.register(dashboardRoutes, { prefix: '/api', service })
  },
  { name: 'dashboard', dependencies: ['authentication', 'database'] },
)
