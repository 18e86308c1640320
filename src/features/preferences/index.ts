import fp from 'fastify-plugin'
import { preferencesRepository } from './repository.ts'
import { preferencesRoutes } from './routes.ts'
import { createPreferencesService } from './service.ts'

/** Preferences of users. */
export const users = fp(
  async (app) => {
    const service = createPreferencesService({
      database: app.database,
      repository: preferencesRepository,
      onLanguage: (userId, language) => app.languages.set(userId, language),
    })
    await app.register(preferencesRoutes, { prefix: '/api/user', service })
  },
  { name: 'users', dependencies: ['authentication', 'database', 'languages'] },
)
