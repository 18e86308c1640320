import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { TicketBody, TicketParams, TicketResponse } from './schemas.ts'
import type { TicketService } from './service.ts'

export const ticketRoutes: FastifyPluginAsyncTypebox<{ service: TicketService }> = async (
  app,
  { service },
) => {
  app.addHook('onRequest', app.authentication.require)

  app.post(
    '/:id/ticket',
    {
      schema: {
        tags: ['session'],
        security: [{ bearer: [] }],
        summary: 'A single-use ticket for one socket',
        params: TicketParams,
        body: TicketBody,
        response: responses({ 201: TicketResponse }),
      },
    },
    async (request, reply) => {
      const { channel = 'landmarks' } = request.body
      const ticket = await service.issue(request.params.id, channel, principal(request))
      return reply.code(201).send(succeed(ticket))
    },
  )
}
