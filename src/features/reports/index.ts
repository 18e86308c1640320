import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { createPrinter } from './pdf/printer.ts'
import { reportsRepository } from './repository.ts'
import { reportRoutes } from './routes.ts'
import { createReportService } from './service.ts'

const SWEEP_MS = 5000
const SWEEP_BATCH = 50

/** What is said of a session once it is over, computed from its stored windows. */
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
      app.log.warn({ err: error }, 'a report could not be made now; it will be tried again')
    app.hub.subscribe((sessionId, event) => {
      if (event.type === 'results_settled') service.finalise(sessionId, app.instanceId).catch(failed)
    })
    let sweep: Promise<void> | undefined
    app.every('reports_sweep', Math.min(SWEEP_MS, config.sessions.graceMs), () => {
      sweep ??= service
        .finaliseForgotten(SWEEP_BATCH)
        .catch(failed)
        .finally(() => {
          sweep = undefined
        })
      return sweep
    })
    const { crisisLines } = config.counsellor
    if (crisisLines.length > 0) {
      // The fonts are not read in this thread without need.
      const { isPrintable } = await import('./pdf/glyphs.ts')
      const names = crisisLines.map(({ name }) => name).filter((name) => !isPrintable(name))
      if (names.length > 0)
        app.log.warn(
          { names },
          'names in CRISIS_LINES have letters that the PDF font lacks; they are printed as □, with their numbers',
        )
    }
    const printer = createPrinter()
    app.addHook('onClose', () => printer.close())
    await app.register(reportRoutes, { prefix: '/api/session', service, printer })
  },
  { name: 'reports', dependencies: ['analysis', 'database', 'guard', 'hub', 'notices', 'vault'] },
)
