import { performance } from 'node:perf_hooks'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { WebSocket } from 'ws'
import type { Config } from '../../config/config.ts'
import { errorCode } from '../../db/faults.ts'
import { CHANNELS, type Channel } from '../../domain/session.ts'
import { AppError } from '../../protocol/errors.ts'
import { createLineLimit } from '../../lib/line-limit.ts'
import { logId } from '../../lib/redact.ts'
import type { Span, Tracing } from '../../lib/tracing.ts'
import { type Admission, createAdmissions } from './admission.ts'
import { callerAddress } from '../../http/caller.ts'
import { parsePreferredLanguage } from '../../http/language.ts'
import { createAnnouncer } from './announcements.ts'
import { Connection } from './connection.ts'
import { createReceivers } from './receivers.ts'
import { createRegistry, type Registry } from './registry.ts'
import { documentRoutes } from './routes.ts'
import { createTrafficAccounts } from './traffic-accounts.ts'
import { createUpgradeLimits } from './upgrade-limits.ts'

declare module 'fastify' {
  interface FastifyRequest {
    admission: Admission | null
    /** The device whose ticket opened the socket; null without a ticket. */
    ticketFamily: string | null
    /** The span of the handshake of a socket. */
    handshake: Span | null
  }
}

type SocketAddress = {
  Params: { channel: string; sessionId?: string }
  Querystring: { sessionId?: string | string[]; ticket?: string | string[] }
}

/** A claim without a socket is released within this time. */
const HANDSHAKE_MS = 10_000

const isChannel = (text: string): text is Channel => CHANNELS.some((channel) => channel === text)

/** Both forms of the URL: `/ws/{channel}/<id>` and `/ws/{channel}?sessionId=<id>`. */
function addressOf(request: FastifyRequest<SocketAddress>): { channel: Channel; sessionId: string } {
  const { channel, sessionId } = request.params
  if (!isChannel(channel)) throw new AppError('NOT_FOUND')
  const named = sessionId ?? request.query.sessionId
  return { channel, sessionId: typeof named === 'string' ? named : '' }
}

const monotonic = () => performance.now()

type Authorize = (request: FastifyRequest<SocketAddress>, reply: FastifyReply) => Promise<void>

/** Traces each handshake: a refused one ends here, an admitted one when its socket is open. */
const traced =
  (tracing: Tracing, authorize: Authorize): Authorize =>
  async (request, reply) => {
    const handshake = tracing.start('handshake')
    request.handshake = handshake
    try {
      await authorize(request, reply)
    } catch (error) {
      handshake.end({ 'maeum.outcome': error instanceof AppError ? error.code : 'failed' })
      throw error
    }
  }

/** The receivers of the sockets' messages. */
function createChannelReceivers(app: FastifyInstance, config: Config, registry: Registry) {
  return createReceivers({
    registry,
    maxFrames: config.analysis.maxFrames,
    analysis: app.analysis,
    reclaim: async (sessionId) => {
      const found = await app.sessions.claim(sessionId, { onlyFree: true })
      return found === undefined ? undefined : app.analysis.prepare(found)
    },
    supersededAfterMs: config.sessions.leaseMs + HANDSHAKE_MS,
    sessions: app.sessions,
    voice: app.voice,
    conversation: app.conversation,
    onFailure: (error) => {
      if (!app.outages.explains(error)) app.log.error({ err: error }, 'a session command failed')
    },
  })
}

/** The decisions about upgrade requests, from the sessions' rows. */
function createSessionAdmissions(app: FastifyInstance) {
  const admitLine = createLineLimit(monotonic)
  return createAdmissions({
    monotonic,
    find: async (sessionId) => {
      const found = await app.sessions.find(sessionId)
      if (found === undefined) return undefined
      // What is known of it here may be older than a change on another instance.
      await app.consent.prepare(found.session.userId)
      return { session: found.session, clock: found.now.getTime() }
    },
    claim: async (sessionId, admit) => {
      const found = await app.sessions.claim(sessionId, { onlyFree: false, admit })
      return found === undefined ? undefined : { found, start: await app.analysis.prepare(found) }
    },
    isFull: app.analysis.isFull,
    onUnknown: (sessionId) => app.log.warn(`⚠️ 세션 없음: ${logId(sessionId)}`),
    // Also during an outage, because operators search for it.
    onLookupFailed: (error) => {
      const omitted = admitLine(errorCode(error))
      if (omitted === undefined) return
      app.log.error({ err: error, ...(omitted > 0 && { omitted }) }, '❌ [CRITICAL] Failed to fetch session')
    },
  })
}

/** The three WebSockets of a session. */
export const channels = fp(
  async (app, { config }: { config: Config }) => {
    const registry = createRegistry()
    const receivers = createChannelReceivers(app, config, registry)
    const announcer = createAnnouncer({
      registry,
      delivered: app.analysis.delivered,
      status: app.sessions.status,
      onStatusFailed: (error) => app.outages.report(error, 'a status update could not be made'),
    })

    const admissions = createSessionAdmissions(app)
    app.hub.subscribe((sessionId, event) => {
      if (event.type === 'status_changed') admissions.noteChange(sessionId, event.status)
      announcer.announce(sessionId, event)
    })

    /** A newer landmarks socket has taken over the session; older sockets of the newer protocol are closed. */
    const supersede = (sessionId: string) => {
      for (const older of registry.of(sessionId, 'landmarks')) {
        if (older.isV2) older.close(4001, 'SUPERSEDED')
      }
    }
    app.sessions.onSuperseded(supersede)
    app.sessions.onPresence(() => registry.sessions())

    const { requireTicket } = config.sessions
    const refusals = app.metrics.refusedSockets
    const admitWithinLimits = createUpgradeLimits({
      ...config.limits,
      onRefused: (reason, address) => {
        refusals.labels(reason).inc()
        app.securityEvents.emit({ event: 'excess_connections', address, details: { reason } })
      },
    })
    const accounts = createTrafficAccounts(monotonic)

    const authorizeUpgrade = async (request: FastifyRequest<SocketAddress>, reply: FastifyReply) => {
      const { channel, sessionId } = addressOf(request)
      if (!request.ws) {
        void reply.headers({ upgrade: 'websocket', connection: 'upgrade' }) // RFC 9110, 15.5.22
        throw new AppError('UPGRADE_REQUIRED')
      }
      if (!app.admitsOrigin(request)) {
        refusals.labels('origin').inc()
        throw new AppError('ORIGIN_NOT_ALLOWED')
      }
      const upgrade = { socket: request.raw.socket, ip: request.ip, address: callerAddress(request) }
      request.admission = await admitWithinLimits(upgrade, async (admitUser) => {
        if (requireTicket) {
          const redeemed = await app.tickets.redeem(request.query.ticket, sessionId, channel)
          if (redeemed === undefined) {
            refusals.labels('ticket').inc()
            throw new AppError('TICKET_REQUIRED')
          }
          request.ticketFamily = redeemed.familyId
        }
        return admissions.admit({ sessionId, channel, address: request.ip }, admitUser)
      })
    }

    const openSocket = (socket: WebSocket, request: FastifyRequest<SocketAddress>) => {
      const { channel, sessionId } = addressOf(request)
      const { admission, ticketFamily, handshake } = request
      const outcome = admission?.kind === 'dead' ? admission.code : admission?.kind
      handshake?.end({ 'maeum.channel': channel, 'maeum.outcome': outcome ?? 'failed' })
      const isOwn = admission?.kind === 'admitted' && admission.found.session.familyId === ticketFamily
      const language = parsePreferredLanguage(request.headers['accept-language'])
      const startedAt = admission?.kind === 'admitted' ? admission.found.session.startedAt.getTime() : 0
      const dropped = app.metrics.droppedMessages.labels(channel)
      const onDropped = () => dropped.inc()
      const userId = admission?.kind === 'admitted' ? admission.found.session.userId : undefined
      const address = callerAddress(request)
      const connection = new Connection({
        socket,
        channel,
        sessionId,
        startedAt,
        language,
        familyId: isOwn ? null : ticketFamily,
        ...(handshake !== null && { handshake }),
        monotonic,
        onDropped,
        onMessage: () => (userId === undefined ? 0 : accounts.chargeMessage(userId)),
        onInvalid: (bytes) => (userId === undefined ? 0 : accounts.chargeInvalid(userId, address, bytes)),
        onFailure: (error) => app.guard.report('socket_work', error),
      })
      if (admission?.kind === 'full') {
        connection.sendError('SERVER_BUSY', 'reconnect')
        connection.close(1013, 'OVERLOADED')
        return
      }
      if (admission?.kind !== 'admitted') {
        connection.rejectSession(admission?.code ?? 'SESSION_NOT_FOUND')
        return
      }
      const receiver = receivers.open(connection, admission)
      if (channel === 'landmarks') supersede(sessionId)
      registry.add(connection, receiver.isSending)
      app.metrics.sockets.labels(channel).inc()
      socket.on('message', (data: Buffer, isBinary: boolean) => {
        connection.noteActivity()
        try {
          receiver.receive(data, isBinary)
        } catch (error) {
          app.guard.report('socket_message', error) // uncaught in a listener, it would end the process
        }
      })
      socket.on('pong', () => connection.notePong())
      socket.on('ping', () => connection.chargeInvalid(0))
      socket.once('close', () => {
        registry.remove(connection)
        app.metrics.sockets.labels(channel).dec()
        app.guard.run('socket_close', receiver.close)
      })
      receiver.greet()
    }

    // Sockets on the sessions of the device itself close when these end.
    app.auth.onDevice((familyIds, renamedTo) => {
      for (const connection of registry.ofDevices(familyIds)) {
        if (renamedTo === null) connection.logOut()
        else connection.familyId = renamedTo
      }
    })

    app.decorateRequest('admission', null)
    app.decorateRequest('ticketFamily', null)
    app.decorateRequest('handshake', null)
    for (const url of ['/ws/:channel', '/ws/:channel/:sessionId']) {
      app.route<SocketAddress>({
        method: 'GET',
        url,
        schema: { hide: true },
        config: { rateLimit: false },
        preValidation: traced(app.tracing, authorizeUpgrade),
        handler: () => {
          throw new AppError('UPGRADE_REQUIRED')
        },
        wsHandler: openSocket,
      })
    }

    documentRoutes(app, app.voice.messages)

    app.every('heartbeat', config.sessions.pingIntervalMs, () => registry.beat())
  },
  {
    name: 'channels',
    dependencies: [
      'analysis',
      'auth',
      'consent',
      'conversation',
      'guard',
      'hub',
      'metrics',
      'security',
      'sessions',
      'tickets',
      'tracing',
      'voice',
      'websocket',
    ],
  },
)
