import { Type } from 'typebox'
import { ERROR_CODES } from '../errors.ts'
import { Time } from '../common-schemas.ts'
import { ERROR_EXAMPLE } from './examples.ts'
import { frame, Milliseconds, V2_ONLY, Sentence } from './frame.ts'

export const Ping = frame(
  'ping',
  'Every 10 s (`WS_PING_INTERVAL_MS`), on every channel.',
  Type.Object({ ts: Time }),
  { ts: 1_795_410_770_959 },
)
export const Pong = Type.Object(
  { type: Type.Literal('pong'), timestamp: Time },
  {
    description:
      'The answer to every `ping` of a client. Its only field is at the top level, next to `type`.',
    examples: [{ type: 'pong', timestamp: 1_795_410_770_970 }],
  },
)
export const Failed = frame(
  'error',
  'An error. Invalid messages are reported at most once a second.',
  Type.Object({
    code: Type.Enum(ERROR_CODES),
    message: Sentence,
    timestamp: Time,
    action: Type.Optional(
      Type.Enum(['reconnect', 'new_session', 'stop'], {
        description: 'What the client should do when the socket is closed after the error.',
      }),
    ),
    retryable: Type.Optional(Type.Boolean({ description: 'maeum.v2 only.' })),
    retryAfterMs: Type.Optional(Type.Integer({ minimum: 0, description: 'maeum.v2 only.' })),
  }),
  ERROR_EXAMPLE,
)
export const Goaway = frame(
  'goaway',
  'The server is shutting down: reconnect; another instance may accept the connection.',
  Type.Object({ timeLeftMs: Milliseconds }),
  { timeLeftMs: 300 },
  V2_ONLY,
)

/** Frames of all channels. */
export const EVERY_CHANNEL = [Ping, Pong, Failed, Goaway] as const

/** Common fields of `connected`. */
export const connectedFields = { sessionId: Type.String(), message: Sentence }
