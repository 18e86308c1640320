import { hkdfSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { pause } from '../../lib/deadline.ts'
import type { Principal } from '../../plugins/authentication.ts'
import { createAttempts } from './attempts.ts'
import { createRefreshTokens } from './families/refresh-token.ts'
import { familyRepository } from './families/repository.ts'
import { createStanding } from './families/standing.ts'
import { createPasswords } from './passwords.ts'
import { accountRepository } from './repository.ts'
import { authRoutes, passwordRoutes } from './routes.ts'
import { createAuthService } from './service.ts'

/** `renamedTo` is null for devices that are logged out. */
type DeviceListener = (familyIds: ReadonlySet<string>, renamedTo: string | null) => void
type LogoutListener = (familyIds: readonly string[]) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    auth: {
      /** Called with the device families that were logged out, before the answer goes out. */
      onLogout(listener: LogoutListener): void
      /**
       * Called with the device families that are logged out or renamed, on whatever instance that was done and in whatever
       * way it became known here; it may be more than once.
       */
      onDevice(listener: DeviceListener): void
      /** Rejects unless this is the account's password. */
      readonly proveOwner: (userId: number, password: string) => Promise<void>
      readonly logOutEverywhere: (person: Principal) => Promise<void>
    }
  }
}

const MAX_LOGOUTS = 50_000
const LOOK_MS = 1000
/** Longer than any statement that logs a device out: its time stamp is older than its commit. */
const OVERLAP_MS = 20_000
const MINUTE_MS = 60_000
const SWEEP_BATCH = 10_000
/** Of the general limit of an address, this part may be signups, but never fewer than some. */
const SIGNUP_SHARE = 0.1
const FEWEST_SIGNUPS = 20

const cookieSecret = (secret: string) =>
  Buffer.from(hkdfSync('sha256', secret, '', 'maeum device cookie', 32)).toString('base64url')

/**
 * Looks for what has happened since the last look that succeeded, in ms, with `firstMs` for the first; one at a time.
 */
function createLook(lookBack: (ms: number) => Promise<void>, firstMs: number): () => Promise<void> {
  let lookedAt = performance.now() - firstMs
  let isLooking = false
  return async () => {
    if (isLooking) return
    isLooking = true
    const now = performance.now()
    try {
      await lookBack(now - lookedAt)
      lookedAt = now
    } finally {
      isLooking = false
    }
  }
}

/** Accounts and tokens. */
export const auth = fp(
  async (app, { config }: { config: Config }) => {
    const { secret, secrets } = app.authentication
    const { rateMax, rateWindowMs } = config.limits
    const passwords = createPasswords({ pepper: config.accounts.pepper })
    const attempts = createAttempts({ secret, pause })
    const logoutListeners: LogoutListener[] = []
    const { sql } = app.database
    const standing = createStanding({
      find: (device) => familyRepository.find(sql, device),
      confirm: (principal) => familyRepository.updateConfirmed(sql, principal),
      listDead: (devices) => familyRepository.listDead(sql, devices),
      tokenTtlMs: config.accounts.accessTtlMs,
      onConfirmFailed: (error) =>
        app.log.warn({ err: error }, 'a token pair could not be marked as received'),
    })
    app.authentication.decideBy(standing.isLive)
    const deviceListeners: DeviceListener[] = []
    const changed = (familyIds: readonly string[], renamedTo: string | null = null) => {
      if (familyIds.length === 0) return
      familyIds.forEach(standing.forget)
      for (const listener of deviceListeners) listener(new Set(familyIds), renamedTo)
    }
    const onRenamed = (familyId: string, renamedTo: string) => {
      changed([familyId], renamedTo)
      app.notices.send({ kind: 'logged_out', familyId, renamedTo })
    }
    const service = createAuthService({
      database: app.database,
      accounts: accountRepository,
      families: familyRepository,
      passwords,
      attempts,
      refreshTokens: createRefreshTokens(secrets),
      createDataKey: app.vault.createKey,
      rememberDataKey: app.vault.remember,
      issueAccess: (principal) => {
        standing.issued(principal)
        return app.authentication.issue(principal)
      },
      refreshTtlMs: config.accounts.refreshTtlMs,
      refusesCommon: config.accounts.blocklist,
      onRenamed,
      onLogout: async (families) => {
        changed(families)
        for (const familyId of families) app.notices.send({ kind: 'logged_out', familyId })
        for (const listener of logoutListeners) await listener(families)
      },
      onRehashFailed: (error) => app.log.warn({ err: error }, 'a password could not be hashed anew'),
      tell: (event) => app.securityEvents.emit(event),
    })
    app.notices.onNotice((notice) => {
      if (notice.kind === 'logged_out') changed([notice.familyId], notice.renamedTo)
    })
    const failed = (what: string) => (error: unknown) => app.log.warn({ err: error }, what)
    const look = createLook(async (ms) => {
      changed(await familyRepository.listRevoked(sql, ms + OVERLAP_MS, MAX_LOGOUTS))
    }, config.accounts.accessTtlMs)
    const lookNow = () => void look().catch(failed('recent logouts could not be looked up'))
    app.notices.onListening(() => {
      standing.clear() // the database may be another one now, which has lost what the last one had said
      lookNow()
    })
    app.securityEvents.subscribe(({ event, details }) => {
      if (event === 'authn_token_reuse')
        app.log.warn(details, 'an old refresh token came back: its device is logged out')
    })

    app.decorate('auth', {
      onLogout: (listener: LogoutListener) => void logoutListeners.push(listener),
      onDevice: (listener: DeviceListener) => void deviceListeners.push(listener),
      proveOwner: (userId: number, password: string) => service.proveOwner(userId, password),
      logOutEverywhere: ({ userId }: Principal) => service.logOutEverywhere(userId),
    })
    app.addHook('onReady', () => passwords.prepare())
    app.every('logouts_look', LOOK_MS, lookNow)
    app.every('devices_review', MINUTE_MS, () =>
      standing.review().catch(failed('devices could not be looked up')),
    )
    app.every('login_failures_sweep', MINUTE_MS, () =>
      accountRepository.deleteStaleFailures(sql, SWEEP_BATCH),
    )
    app.addHook('preClose', (done) => {
      attempts.close()
      done()
    })
    await app.register(passwordRoutes, { prefix: '/api/user', service })
    await app.register(authRoutes, {
      prefix: '/api/auth',
      service,
      cookieSecrets: secrets.map(cookieSecret),
      cookiePath: `${config.server.basePath}/api/auth`,
      isPublishedSecurely: config.server.publicUrl?.startsWith('https:') === true,
      signupLimit: {
        max: Math.min(rateMax, Math.max(FEWEST_SIGNUPS, Math.ceil(rateMax * SIGNUP_SHARE))),
        timeWindow: rateWindowMs,
      },
    })
  },
  {
    name: 'auth',
    dependencies: [
      'authentication',
      'database',
      'error-handler',
      'guard',
      'notices',
      'security',
      'security-events',
      'vault',
    ],
  },
)
