import fp from 'fastify-plugin'
import { createSealedIds } from '../../lib/sealed-id.ts'
import { counselingsRepository } from './repository.ts'
import { counselingRoutes } from './routes.ts'
import { createCounselingService } from './service.ts'

/** Appointments with a counsellor. */
export const counselings = fp(
  async (app) => {
    const { secret } = app.authentication
    const ids = createSealedIds(secret, 'counseling')
    const service = createCounselingService({
      database: app.database,
      repository: counselingsRepository,
      ids,
      cursors: createSealedIds(secret, 'page'),
      safeOf: app.vault.safeOf,
    })
    await app.register(counselingRoutes, { prefix: '/api/counselings', service, ids })
  },
  { name: 'counselings', dependencies: ['authentication', 'database', 'vault'] },
)
