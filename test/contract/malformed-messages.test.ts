import fc from 'fast-check'
import t from 'tap'
import type { TSchema } from 'typebox'
import { Value } from 'typebox/value'
import { fieldsOf } from '../../src/live/channels/fields.ts'
import { CLIENT_MESSAGES } from '../../src/protocol/channels/client.ts'
import { VOICE_MESSAGES } from '../../src/features/voice/messages.ts'
import { connect, createAccount, startSession, startTestApp } from '../helpers/app.ts'
import { type MessageSchema, malformedMessages, RAW_BODIES } from '../helpers/malformed.ts'

const SEED = 20_261_123
const CHANGED_A_MESSAGE = 80
const SOCKETS_AT_ONCE = 20
const ERROR_LEVEL = 50
const EXPECTED = new Set(['connected', 'status_update', 'ping', 'error', 'pong'])

type Understood = {
  readonly type: string
  readonly fields: TSchema | undefined
  readonly schema: MessageSchema
}

const toUnderstood = (schema: MessageSchema): Understood => ({
  type: schema.properties.type.const,
  fields: schema.properties.data,
  schema,
})
const PING = toUnderstood({ properties: { type: { const: 'ping' } } })

/** All that a channel understands, by the schemas that its documents are made from. */
const UNDERSTOOD = {
  session: CLIENT_MESSAGES.session.map((schema) => toUnderstood(schema as MessageSchema)),
  voice: [
    PING,
    ...VOICE_MESSAGES.map(({ type, fields }) =>
      toUnderstood({ properties: { type: { const: type }, data: fields } }),
    ),
  ],
} as const

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether a text is one of the messages after all: not everything that is changed is spoilt. */
function fits(understood: readonly Understood[], text: string): boolean {
  const message = parse(text)
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return false
  const known = understood.find(({ type }) => type === (message as { type?: unknown }).type)
  if (known === undefined) return false
  return known.fields === undefined || Value.Check(known.fields, fieldsOf(message as Record<string, unknown>))
}

const lotsOf = <Item>(items: readonly Item[], size: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size))

for (const channel of ['session', 'voice'] as const)
  t.test(`messages of the ${channel} channel that are wrong in any way`, async (t) => {
    const server = await startTestApp(t)
    const { sessionId, wsUrls } = await startSession(server, await createAccount(server))
    const understood = UNDERSTOOD[channel]
    const isSpoilt = (text: string) => !fits(understood, text)

    /** On a socket of its own, for each complains once a second at most. */
    const isRefused = async (text: string) => {
      const { send, next, messages, socket } = await connect(t, wsUrls[channel])
      await next('connected')
      const about = text.slice(0, 200)
      send(text)
      t.match((await next('error')).data, { code: 'INVALID_MESSAGE', message: /[가-힣]/ }, about)
      send({ type: 'ping' })
      await next('pong')
      t.equal(socket.readyState, socket.OPEN, `${about}: the socket lives`)
      const others = messages.filter(({ type }) => !EXPECTED.has(type))
      t.same(others, [], `${about}: nothing else is said`)
      socket.terminate()
    }

    for (const { type, schema } of understood)
      await t.test(`changed from ${type}`, async (t) => {
        const changed = fc.sample(malformedMessages(schema), { seed: SEED, numRuns: CHANGED_A_MESSAGE })
        const spoilt = changed.filter(isSpoilt)
        t.ok(spoilt.length >= CHANGED_A_MESSAGE / 4, `${spoilt.length} are spoilt`)
        for (const some of lotsOf(spoilt, SOCKETS_AT_ONCE)) await Promise.all(some.map(isRefused))
      })

    await t.test('that are no messages at all', async () => {
      await Promise.all(RAW_BODIES.map(isRefused))
    })

    const rows = await server.database.sql`
      select status, (select count(*)::int from conversations) as conversations,
        (select count(*)::int from cbt_findings) as findings, (select count(*)::int from voice_windows) as voice
      from sessions where id = ${sessionId}`
    t.same(
      [...rows],
      [{ status: 'active', conversations: 0, findings: 0, voice: 0 }],
      'nothing has come of them',
    )
    const faults = server.log.filter((line) => (JSON.parse(line) as { level: number }).level >= ERROR_LEVEL)
    t.same(faults, [], 'and nothing broke')
  })
