import { performance } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../../config/config.ts'
import { logId } from '../../lib/redact.ts'
import { createWakingClock } from '../../lib/waking-clock.ts'
import { type ClaimedSession, type ClaimOptions, createClaims } from '../../live/leases/claims.ts'
import { leaseRepository } from '../../live/leases/repository.ts'
import type { LeaseClaim } from '../../live/leases/lease.ts'
import { createLeases, type Leases } from '../../live/leases/leases.ts'
import type { UnstoredWindow } from './end-answer.ts'
import { sessionListRepository } from './list/repository.ts'
import { createReceipts, sessionMark } from '../../lib/receipts.ts'
import { createSessionListService } from './list/service.ts'
import { sessionsRepository as repository } from './repository.ts'
import { sessionRoutes } from './routes.ts'
import { createSessionService, SESSION_ID, type SessionService } from './service.ts'
import { stateRepository } from '../../live/leases/state-repository.ts'
import { toSessionView } from './views.ts'
import { createWatch, type Watch } from '../../live/leases/watch.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Pick<SessionService, 'find' | 'pause' | 'resume' | 'end' | 'endOfUser' | 'deleteOfUser'> & {
      /** The session as the session channel sends it. */
      readonly status: (id: string) => Promise<ReturnType<typeof toSessionView>>
      /**
       * Makes this process the owner of a live session. Undefined when it is unknown or has ended, or, with `onlyFree`,
       * while another instance owns it. The caller feeds the session or releases the claim.
       */
      readonly claim: (
        id: string,
        options?: ClaimOptions,
      ) => Promise<(ClaimedSession & { readonly claim: LeaseClaim }) | undefined>
      readonly leases: Pick<Leases, 'mayAct' | 'holds' | 'lost' | 'release' | 'renew'>
      /** Calls the listener when this process is no longer the owner of a session. */
      readonly onLost: (listener: (sessionId: string) => void) => void
      /** Calls the listener when a socket on another instance feeds a session that this process owned. */
      readonly onSuperseded: (listener: (sessionId: string) => void) => void
      /** Registers a source of answers that are not stored yet; they count when a session ends. */
      readonly onUnstored: (list: (sessionId: string) => readonly UnstoredWindow[]) => void
      /** Registers a source of sessions with a socket here, which are not abandoned. */
      readonly onPresence: (present: () => readonly string[]) => void
    }
  }
}

/** How often the sessions in this process are compared with their rows. */
const POLL_INTERVAL_MS = 500
/** Well below the driver's own deadline, because a connection may hang. */
const POLL_TIMEOUT_MS = 3000
const TEND_MS = 5000
/** After an outage no session is abandoned before this many rounds. */
const MARKING_ROUNDS = 3
const SWEEP_BATCH = 100
const DEVICES_BATCH = 500

const logFailure = (app: FastifyInstance, what: string) => (error: unknown) => app.outages.report(error, what)

type Ownership = {
  readonly leases: Leases
  readonly watch: Watch
  readonly claim: FastifyInstance['sessions']['claim']
}

type OwnershipOptions = {
  readonly leaseMs: number
  /** The sessions with a socket here. */
  readonly present: () => readonly string[]
  readonly onLost: (sessionId: string) => void
}

/** The leases of this process, and the watch that compares its sessions with their rows. */
function createOwnership(app: FastifyInstance, { leaseMs, present, onLost }: OwnershipOptions): Ownership {
  const { sql } = app.database
  const mine = { owner: app.instanceId, ttlMs: leaseMs }
  const monotonic = () => performance.now()
  const waking = createWakingClock(monotonic, Date.now)
  const leases = createLeases({
    renew: (held) => leaseRepository.renew(sql, held, mine),
    release: (given, patient) => leaseRepository.release(sql, given, { ...mine, patient }),
    ttlMs: leaseMs,
    monotonic: waking,
    onLost,
    onTaken: () => app.metrics.leaseTakeovers.labels('lost').inc(),
    onDeleted: (sessionId) => watch.onDeleted(sessionId),
    onUnreachable: logFailure(app, 'leases could not be renewed'),
    onReleaseFailed: logFailure(app, 'leases could not be released; they will expire'),
  })
  const watch = createWatch({
    present: () =>
      new Map<string, number | undefined>([
        ...present().map((id) => [id, undefined] as const),
        ...leases.epochs(),
      ]),
    listDiffering: (believed) => stateRepository.listDiffering(sql, believed),
    onStatus: (sessionId, change) => app.hub.publish(sessionId, { type: 'status_changed', ...change }),
    onDeleted: (sessionId) => {
      app.hub.publish(sessionId, { type: 'session_deleted' }) // first, so that its sockets can send a close message
      leases.deleted(sessionId)
    },
    onClaimed: leases.lostTo,
    deadlineMs: POLL_TIMEOUT_MS,
  })
  let suspendedMs = 0
  /** Renews the leases after a suspension of the machine, because they and the clock may be outdated. */
  const renewAfterSuspension = async () => {
    const ms = waking() - monotonic()
    if (ms > suspendedMs) await leases.renew()
    suspendedMs = ms
  }
  const look = () => watch.look().catch(logFailure(app, 'sessions could not be polled'))
  app.notices.onListening(() => void look())
  app.every('leases_suspension', POLL_INTERVAL_MS, renewAfterSuspension)
  app.every('sessions_look', POLL_INTERVAL_MS, look)
  app.every('leases_renew', leases.renewEveryMs, leases.renew)
  return { leases, watch, claim: createClaim(app, { leases, watch, mine }) }
}

type ClaimParts = Omit<Ownership, 'claim'> & {
  readonly mine: { readonly owner: string; readonly ttlMs: number }
}

/** Claims sessions for this process, and notifies a previous owner. */
function createClaim(app: FastifyInstance, { leases, watch, mine }: ClaimParts): Ownership['claim'] {
  const { sql } = app.database
  const claim = (ids: readonly string[], how: { readonly onlyFree: boolean; readonly patient: boolean }) =>
    leaseRepository.claim(sql, ids, { ...mine, ...how })
  const claimOne = createClaims({
    usersOf: (ids) => leaseRepository.listUsers(sql, ids),
    claim: (ids) => claim(ids, { onlyFree: false, patient: false }),
    claimPatiently: (id, onlyFree) => claim([id], { onlyFree, patient: true }),
    progressOf: (ids) => leaseRepository.listProgress(sql, ids),
  })
  return async (id, options = { onlyFree: false }) => {
    if (!SESSION_ID.test(id)) return undefined
    const claimed = await leases.claim(id, () => watch.read(() => claimOne(id, options)))
    if (claimed === undefined) return undefined
    const { before, claim } = claimed
    // Only a previous owner is notified, and only once the claim is used.
    const isNews = before !== null && before !== app.instanceId
    if (isNews) app.metrics.leaseTakeovers.labels('gained').inc()
    const feed: typeof claim.feed = (isActive) => {
      const isOurs = claim.feed(isActive)
      if (isOurs && isNews) app.notices.send({ kind: 'claimed', sessionId: id, epoch: claim.epoch })
      return isOurs
    }
    return { ...claimed, claim: { ...claim, feed } }
  }
}

/** Follows the notices of other instances. `onSuperseded`: a socket there feeds a session that was owned here. */
function followNotices(
  app: FastifyInstance,
  { leases, watch }: Ownership,
  onSuperseded: (sessionId: string) => void,
): void {
  /** Called when a socket on another instance feeds the session, under this epoch. */
  const superseded = (sessionId: string, epoch: number) => {
    watch.onClaimed(sessionId, epoch)
    // Two owners of one epoch: the database has lost one claim. The renewal shows which.
    if (leases.holds({ sessionId, epoch })) void leases.renew()
    else if (!leases.has(sessionId)) onSuperseded(sessionId)
  }
  app.notices.onNotice((notice) => {
    if (notice.kind === 'claimed') superseded(notice.sessionId, notice.epoch)
    else if (notice.kind === 'status') watch.apply(notice.sessionId, notice)
    else if (notice.kind === 'deleted') watch.onDeleted(notice.sessionId)
  })
}

type TendOptions = {
  readonly service: SessionService
  readonly present: () => readonly string[]
  readonly idleMs: number
}

/**
 * Marks sessions with sockets, then ends abandoned ones; after an outage only once all instances could mark theirs.
 */
function tendSessions(app: FastifyInstance, { service, present, idleMs }: TendOptions): void {
  const tendMs = Math.min(TEND_MS, idleMs / 3)
  let sweepFrom = 0
  app.every('sessions_tend', tendMs, async () => {
    try {
      await leaseRepository.touch(app.database.sql, present())
      if (performance.now() >= sweepFrom) await service.endAbandoned(idleMs, SWEEP_BATCH)
      await service.endOfDeadFamilies(SWEEP_BATCH)
      await service.forgetDevices(DEVICES_BATCH)
    } catch (error) {
      sweepFrom = performance.now() + MARKING_ROUNDS * tendMs
      logFailure(app, 'abandoned sessions could not be ended')(error)
    }
  })
}

/** Sessions: rows with the status active, paused or ended, each owned by one instance at a time. */
export const sessions = fp(
  async (app, { config }: { config: Config }) => {
    const { leaseMs, idleMs } = config.sessions
    const lostListeners: ((sessionId: string) => void)[] = []
    const supersededListeners: ((sessionId: string) => void)[] = []
    const unstored: ((sessionId: string) => readonly UnstoredWindow[])[] = []
    const presences: (() => readonly string[])[] = []
    const present = () => presences.flatMap((here) => here())

    const ownership = createOwnership(app, {
      leaseMs,
      present,
      onLost: (sessionId) => {
        for (const listener of lostListeners) app.guard.run('lease_lost', () => listener(sessionId))
      },
    })
    const { leases, watch } = ownership
    followNotices(app, ownership, (sessionId) => {
      for (const listener of supersededListeners) listener(sessionId)
    })
    const receipts = createReceipts(app.authentication.secret)
    const service = createSessionService({
      database: app.database,
      repository,
      intervalMs: config.analysis.intervalMs,
      listUnstored: (sessionId) => unstored.flatMap((list) => list(sessionId)),
      announce: (sessionId, change) => {
        if (watch.apply(sessionId, change)) app.notices.send({ kind: 'status', sessionId, ...change })
      },
      announceDeleted: (sessionId) => {
        watch.onDeleted(sessionId)
        app.notices.send({ kind: 'deleted', sessionId })
      },
      // Outside the database: `maeum restore --erasures` reads it.
      onErased: (sessionId) => {
        const receipt = receipts.issue('session_erased', { session: sessionMark(sessionId) })
        app.log.info({ receipt }, 'a session was erased')
      },
    })
    tendSessions(app, { service, present, idleMs })

    const start: SessionService['start'] = async (who, labels, language) => {
      const session = await service.start(who, labels, language)
      app.log.info(`✅ Session created: ${logId(session.id)}`)
      return session
    }
    app.auth.onLogout((families) => service.endOfFamilies(families))
    app.decorate('sessions', {
      find: (id) => watch.read(() => service.find(id)),
      pause: service.pause,
      resume: service.resume,
      end: (id, caller, reason) => service.end(id, caller, reason),
      endOfUser: (userId, reason) => service.endOfUser(userId, reason),
      deleteOfUser: (userId, limit) => service.deleteOfUser(userId, limit),
      status: async (id) => toSessionView(await service.get(id, 'capability')),
      claim: ownership.claim,
      leases,
      onLost: (listener) => void lostListeners.push(listener),
      onSuperseded: (listener) => void supersededListeners.push(listener),
      onUnstored: (list) => void unstored.push(list),
      onPresence: (present) => void presences.push(present),
    })
    await app.register(sessionRoutes, {
      prefix: '/api/session',
      service: { ...service, start },
      list: createSessionListService({ database: app.database, repository: sessionListRepository }),
      publicUrl: config.server.publicUrl,
    })
  },
  { name: 'sessions', dependencies: ['auth', 'database', 'guard', 'hub', 'metrics', 'notices'] },
)
