import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { languageOf } from '../../http/language.ts'
import { DashboardResponse } from '../../protocol/rest/dashboard.ts'
import type { DashboardService } from './service.ts'

const security = [{ bearer: [] }]

export const dashboardRoutes: FastifyPluginAsyncTypebox<{ service: DashboardService }> = async (
  app,
  { service },
) => {
  app.addHook('onRequest', app.authentication.require)

  app.get(
    '/summary',
    {
      schema: {
        tags: ['dashboard'],
        security,
        summary: 'Today, the change since yesterday, and the last sessions',
        response: responses({ 200: DashboardResponse }),
      },
    },
    async (request) => {
      const language = languageOf(request)
      return succeed(await service.summary(requirePrincipal(request).userId, language))
    },
  )
}
