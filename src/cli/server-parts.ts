import { setImmediate as nextTurn } from 'node:timers/promises'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Config } from '../config/config.ts'
import { administrationRepository } from '../features/auth/administration/repository.ts'
import { createAdministration } from '../features/auth/administration.ts'
import { createRefreshTokens } from '../features/auth/families/refresh-token.ts'
import { familyRepository } from '../features/auth/families/repository.ts'
import { createFamilyService } from '../features/auth/families/service.ts'
import { createPasswords } from '../features/auth/passwords.ts'
import { audit } from '../features/audit/index.ts'
import { createReceipts } from '../lib/receipts.ts'
import { erasureRepository } from '../features/privacy/erasure/repository.ts'
import { createErasure } from '../features/privacy/erasure/service.ts'
import { sessionsRepository } from '../features/sessions/repository.ts'
import { createSessionService } from '../features/sessions/service.ts'
import { asOperator, type SecurityEvent } from '../http/security-event.ts'
import { authentication } from '../plugins/authentication.ts'
import { database } from '../plugins/database.ts'
import { guard } from '../plugins/guard.ts'
import { metrics } from '../plugins/metrics.ts'
import { notices } from '../plugins/notices.ts'
import { securityEvents } from '../plugins/security-events.ts'
import { vault } from '../plugins/vault.ts'
import type { Context } from './command.ts'
import { requireDatabase, secretsOf } from './database.ts'

/** How long a command waits until its events are in the audit trail. */
const TRAIL_MS = 10_000

/** The part of the server that writes the audit trail and sends notices to the instances; it serves nothing. */
async function buildTrail(config: Config): Promise<FastifyInstance> {
  const app = Fastify({ logger: false, pluginTimeout: 0 })
  const [secret = ''] = await secretsOf(config)
  try {
    await app.register(securityEvents)
    await app.register(authentication, { config, secret })
    await app.register(metrics, { config })
    await app.register(guard)
    // No retries and no migrations in a command.
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

/** Sessions as over REST: the instance that serves a session learns of its end by notice, or from the row. */
const createSessions = (app: FastifyInstance, config: Config) =>
  createSessionService({
    database: app.database.patient,
    repository: sessionsRepository,
    intervalMs: config.analysis.intervalMs,
    listUnstored: () => [], // those are with the owner
    announce: (sessionId, change) => app.notices.send({ kind: 'status', sessionId, ...change }),
    announceDeleted: (sessionId) => app.notices.send({ kind: 'deleted', sessionId }),
    onErased: () => undefined, // no command deletes single sessions
  })

/** The services of the features, composed without routes. Their events have the operator as actor. */
function createServices(app: FastifyInstance, config: Config) {
  const emit = (event: SecurityEvent) => app.securityEvents.emit(asOperator(event))
  const sessions = createSessions(app, config)
  const onLogout = async (families: readonly string[]) => {
    for (const familyId of families) app.notices.send({ kind: 'logged_out', familyId })
    await sessions.endOfFamilies(families)
  }
  const devices = createFamilyService({
    database: app.database.patient,
    families: familyRepository,
    refreshTokens: createRefreshTokens(app.authentication.secrets),
    issueAccess: app.authentication.issue,
    refreshTtlMs: config.accounts.refreshTtlMs,
    ...{ emit, onLogout },
  })
  const accounts = createAdministration({
    database: app.database.patient,
    repository: administrationRepository,
    families: familyRepository,
    passwords: createPasswords({ pepper: config.accounts.pepper }),
    createDataKey: app.vault.createKey,
    refusesCommon: config.accounts.blocklist,
    ...{ emit, onLogout },
  })
  const erasure = createErasure({
    orm: app.database.patient.orm,
    repository: erasureRepository,
    proveOwner: () => Promise.reject(new Error('the operator proves no password')),
    logOutEverywhere: ({ userId }) => devices.logOutEverywhere(userId),
    sessions,
    pseudonymOf: app.vault.pseudonymOf,
    forgetKey: app.vault.forget,
    onErased: (userId) => emit({ event: 'user_deleted', userId }),
    onReceipt: () => undefined, // the command prints it
    receipts: createReceipts(app.authentication.secret),
    trailHead: app.audit.head,
  })
  return { emit, sessions, logOutEverywhere: devices.logOutEverywhere, accounts, erasure }
}

export type ServerParts = ReturnType<typeof createServices> & {
  readonly app: FastifyInstance
  readonly config: Config
}

/**
 * Runs `work` with services of the server, then waits until its events are in the audit trail. May run beside servers.
 */
export async function withServerParts<T>(
  context: Context,
  work: (parts: ServerParts) => Promise<T>,
): Promise<T> {
  const { warn, texts } = context
  const config = context.readConfig()
  await requireDatabase(context, config)
  const app = await buildTrail(config)
  try {
    return await work({ ...createServices(app, config), app, config })
  } finally {
    await nextTurn() // notices of one turn are sent together
    if (!(await app.audit.settled(TRAIL_MS))) warn(texts('audit.notWritten'))
    await app.close()
  }
}
