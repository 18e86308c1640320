import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import { createGuard, type Guard } from '../lib/guard.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly guard: Guard
    /** Calls `work` every `ms` until shutdown begins; an error is reported, and the next call is made all the same. */
    every(place: string, ms: number, work: () => unknown): void
  }
}

/** Timers and listeners that cannot end the process: their errors are counted and logged by place. */
export const guard = fp(
  (app, _options, done) => {
    const { internalErrors } = app.metrics
    const made = createGuard({
      onError: (place) => internalErrors.labels(place).inc(),
      log: (place, error) =>
        app.log.error({ err: error, place }, 'background work failed; it is tried again the next time'),
      monotonic: () => performance.now(),
    })
    const timers: NodeJS.Timeout[] = []
    app.decorate('guard', made)
    app.decorate('every', (place: string, ms: number, work: () => unknown) => {
      timers.push(setInterval(() => made.run(place, work), ms))
    })
    app.addHook('preClose', (next) => {
      for (const timer of timers) clearInterval(timer)
      next()
    })
    done()
  },
  { name: 'guard', dependencies: ['metrics'] },
)
