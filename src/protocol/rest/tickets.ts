import { Type } from 'typebox'
import { CHANNELS } from '../../domain/session.ts'
import { Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

export const TicketParams = Type.Object({ id: Type.String() })
export const TicketBody = Type.Object({
  channel: Type.Optional(
    Type.Enum([...CHANNELS], {
      description: 'The only channel that the ticket is valid for; default `landmarks`.',
    }),
  ),
})
export const TicketResponse = Success(
  Type.Object({
    ticket: Type.String({
      description: 'Single-use value for the query parameter `ticket` of the WebSocket URL.',
    }),
    expiresAt: Time,
  }),
)
