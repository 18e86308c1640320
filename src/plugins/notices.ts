import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { type Database, openDatabase } from '../db/client.ts'
import { END_REASONS, type EndReason, SESSION_STATUSES, type SessionStatus } from '../domain/session.ts'

/** A notice to the other instances, mostly about a session. It may be lost, so receivers also poll the rows. */
export type Notice =
  | {
      readonly kind: 'status'
      readonly sessionId: string
      readonly status: SessionStatus
      readonly at: number
      readonly reason: EndReason | null
    }
  /** Another instance now owns the session. */
  | { readonly kind: 'claimed'; readonly sessionId: string; readonly epoch: number }
  | { readonly kind: 'finalised' | 'deleted'; readonly sessionId: string }
  /** Access tokens of this device are no longer accepted; with `renamedTo` it is logged in under that name. */
  | { readonly kind: 'logged_out'; readonly familyId: string; readonly renamedTo?: string }
  /** Self-harm language was detected in the session: its sockets on all instances get the crisis lines. */
  | { readonly kind: 'crisis'; readonly sessionId: string; readonly level: 'gentle' | 'urgent' }

type NoticeListener = (notice: Notice) => void

declare module 'fastify' {
  interface FastifyInstance {
    /** The id of this process among those that share the database. */
    readonly instanceId: string
    readonly notices: {
      /** Sends to all other instances; best effort. */
      readonly send: (notice: Notice) => void
      /** Called for notices of other instances. */
      readonly onNotice: (listener: NoticeListener) => void
      /** Called each time listening starts. Earlier notices may have been missed. */
      readonly onListening: (listener: () => void) => void
    }
  }
}

const CHANNEL = 'maeum'
/** Deadline of the notice that an instance sends to itself, to test the delivery. */
const ECHO_MS = 5_000
const NO_ECHO =
  'notices of other instances do not arrive here, as behind a transaction pooler: set DATABASE_DIRECT_URL to a direct or ' +
  'session-mode address of the same database; until then changes are found by polling'

/** An envelope without a notice is for the sender itself. */
type Envelope = { readonly from: string; readonly notice?: Notice }

/** LISTEN and NOTIFY on a separate connection, direct or in session mode: a transaction pooler delivers no notices. */
export const notices = fp(
  async (app, { config }: { config: Config }) => {
    const instanceId = randomBytes(9).toString('base64url')
    const listeners: NoticeListener[] = []
    const onListening: (() => void)[] = []
    const { database } = app
    const direct = config.database.directUrl
    const isSeparate = direct !== config.database.url
    const listening: Database = isSeparate
      ? await openDatabase({ ...config.database, poolMax: 1, url: direct, renewals: database.renewals })
      : database

    let echo: NodeJS.Timeout | undefined
    const receive = (payload: string) => {
      const { from, notice } = parseEnvelope(payload) ?? {}
      if (from === instanceId) clearTimeout(echo)
      if (notice === undefined || from === instanceId) return
      // Called in the data handler of the driver, where an error would end the process.
      for (const listener of listeners) app.guard.run('notices', () => listener(notice))
    }
    const logFailure = (error: unknown) => {
      clearTimeout(echo)
      app.outages.report(error, 'a notice to other instances was not sent')
    }

    const waiting: string[] = []
    /** Notices that are sent in the same turn of the event loop share a statement. */
    const flush = () => {
      const payloads = JSON.stringify(waiting.splice(0))
      database.sql`
        select pg_notify(${CHANNEL}, payload) from json_array_elements_text(${payloads}::text::json) as payload
      `.catch(logFailure)
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
      // Not awaited: without notices the server polls the rows.
      listening.listen({
        channel: CHANNEL,
        onNotice: receive,
        onListening: () => {
          for (const listener of onListening) app.guard.run('listening', listener)
          expectEcho()
        },
        onFailure: (error) => {
          // An address of its own may be at fault alone.
          const { report, repeat } = app.outages
          ;(isSeparate ? repeat : report)(error, 'cannot listen to other instances')
        },
      })
    })
    app.addHook('onClose', async () => {
      clearTimeout(echo)
      if (isSeparate) await listening.close()
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
    return undefined // from another program that uses the same channel
  }
}

function isNotice(value: unknown): value is Notice {
  const { kind, sessionId, familyId, renamedTo, status, at, reason, epoch, level } = (value ?? {}) as Record<
    string,
    unknown
  > // reads any value
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
