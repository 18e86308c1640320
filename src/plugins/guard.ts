import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import { createGuard, type Guard } from '../lib/guard.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly guard: Guard
    /** Calls `work` every `ms` until shutdown starts. An error is reported and does not stop further calls. */
    every(place: string, ms: number, work: () => unknown): void
  }
}

/** Timers and listeners whose errors are counted and logged by place instead of ending the process. */
export const guard = fp(
  (app, _options, done) => {
    const { internalErrors } = app.metrics
    const instance = createGuard({
      onError: (place) => internalErrors.labels(place).inc(),
      // An outage has its own lines. It is registered later, because it looks at intervals.
      isExplained: (error) => app.hasDecorator('outages') && app.outages.explains(error),
      log: (place, error) =>
        app.log.error(
          { err: error, place },
          'background work failed; it will be retried at the next interval',
        ),
      monotonic: () => performance.now(),
    })
    const timers: NodeJS.Timeout[] = []
    app.decorate('guard', instance)
    app.decorate('every', (place: string, ms: number, work: () => unknown) => {
      timers.push(setInterval(() => instance.run(place, work), ms))
    })
    app.addHook('preClose', (next) => {
      for (const timer of timers) clearInterval(timer)
      next()
    })
    done()
  },
  { name: 'guard', dependencies: ['metrics'] },
)
