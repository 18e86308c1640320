import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { logId } from '../../lib/redact.ts'
import { createLeases, type Leases } from './leases.ts'
import { type LockedSession, sessionsRepository as repository } from './repository.ts'
import { sessionRoutes } from './routes.ts'
import { createSessionService, SESSION_ID, type SessionService } from './service.ts'
import { toSessionView } from './views.ts'
import { createWatch } from './watch.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Pick<SessionService, 'find' | 'pause' | 'resume' | 'end'> & {
      /** What the session channel tells its holder. */
      readonly status: (id: string) => Promise<ReturnType<typeof toSessionView>>
      /**
       * Makes this process the owner of a live session; undefined when it is unknown or has ended, or, with `onlyFree`,
       * while another instance serves it.
       */
      readonly claim: (
        id: string,
        options?: { readonly onlyFree: boolean },
      ) => Promise<LockedSession | undefined>
      readonly leases: Pick<Leases, 'mayAct' | 'isValid' | 'release'>
      /** Called when another instance has taken a session over, or its lease could not be kept. */
      readonly onLost: (listener: (sessionId: string) => void) => void
      /** Tells which sessions have a socket here, so that nobody takes them for abandoned. */
      readonly onPresence: (present: () => readonly string[]) => void
    }
  }
}

/** How often the rows are looked at for what a lost notice would have told. */
const LOOK_MS = 700
const TEND_MS = 5000
/** After an outage nobody is taken for gone before this many rounds. */
const RETURN_INTERVALS = 3
const SWEEP_BATCH = 100

/** Life of a session: a row in Postgres that moves between active, paused and ended, served by one instance at a time. */
export const sessions = fp(
  async (app, { config }: { config: Config }) => {
    const { orm } = app.database
    const { leaseMs, idleMs } = config.sessions
    const lostListeners: ((sessionId: string) => void)[] = []
    const presences: (() => readonly string[])[] = []

    const service = createSessionService({
      database: app.database,
      repository,
      intervalMs: config.analysis.intervalMs,
      announce: (sessionId, change) => {
        watch.tell(sessionId, change)
        app.notices.send({ kind: 'status', sessionId, ...change })
      },
    })
    const leases = createLeases({
      renew: async (held) => new Set(await repository.renewLeases(orm, held, leaseMs)),
      release: (given) => repository.releaseLeases(orm, given),
      ttlMs: leaseMs,
      monotonic: () => performance.now(),
      onLost: (sessionId) => {
        for (const listener of lostListeners) listener(sessionId)
      },
      onUnreachable: (error) => app.log.warn({ err: error }, 'leases could not be renewed'),
    })
    const watch = createWatch({
      listChanged: (ms) => repository.listChanged(orm, ms),
      onStatus: (sessionId, change) => app.hub.publish(sessionId, { type: 'status_changed', ...change }),
      onClaimed: leases.lostTo,
    })
    app.notices.onNotice((notice) => {
      if (notice.kind === 'claimed') watch.onClaimed(notice.sessionId, notice.epoch)
      else if (notice.kind === 'status') watch.tell(notice.sessionId, notice)
    })

    const failed = (what: string) => (error: unknown) => app.log.warn({ err: error }, what)
    app.notices.onListening(() => void watch.look().catch(failed('sessions could not be looked at')))
    const tendMs = Math.min(TEND_MS, idleMs / 3)
    let sweepFrom = 0
    /** Marks who is here, then ends what has been left. After an outage everyone gets time to be marked first. */
    const tend = async () => {
      try {
        await repository.touch(
          orm,
          presences.flatMap((present) => present()),
        )
        if (performance.now() >= sweepFrom) await service.endAbandoned(idleMs, SWEEP_BATCH)
      } catch (error) {
        sweepFrom = performance.now() + RETURN_INTERVALS * tendMs
        failed('abandoned sessions could not be looked for')(error)
      }
    }
    const timers = [
      setInterval(() => void watch.look().catch(failed('sessions could not be looked at')), LOOK_MS),
      setInterval(() => void leases.renew(), leases.renewEveryMs),
      setInterval(() => void tend(), tendMs),
    ]
    app.addHook('preClose', (done) => {
      for (const timer of timers) clearInterval(timer)
      done()
    })

    const start: SessionService['start'] = async (who, labels) => {
      const session = await service.start(who, labels)
      app.log.info(`✅ Session created: ${logId(session.id)}`)
      return session
    }
    app.auth.onLogout((families) => service.endOfFamilies(families))
    app.decorate('sessions', {
      find: service.find,
      pause: service.pause,
      resume: service.resume,
      end: (id, asker, reason) => service.end(id, asker, reason),
      status: async (id) => toSessionView(await service.get(id, 'capability')),
      claim: async (id, { onlyFree } = { onlyFree: false }) => {
        if (!SESSION_ID.test(id)) return undefined
        const askedAt = performance.now()
        const claimed = await repository.claim(orm, id, { owner: app.instanceId, ttlMs: leaseMs, onlyFree })
        if (claimed === undefined) return undefined
        const { leaseEpoch } = claimed.session
        leases.hold(id, leaseEpoch, askedAt)
        app.notices.send({ kind: 'claimed', sessionId: id, epoch: leaseEpoch })
        return claimed
      },
      leases,
      onLost: (listener) => void lostListeners.push(listener),
      onPresence: (present) => void presences.push(present),
    })
    await app.register(sessionRoutes, {
      prefix: '/api/session',
      service: { ...service, start },
      publicUrl: config.server.publicUrl,
    })
  },
  { name: 'sessions', dependencies: ['auth', 'database', 'hub', 'notices'] },
)
