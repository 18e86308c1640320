import fp from 'fastify-plugin'
import { createSealedIds } from '../../lib/sealed-id.ts'
import { feedbackRoutes } from './routes.ts'

/** Feedback of users on a session or on the service. */
export const feedback = fp(
  async (app) => {
    const ids = createSealedIds(app.authentication.secret, 'feedback')
    await app.register(feedbackRoutes, {
      prefix: '/api',
      database: app.database,
      ids,
      safeOf: app.vault.safeOf,
    })
  },
  { name: 'feedback', dependencies: ['authentication', 'database', 'vault'] },
)
