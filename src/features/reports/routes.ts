import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { ReportParams, ReportResponse, SummaryResponse } from './schemas.ts'
import type { ReportService } from './service.ts'

const common = { tags: ['session'], security: [{ bearer: [] }], params: ReportParams }

export const reportRoutes: FastifyPluginAsyncTypebox<{ service: ReportService }> = async (
  app,
  { service },
) => {
  app.addHook('onRequest', app.authentication.require)

  app.get(
    '/:id/summary',
    {
      schema: {
        ...common,
        summary: 'The session in short; waits up to 10 s while its report is being made',
        response: responses({ 200: SummaryResponse }),
      },
    },
    async (request) => succeed(await service.summary(request.params.id, principal(request).userId)),
  )

  app.get(
    '/:id/report',
    {
      schema: {
        ...common,
        summary: 'The report; waits up to 10 s while it is being made',
        response: responses({ 200: ReportResponse }),
      },
    },
    async (request) => succeed(await service.report(request.params.id, principal(request).userId)),
  )
}
