import fp from 'fastify-plugin'
import type { SecurityEvent } from '../http/security-event.ts'
import { createEmitter, type Emitter } from '../lib/emitter.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Security events of accounts within this process. */
    securityEvents: Emitter<[SecurityEvent]>
  }
}

export const securityEvents = fp(
  (app, _options, done) => {
    app.decorate(
      'securityEvents',
      createEmitter<[SecurityEvent]>((error) => app.guard.report('security_events', error)), // `guard` is registered later
    )
    done()
  },
  { name: 'security-events' },
)
