import type { TSchema } from 'typebox'
import { CHANNELS, type Channel } from '../../domain/session.ts'
import { SERVER_FRAMES } from '../../protocol/channels/server-frames.ts'
import { renderBinaryFrameTable } from '../../protocol/channels/binary.ts'
import { CLIENT_MESSAGES } from '../../protocol/channels/client.ts'
import { frame } from '../../protocol/channels/frame.ts'
import { SUBPROTOCOL_V2 } from '../../protocol/channels/transport.ts'

/** A message of the voice channel, as features/voice describes it. */
export type VoiceMessageSchema = {
  readonly type: string
  readonly fields: TSchema
  readonly example: object
}

const SENDERS = ['server', 'client'] as const
type Sender = (typeof SENDERS)[number]

export type AsyncApiMessage = {
  readonly name: string
  readonly title: string
  readonly summary?: string
  readonly description?: string
  readonly contentType: string
  readonly payload: object
  readonly examples?: readonly { readonly payload: unknown }[]
  /** The subprotocol without which it is neither sent nor understood. */
  readonly 'x-protocol'?: string
}

/** As much of a schema as is read here. */
type Described = {
  readonly description?: string
  readonly examples?: readonly unknown[]
  readonly 'x-protocol'?: string
  readonly properties: { readonly type: { readonly const: string } }
}

const ABOUT: Readonly<Record<Channel, string>> = {
  landmarks: 'Frames of face landmarks in, one answer for each window out.',
  voice: 'What the client’s voice detector and recogniser found in, measures of the voice out.',
  session: 'State and commands of the session, and the counsellor.',
}

const DESCRIPTION = `Three WebSockets for each session. The session id is the key: there is no token on a socket. The
frames marked maeum.v2 belong to the subprotocol of that name, which a client asks for; everything else is for every
client. How it fits together, limits and close codes: docs/websocket.md.`

const BINARY: AsyncApiMessage = {
  name: 'binary_landmarks',
  title: 'landmarks as a binary message',
  summary: 'One frame, `float32.v1` or `int16.v1`, where `rate` has named them.',
  description: `Numbers are little-endian.\n\n${renderBinaryFrameTable()}`,
  contentType: 'application/octet-stream',
  payload: { type: 'string', format: 'binary' },
  'x-protocol': SUBPROTOCOL_V2,
}

/** AsyncAPI 3.0, written from the schemas that validate and type the frames. */
export function asyncApi(version: string, voiceMessages: readonly VoiceMessageSchema[]) {
  const messagesOf = (channel: Channel, sender: Sender): readonly AsyncApiMessage[] => {
    if (sender === 'server') return SERVER_FRAMES[channel].map(describe)
    const own = CLIENT_MESSAGES[channel].map(describe)
    if (channel === 'voice') return [...voiceMessages.map((schema) => describe(toMessage(schema))), ...own]
    return channel === 'landmarks' ? [...own, BINARY] : own
  }
  const kept = CHANNELS.flatMap((channel) =>
    SENDERS.flatMap((sender) =>
      messagesOf(channel, sender).map((message) => {
        const key = `${channel}.${sender}.${message.name}`
        return { channel, sender, key, message }
      }),
    ),
  )
  const keysOf = (channel: Channel) => kept.filter((one) => one.channel === channel)
  return {
    asyncapi: '3.0.0',
    info: { title: 'maeum', version, description: DESCRIPTION, license: { name: 'MIT' } },
    defaultContentType: 'application/json',
    servers: { here: { host: 'localhost:8000', protocol: 'ws' } },
    channels: byChannel((channel) => ({
      address: `/ws/${channel}/{sessionId}`,
      description: `${ABOUT[channel]} Also at \`/ws/${channel}?sessionId=…\`.`,
      parameters: { sessionId: { description: 'Of a session that has not ended.' } },
      messages: Object.fromEntries(
        keysOf(channel).map(({ key }) => [key, { $ref: `#/components/messages/${key}` }]),
      ),
    })),
    operations: Object.fromEntries(
      CHANNELS.flatMap((channel) =>
        SENDERS.map((sender) => [
          `${channel}.${sender}`,
          {
            // Said of this server: what it sends, and what it receives.
            action: sender === 'server' ? 'send' : 'receive',
            channel: { $ref: `#/channels/${channel}` },
            messages: keysOf(channel)
              .filter((one) => one.sender === sender)
              .map(({ key }) => ({ $ref: `#/channels/${channel}/messages/${key}` })),
          },
        ]),
      ),
    ),
    components: { messages: Object.fromEntries(kept.map(({ key, message }) => [key, message])) },
  }
}

export type AsyncApi = ReturnType<typeof asyncApi>

const byChannel = <Value>(make: (channel: Channel) => Value): Readonly<Record<Channel, Value>> => ({
  landmarks: make('landmarks'),
  voice: make('voice'),
  session: make('session'),
})

const toMessage = ({ type, fields, example }: VoiceMessageSchema) =>
  frame(type, (fields as { description?: string }).description ?? '', fields, example)

function describe(schema: TSchema): AsyncApiMessage {
  // Every message is an object with a literal type.
  const { description, examples, 'x-protocol': protocol, properties } = schema as unknown as Described
  const name = properties.type.const
  return {
    name,
    title: name,
    ...(description === undefined ? {} : { summary: description }),
    contentType: 'application/json',
    payload: JSON.parse(JSON.stringify(schema)) as object, // without what only the compiler knows
    ...(examples === undefined ? {} : { examples: examples.map((payload) => ({ payload })) }),
    ...(protocol === undefined ? {} : { 'x-protocol': protocol }),
  }
}
