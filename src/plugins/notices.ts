import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import type { Config } from '../config.ts'
import { type Database, openDatabase } from '../db/client.ts'
import { END_REASONS, type EndReason, SESSION_STATUSES, type SessionStatus } from '../domain/session.ts'

/** What one instance tells the others, mostly about a session. A notice may be lost: whoever needs it also looks at the rows. */
export type Notice =
  | {
      readonly kind: 'status'
      readonly sessionId: string
      readonly status: SessionStatus
      readonly at: number
      readonly reason: EndReason | null
    }
  /** Another instance has taken the session over. */
  | { readonly kind: 'claimed'; readonly sessionId: string; readonly epoch: number }
  | { readonly kind: 'finalised' | 'deleted'; readonly sessionId: string }
  /** Access tokens of this device are no longer accepted; with `renamedTo` it is logged in under that name. */
  | { readonly kind: 'logged_out'; readonly familyId: string; readonly renamedTo?: string }
  /** Words of self-harm were said in the session: its sockets everywhere show the crisis lines. */
  | { readonly kind: 'crisis'; readonly sessionId: string; readonly level: 'gentle' | 'urgent' }

type NoticeListener = (notice: Notice) => void

declare module 'fastify' {
  interface FastifyInstance {
    /** This process, among those that share the database. */
    readonly instanceId: string
    readonly notices: {
      /** To all other instances; best effort. */
      readonly send: (notice: Notice) => void
      /** From other instances. */
      readonly onNotice: (listener: NoticeListener) => void
      /** Whenever listening begins, again: what was said in between has been missed. */
      readonly onListening: (listener: () => void) => void
    }
  }
}

const CHANNEL = 'maeum'
/** A notice to oneself that has not come back by then does not come. */
const ECHO_MS = 5_000
const NO_ECHO =
  'notices of other instances do not arrive here, as behind a transaction pooler: set DATABASE_DIRECT_URL to a direct or ' +
  'session-mode address of the same database; until then changes are found by looking at the rows'

/** Without a notice: to the sender itself. */
type Envelope = { readonly from: string; readonly notice?: Notice }

/** LISTEN and NOTIFY on a connection of its own, direct or in session mode: a transaction pooler delivers nothing. */
export const notices = fp(
  async (app, { config }: { config: Config }) => {
    const instanceId = randomBytes(9).toString('base64url')
    const listeners: NoticeListener[] = []
    const onListening: (() => void)[] = []
    const { database } = app
    const direct = config.database.directUrl
    const apart = direct !== config.database.url
    const listening: Database = apart
      ? await openDatabase({ ...config.database, poolMax: 1, url: direct })
      : database

    let echo: NodeJS.Timeout | undefined
    const receive = (payload: string) => {
      const { from, notice } = parseEnvelope(payload) ?? {}
      if (from === instanceId) clearTimeout(echo)
      if (notice === undefined || from === instanceId) return
      // In the data handler of the driver: an error would end the process.
      for (const listener of listeners) app.guard.run('notices', () => listener(notice))
    }
    const failed = (error: unknown) => {
      clearTimeout(echo)
      app.log.warn({ err: error }, 'a notice to other instances was not sent')
    }

    const waiting: string[] = []
    /** What is said in one breath, as when everyone comes back after a crash, shares a statement. */
    const flush = () => {
      const payloads = JSON.stringify(waiting.splice(0))
      database.sql`
        select pg_notify(${CHANNEL}, payload) from json_array_elements_text(${payloads}::text::json) as payload
      `.catch(failed)
    }

    const send = (envelope: Envelope) => {
      if (waiting.push(JSON.stringify(envelope)) === 1) setImmediate(() => app.guard.run('notices', flush))
    }
    let hasWarned = false
    const expectEcho = () => {
      clearTimeout(echo)
      echo = setTimeout(() => {
        if (!hasWarned) app.log.warn(NO_ECHO)
        hasWarned = true
      }, ECHO_MS)
      send({ from: instanceId })
    }

    app.decorate('instanceId', instanceId)
    app.decorate('notices', {
      send: (notice: Notice) => send({ from: instanceId, notice }),
      onNotice: (listener: NoticeListener) => void listeners.push(listener),
      onListening: (listener: () => void) => void onListening.push(listener),
    })

    app.addHook('onReady', () => {
      // Not awaited: without it the server still works, more slowly, by looking at the rows.
      listening.listen({
        channel: CHANNEL,
        onNotice: receive,
        onListening: () => {
          for (const listener of onListening) app.guard.run('listening', listener)
          expectEcho()
        },
        onFailure: (error) => app.log.warn({ err: error }, 'cannot listen to other instances'),
      })
    })
    app.addHook('onClose', async () => {
      clearTimeout(echo)
      if (apart) await listening.close()
    })
  },
  { name: 'notices', dependencies: ['database', 'guard'] },
)

function parseEnvelope(payload: string): Envelope | undefined {
  try {
    const { from, notice } = JSON.parse(payload) as Partial<Envelope> // checked below
    if (typeof from !== 'string') return undefined
    return isNotice(notice) ? { from, notice } : { from }
  } catch {
    return undefined // not ours: another program may use the same name
  }
}

function isNotice(value: unknown): value is Notice {
  const { kind, sessionId, familyId, renamedTo, status, at, reason, epoch, level } = (value ?? {}) as Record<
    string,
    unknown
  > // any value may be asked
  if (kind === 'logged_out')
    return typeof familyId === 'string' && (renamedTo === undefined || typeof renamedTo === 'string')
  if (typeof sessionId !== 'string') return false
  if (kind === 'claimed') return typeof epoch === 'number'
  if (kind === 'finalised' || kind === 'deleted') return true
  if (kind === 'crisis') return level === 'gentle' || level === 'urgent'
  const knownStatus = SESSION_STATUSES.some((known) => known === status)
  return (
    kind === 'status' &&
    knownStatus &&
    typeof at === 'number' &&
    (reason === null || END_REASONS.some((known) => known === reason))
  )
}
