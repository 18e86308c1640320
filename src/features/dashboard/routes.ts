import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { languageOf } from '../../plugins/languages.ts'
import { DashboardResponse, SessionsQuery, SessionsResponse, StatisticsResponse } from './schemas.ts'
import type { DashboardService } from './service.ts'

const security = [{ bearer: [] }]

export const dashboardRoutes: FastifyPluginAsyncTypebox<{ service: DashboardService }> = async (
  app,
  { service },
) => {
  app.addHook('onRequest', app.authentication.require)

  app.get(
    '/dashboard/summary',
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
      return succeed(await service.summary(principal(request).userId, language))
    },
  )

  app.get(
    '/session',
    {
      schema: {
        tags: ['session'],
        security,
        summary: "One's sessions, newest first, page by page",
        querystring: SessionsQuery,
        response: responses({ 200: SessionsResponse }),
      },
    },
    async (request) => succeed(await service.sessions(principal(request).userId, request.query)),
  )

  // No session has this id, and a fixed path goes before one with a parameter.
  app.get(
    '/session/stats/summary',
    {
      schema: {
        tags: ['session'],
        security,
        summary: "One's sessions in numbers, and the last of them",
        response: responses({ 200: StatisticsResponse }),
      },
    },
    async (request) => succeed(await service.statistics(principal(request).userId)),
  )
}
