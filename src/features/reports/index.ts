import fp from 'fastify-plugin'
import type { Config } from '../../config/config.ts'
import { createSingleFlight } from '../../lib/single-flight.ts'
import { createPrinter } from './pdf/printer.ts'
import { reportsRepository } from './repository.ts'
import { reportRoutes } from './routes.ts'
import { createReportService } from './service.ts'

declare module 'fastify' {
  interface FastifyInstance {
    reports: {
      /** Creates the report of a session that this process owned at its end. Failures are logged and retried. */
      readonly finalise: (sessionId: string) => Promise<void>
    }
  }
}

const SWEEP_MS = 5000
const SWEEP_BATCH = 50

/** Reports of ended sessions, computed from their stored windows. */
export const reports = fp(
  async (app, { config }: { config: Config }) => {
    const service = createReportService({
      database: app.database,
      repository: reportsRepository,
      vault: app.vault,
      configuredLines: config.counsellor.crisisLines,
      onFinalised: (sessionId) => app.notices.send({ kind: 'finalised', sessionId }),
      graceMs: config.sessions.graceMs,
    })
    app.notices.onNotice((notice) => {
      if (notice.kind === 'finalised') service.wake(notice.sessionId)
    })
    const failed = (error: unknown) =>
      app.outages.report(error, 'a report could not be created; it will be retried')
    app.decorate('reports', {
      finalise: (sessionId: string) => service.finalise(sessionId, app.instanceId).catch(failed),
    })
    const sweep = createSingleFlight(() => service.finaliseOverdue(SWEEP_BATCH).catch(failed))
    app.every('reports_sweep', Math.min(SWEEP_MS, config.sessions.graceMs), sweep.run)
    const { crisisLines } = config.counsellor
    if (crisisLines.length > 0) {
      // Imported only when needed, because it reads the fonts in this thread.
      const { isPrintable } = await import('./pdf/glyphs.ts')
      const names = crisisLines.map(({ name }) => name).filter((name) => !isPrintable(name))
      if (names.length > 0)
        app.log.warn(
          { names },
          'names in CRISIS_LINES contain letters that the PDF font lacks; they are printed as □, with their numbers',
        )
    }
    const printer = createPrinter()
    app.addHook('onClose', () => printer.close())
    await app.register(reportRoutes, { prefix: '/api/session', service, printer })
  },
  { name: 'reports', dependencies: ['database', 'guard', 'notices', 'vault'] },
)
