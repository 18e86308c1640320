import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { logId } from '../../lib/redact.ts'
import { sessionsRepository } from './repository.ts'
import { sessionRoutes } from './routes.ts'
import { createSessionService, type SessionService } from './service.ts'
import { toSessionView } from './views.ts'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Pick<SessionService, 'find' | 'pause' | 'resume' | 'end'> & {
      /** What the session channel tells its holder. */
      readonly status: (id: string) => Promise<ReturnType<typeof toSessionView>>
    }
  }
}

/** Life of a session: a row in Postgres that moves between active, paused and ended. */
export const sessions = fp(
  async (app, { config }: { config: Config }) => {
    const service = createSessionService({
      database: app.database,
      repository: sessionsRepository,
      intervalMs: config.analysis.intervalMs,
      announce: (id, change) => app.hub.publish(id, { type: 'status_changed', ...change }),
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
      status: async (id: string) => toSessionView(await service.get(id, 'capability')),
    })
    await app.register(sessionRoutes, {
      prefix: '/api/session',
      service: { ...service, start },
      publicUrl: config.server.publicUrl,
    })
  },
  { name: 'sessions', dependencies: ['auth', 'database', 'hub'] },
)
