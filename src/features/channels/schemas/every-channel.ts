import { Type } from 'typebox'
import { ERROR_CODES } from '../../../errors.ts'
import { Time } from '../../../plugins/common-schemas.ts'
import { ERROR_EXAMPLE } from './examples.ts'
import { frame, Milliseconds, NEWER_ONLY, Sentence } from './frame.ts'

export const Ping = frame(
  'ping',
  'Every 10 s (`WS_PING_INTERVAL_MS`), on every channel.',
  Type.Object({ ts: Time }),
  { ts: 1_795_410_770_959 },
)
export const Pong = Type.Object(
  { type: Type.Literal('pong'), timestamp: Time },
  {
    description: 'The answer to every `ping` of a client. Its only field stands beside `type`.',
    examples: [{ type: 'pong', timestamp: 1_795_410_770_970 }],
  },
)
export const Failed = frame(
  'error',
  'What could not be done. A message that cannot be read is told of once a second at most.',
  Type.Object({
    code: Type.Enum(ERROR_CODES),
    message: Sentence,
    timestamp: Time,
    action: Type.Optional(
      Type.Enum(['reconnect', 'new_session', 'stop'], {
        description: 'What a client had best do, when the socket is closed after it.',
      }),
    ),
    retryable: Type.Optional(Type.Boolean({ description: 'maeum.v2 only.' })),
    retryAfterMs: Type.Optional(Type.Integer({ minimum: 0, description: 'maeum.v2 only.' })),
  }),
  ERROR_EXAMPLE,
)
export const Goaway = frame(
  'goaway',
  'The server is going away: connect again, to whichever instance answers.',
  Type.Object({ timeLeftMs: Milliseconds }),
  { timeLeftMs: 300 },
  NEWER_ONLY,
)

/** What each channel may send. */
export const EVERY_CHANNEL = [Ping, Pong, Failed, Goaway] as const

/** What each channel's `connected` has. */
export const greeted = { sessionId: Type.String(), message: Sentence }
