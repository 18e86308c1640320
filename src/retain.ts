import Fastify from 'fastify'
import type { Config } from './config/config.ts'
import { audit } from './features/audit/index.ts'
import { retentionRepository } from './features/privacy/retention/repository.ts'
import { createRetention } from './features/privacy/retention/service.ts'
import { authentication } from './plugins/authentication.ts'
import { database } from './plugins/database.ts'
import { guard } from './plugins/guard.ts'
import { metrics } from './plugins/metrics.ts'
import { notices } from './plugins/notices.ts'
import { securityEvents } from './plugins/security-events.ts'
import { vault } from './plugins/vault.ts'
import { DONE, FAILED, FOUND, print, printError, runTool, secretsOf } from './tools/run.ts'

/** The part of the server that writes the audit trail, which attests its own deletions. */
async function buildTrail(config: Config) {
  const app = Fastify({ logger: false, pluginTimeout: 0 })
  const [secret = ''] = await secretsOf(config)
  try {
    await app.register(securityEvents)
    await app.register(authentication, { config, secret })
    await app.register(metrics, { config })
    await app.register(guard)
    // No retries and no migrations in this tool.
    const once = { ...config.database, waitMs: 0, migrateOnBoot: false }
    await app.register(database, { config: { ...config, database: once } })
    await app.register(notices, { config })
    await app.register(vault, { config })
    await app.register(audit)
    await app.ready()
  } catch (error) {
    await app.close()
    throw error
  }
  return app
}

// `npm run retain` deletes data older than RETENTION_DAYS, as the servers do every night at three o'clock (UTC). May
// run beside them.
await runTool(async (config) => {
  const days = config.privacy.retentionDays
  if (Object.keys(days).length === 0) {
    printError('RETENTION_DAYS: is not set, so no data expires')
    return FAILED
  }
  const app = await buildTrail(config)
  let failed = 0
  try {
    const retention = createRetention({
      orm: app.database.patient.orm,
      repository: retentionRepository,
      days,
      retainAudit: app.audit.retain,
      onFailed: (kind, error) => {
        failed++
        printError(`${kind}: not erased: ${error instanceof Error ? error.message : String(error)}`)
      },
    })
    const gone = Object.entries(await retention.run(new AbortController().signal))
    print(`erased: ${gone.map(([kind, count]) => `${count} ${kind}`).join(', ')}`)
  } finally {
    await app.close()
  }
  return failed > 0 ? FOUND : DONE
})
