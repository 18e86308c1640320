import fp from 'fastify-plugin'
import { ticketsRepository } from './repository.ts'
import { ticketRoutes } from './routes.ts'
import { createTicketService, type TicketService } from './service.ts'

declare module 'fastify' {
  interface FastifyInstance {
    tickets: Pick<TicketService, 'redeem'>
  }
}

const SWEEP_MS = 60_000
const SWEEP_BATCH = 10_000

/** Tickets for sockets. A browser sends one instead of a token, because its WebSocket cannot send headers. */
export const tickets = fp(
  async (app) => {
    const { sql } = app.database
    const service = createTicketService({ sql, repository: ticketsRepository, find: app.sessions.find })
    app.decorate('tickets', {
      redeem: (ticket, sessionId, channel) => service.redeem(ticket, sessionId, channel),
    })

    app.every('tickets_sweep', SWEEP_MS, () => ticketsRepository.deleteExpired(sql, SWEEP_BATCH))
    await app.register(ticketRoutes, { prefix: '/api/session', service })
  },
  { name: 'tickets', dependencies: ['authentication', 'database', 'guard', 'sessions'] },
)
