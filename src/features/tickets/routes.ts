import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { TicketBody, TicketParams, TicketResponse } from '../../protocol/rest/tickets.ts'
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
      const ticket = await service.issue(request.params.id, channel, requirePrincipal(request))
      return reply.code(201).send(succeed(ticket))
    },
  )
}
