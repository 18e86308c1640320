import { Type } from 'typebox'
import { CHANNELS } from '../../domain/session.ts'
import { Time } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

export const TicketParams = Type.Object({ id: Type.String() })
export const TicketBody = Type.Object({
  channel: Type.Optional(
    Type.Enum([...CHANNELS], {
      description: 'The only channel that the ticket opens; `landmarks` unless said.',
    }),
  ),
})
export const TicketResponse = Success(
  Type.Object({
    ticket: Type.String({ description: 'For the query of the socket address: `&ticket=`. It works once.' }),
    expiresAt: Time,
  }),
)
