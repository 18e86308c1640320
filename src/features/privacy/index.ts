import fp from 'fastify-plugin'
import type { Config } from '../../config/config.ts'
import { createReceipts } from '../../lib/receipts.ts'
import { erasureRepository } from './erasure/repository.ts'
import { createErasure } from './erasure/service.ts'
import { exportRepository } from './export/repository.ts'
import { createExport } from './export/service.ts'
import { retentionRepository } from './retention/repository.ts'
import { createRetention, untilNight } from './retention/service.ts'
import { privacyRoutes } from './routes.ts'

/** Instances do not all start in the same second. */
const SPREAD_MS = 10 * 60_000

/** Rights of users over their data: export, erasure and limited retention. */
export const privacy = fp(
  async (app, { config }: { config: Config }) => {
    const { orm } = app.database.patient
    const { retentionDays } = config.privacy
    const exports = createExport({
      orm,
      repository: exportRepository,
      safeOf: app.vault.safeOf,
      pseudonymOf: app.vault.pseudonymOf,
    })
    const erasure = createErasure({
      orm,
      repository: erasureRepository,
      proveOwner: app.auth.proveOwner,
      logOutEverywhere: app.auth.logOutEverywhere,
      sessions: app.sessions,
      pseudonymOf: app.vault.pseudonymOf,
      forgetKey: app.vault.forget,
      onErased: (userId, address) => {
        const from = address === null ? {} : { address }
        app.securityEvents.emit({ event: 'user_deleted', userId, ...from })
      },
      // Outside the database: `maeum restore --erasures` reads it.
      onReceipt: (receipt) => app.log.info({ receipt }, 'a user was erased'),
      receipts: createReceipts(app.authentication.secret),
      trailHead: app.audit.head,
    })

    let failures = 0
    const retention = createRetention({
      orm,
      repository: retentionRepository,
      days: retentionDays,
      retainAudit: app.audit.retain,
      onFailed: (kind, error) => {
        failures++
        app.metrics.retentionErrors.inc()
        app.log.error(
          { err: error, kind },
          'expired data could not be erased; it will be retried the next night',
        )
      },
    })
    const closing = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const nightly = (): void => {
      const wait = untilNight(Date.now()) + Math.random() * SPREAD_MS
      timer = setTimeout(() => {
        nightly() // the next night, even if this run fails
        app.guard.run('retention', async () => {
          const before = failures
          app.log.info({ gone: await retention.run(closing.signal) }, 'expired data was erased')
          if (failures === before) app.metrics.retentionRun.setToCurrentTime()
        })
      }, wait)
    }
    app.addHook('onReady', () => {
      if (Object.keys(retentionDays).length === 0) return
      app.metrics.retentionRun.setToCurrentTime()
      nightly()
    })
    app.addHook('preClose', (done) => {
      closing.abort()
      clearTimeout(timer)
      done()
    })

    await app.register(privacyRoutes, {
      prefix: '/api/user',
      exports,
      erasure,
      onExport: (userId, address) =>
        app.securityEvents.emit({
          event: 'sensitive_read',
          userId,
          address,
          details: { object: 'export' },
        }),
    })
  },
  {
    name: 'privacy',
    dependencies: [
      'audit',
      'auth',
      'authentication',
      'database',
      'guard',
      'metrics',
      'security-events',
      'sessions',
      'vault',
    ],
  },
)
