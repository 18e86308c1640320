import fp from 'fastify-plugin'
import { createEmitter } from '../lib/emitter.ts'
import type { SessionEvent, SessionListener } from '../protocol/session-events.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Session events within this process. */
    hub: {
      readonly publish: (sessionId: string, event: SessionEvent) => void
      readonly subscribe: (listener: SessionListener) => void
    }
  }
}

export const hub = fp(
  (app, _options, done) => {
    const { emit, subscribe } = createEmitter<Parameters<SessionListener>>((error) =>
      app.guard.report('hub', error),
    )
    app.decorate('hub', { publish: emit, subscribe })
    done()
  },
  { name: 'hub', dependencies: ['guard'] },
)
