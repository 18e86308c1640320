import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { logId } from '../../lib/redact.ts'
import { createWakingClock } from '../../lib/waking-clock.ts'
import { type ClaimedSession, type ClaimOptions, createClaims } from './claims.ts'
import { leaseRepository } from './lease-repository.ts'
import { createLeases, type LeaseClaim, type Leases } from './leases.ts'
import { sessionsRepository as repository } from './repository.ts'
import { sessionRoutes } from './routes.ts'
import { createSessionService, SESSION_ID, type SessionService, type UnstoredWindow } from './service.ts'
import { stateRepository } from './state-repository.ts'
import { toSessionView } from './views.ts'
import { createWatch } from './watch.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Pick<SessionService, 'find' | 'pause' | 'resume' | 'end' | 'endOfUser' | 'deleteOfUser'> & {
      /** What the session channel tells its holder. */
      readonly status: (id: string) => Promise<ReturnType<typeof toSessionView>>
      /**
       * Makes this process the owner of a live session; undefined when it is unknown or has ended, or, with `onlyFree`,
       * while another instance serves it. Who gets it feeds the session, or releases the claim.
       */
      readonly claim: (
        id: string,
        options?: ClaimOptions,
      ) => Promise<(ClaimedSession & { readonly claim: LeaseClaim }) | undefined>
      readonly leases: Pick<Leases, 'mayAct' | 'holds' | 'lost' | 'release' | 'renew'>
      /** Called when this process is no longer the owner of a session. */
      readonly onLost: (listener: (sessionId: string) => void) => void
      /** Called when a socket on another instance feeds a session that was served here. */
      readonly onSuperseded: (listener: (sessionId: string) => void) => void
      /** What is answered but not stored yet counts as well when a session ends. */
      readonly onUnstored: (list: (sessionId: string) => readonly UnstoredWindow[]) => void
      /** Tells which sessions have a socket here, so that nobody takes them for abandoned. */
      readonly onPresence: (present: () => readonly string[]) => void
    }
  }
}

/** How often the rows are compared with what is known here. */
const LOOK_MS = 500
/** Well below the driver's own deadline: a connection that hangs is not waited for. */
const LOOK_DEADLINE_MS = 3000
const TEND_MS = 5000
/** After an outage nobody is taken for gone before this many rounds. */
const RETURN_INTERVALS = 3
const SWEEP_BATCH = 100
const DEVICES_BATCH = 500

/** Life of a session: a row in Postgres that moves between active, paused and ended, served by one instance at a time. */
export const sessions = fp(
  async (app, { config }: { config: Config }) => {
    const { sql } = app.database
    const { leaseMs, idleMs } = config.sessions
    const lostListeners: ((sessionId: string) => void)[] = []
    const supersededListeners: ((sessionId: string) => void)[] = []
    const unstored: ((sessionId: string) => readonly UnstoredWindow[])[] = []
    const presences: (() => readonly string[])[] = []
    const present = () => presences.flatMap((here) => here())

    const service = createSessionService({
      database: app.database,
      repository,
      intervalMs: config.analysis.intervalMs,
      listUnstored: (sessionId) => unstored.flatMap((list) => list(sessionId)),
      announce: (sessionId, change) => {
        if (watch.tell(sessionId, change)) app.notices.send({ kind: 'status', sessionId, ...change })
      },
      announceDeleted: (sessionId) => {
        watch.onDeleted(sessionId)
        app.notices.send({ kind: 'deleted', sessionId })
      },
    })
    const mine = { owner: app.instanceId, ttlMs: leaseMs }
    const monotonic = () => performance.now()
    const waking = createWakingClock(monotonic, Date.now)
    const leases = createLeases({
      renew: (held) => leaseRepository.renew(sql, held, mine),
      release: (given, patient) => leaseRepository.release(sql, given, { ...mine, patient }),
      ttlMs: leaseMs,
      monotonic: waking,
      onLost: (sessionId) => {
        for (const listener of lostListeners) app.guard.run('lease_lost', () => listener(sessionId))
      },
      onGone: (sessionId) => watch.onDeleted(sessionId),
      onUnreachable: (error) => app.log.warn({ err: error }, 'leases could not be renewed'),
      onReleaseFailed: (error) =>
        app.log.warn({ err: error }, 'leases could not be released; they will expire'),
    })
    const claim = (ids: readonly string[], how: { readonly onlyFree: boolean; readonly patient: boolean }) =>
      leaseRepository.claim(sql, ids, { ...mine, ...how })
    const claimOne = createClaims({
      usersOf: (ids) => leaseRepository.listUsers(sql, ids),
      claim: (ids) => claim(ids, { onlyFree: false, patient: false }),
      claimPatiently: (id, onlyFree) => claim([id], { onlyFree, patient: true }),
      progressOf: (ids) => leaseRepository.listProgress(sql, ids),
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
        app.hub.publish(sessionId, { type: 'session_deleted' }) // first, for its sockets have a word to say
        leases.gone(sessionId)
      },
      onClaimed: leases.lostTo,
      deadlineMs: LOOK_DEADLINE_MS,
    })
    /** A socket on another instance feeds the session, under this epoch. */
    const superseded = (sessionId: string, epoch: number) => {
      watch.onClaimed(sessionId, epoch)
      // Two owners of one epoch: the database has lost the claim of one of them, and says of which.
      if (leases.holds({ sessionId, epoch })) void leases.renew()
      else if (!leases.has(sessionId)) for (const listener of supersededListeners) listener(sessionId)
    }
    app.notices.onNotice((notice) => {
      if (notice.kind === 'claimed') superseded(notice.sessionId, notice.epoch)
      else if (notice.kind === 'status') watch.tell(notice.sessionId, notice)
      else if (notice.kind === 'deleted') watch.onDeleted(notice.sessionId)
    })

    const failed = (what: string) => (error: unknown) => app.log.warn({ err: error }, what)
    app.notices.onListening(() => void watch.look().catch(failed('sessions could not be looked at')))
    const tendMs = Math.min(TEND_MS, idleMs / 3)
    let sweepFrom = 0
    /** Marks who is here, then ends what has been left. After an outage everyone gets time to be marked first. */
    const tend = async () => {
      try {
        await leaseRepository.touch(sql, present())
        if (performance.now() >= sweepFrom) await service.endAbandoned(idleMs, SWEEP_BATCH)
        await service.endOfDeadFamilies(SWEEP_BATCH)
        await service.forgetDevices(DEVICES_BATCH)
      } catch (error) {
        sweepFrom = performance.now() + RETURN_INTERVALS * tendMs
        failed('abandoned sessions could not be looked for')(error)
      }
    }
    let suspendedMs = 0
    /** After a suspension of the machine neither the leases nor the clock are what they were: both are asked about. */
    const renewAfterSuspension = async () => {
      const ms = waking() - monotonic()
      if (ms > suspendedMs) await leases.renew()
      suspendedMs = ms
    }
    app.every('leases_suspension', LOOK_MS, renewAfterSuspension)
    app.every('sessions_look', LOOK_MS, () => watch.look().catch(failed('sessions could not be looked at')))
    app.every('leases_renew', leases.renewEveryMs, leases.renew)
    app.every('sessions_tend', tendMs, tend)

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
      end: (id, asker, reason) => service.end(id, asker, reason),
      endOfUser: (userId, reason) => service.endOfUser(userId, reason),
      deleteOfUser: (userId, limit) => service.deleteOfUser(userId, limit),
      status: async (id) => toSessionView(await service.get(id, 'capability')),
      claim: async (id, options = { onlyFree: false }) => {
        if (!SESSION_ID.test(id)) return undefined
        const claimed = await leases.claim(id, () => watch.read(() => claimOne(id, options)))
        if (claimed === undefined) return undefined
        const { before, claim } = claimed
        // Who held nothing has nothing to hear, and who has it until now only once it has really passed on.
        const isNews = before !== null && before !== app.instanceId
        const feed: typeof claim.feed = (isActive) => {
          const isOurs = claim.feed(isActive)
          if (isOurs && isNews) app.notices.send({ kind: 'claimed', sessionId: id, epoch: claim.epoch })
          return isOurs
        }
        return { ...claimed, claim: { ...claim, feed } }
      },
      leases,
      onLost: (listener) => void lostListeners.push(listener),
      onSuperseded: (listener) => void supersededListeners.push(listener),
      onUnstored: (list) => void unstored.push(list),
      onPresence: (present) => void presences.push(present),
    })
    await app.register(sessionRoutes, {
      prefix: '/api/session',
      service: { ...service, start },
      publicUrl: config.server.publicUrl,
    })
  },
  { name: 'sessions', dependencies: ['auth', 'database', 'guard', 'hub', 'notices'] },
)
