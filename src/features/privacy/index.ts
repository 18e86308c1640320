import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { createReceipts } from './erasure/receipt.ts'
import { erasureRepository } from './erasure/repository.ts'
import { createErasure } from './erasure/service.ts'
import { exportRepository } from './export/repository.ts'
import { createExport } from './export/service.ts'
import { retentionRepository } from './retention/repository.ts'
import { createRetention, untilNight } from './retention/service.ts'
import { privacyRoutes } from './routes.ts'

/** Instances do not all begin in the same second. */
const SPREAD_MS = 10 * 60_000

/** A person's rights over what is kept of them: to have it, to have it erased, and that it does not stay for ever. */
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
        app.securityEvents.emit({ event: 'user_deleted', userId, address })
        app.log.info('a person has been erased')
      },
      receipts: createReceipts(app.authentication.secret),
      trailHead: app.audit.head,
    })

    const retention = createRetention({
      orm,
      repository: retentionRepository,
      days: retentionDays,
      retainAudit: app.audit.retain,
      onFailed: (kind, error) =>
        app.log.error(
          { err: error, kind },
          'what is too old could not be erased; it is tried again the next night',
        ),
    })
    const closing = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const nightly = (): void => {
      const wait = untilNight(Date.now()) + Math.random() * SPREAD_MS
      timer = setTimeout(() => {
        nightly() // the next night, whatever comes of this one
        app.guard.run('retention', async () => {
          app.log.info({ gone: await retention.run(closing.signal) }, 'what is too old has been erased')
        })
      }, wait)
    }
    app.addHook('onReady', () => {
      if (Object.keys(retentionDays).length > 0) nightly()
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
      'security-events',
      'sessions',
      'vault',
    ],
  },
)
