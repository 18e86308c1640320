import { hkdfSync } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../../config/config.ts'
import { pause } from '../../lib/deadline.ts'
import type { Principal } from '../../http/principal.ts'
import { createAttempts } from './attempts.ts'
import { createRefreshTokens } from './families/refresh-token.ts'
import { familyRepository } from './families/repository.ts'
import { createStanding, type Standing } from './families/standing.ts'
import { createPasswords } from './passwords.ts'
import { accountRepository } from './repository.ts'
import { authRoutes, passwordRoutes } from './routes.ts'
import { createAuthService } from './service.ts'

/** `renamedTo` is null for logged-out devices. */
type DeviceListener = (familyIds: ReadonlySet<string>, renamedTo: string | null) => void
type LogoutListener = (familyIds: readonly string[]) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    auth: {
      /** Called with the device families that were logged out, before the response is sent. */
      onLogout(listener: LogoutListener): void
      /**
       * Called with the device families that are logged out or renamed on any instance; may be called more than once
       * for the same change.
       */
      onDevice(listener: DeviceListener): void
      /** Rejects if this is not the account's password. */
      readonly proveOwner: (userId: number, password: string) => Promise<void>
      readonly logOutEverywhere: (user: Pick<Principal, 'userId'>) => Promise<void>
    }
  }
}

const MAX_LOGOUTS = 50_000
const POLL_INTERVAL_MS = 1000
/** Longer than any statement that logs a device out, because its timestamp is older than its commit. */
const OVERLAP_MS = 20_000
const MINUTE_MS = 60_000
const SWEEP_BATCH = 10_000
/** The signup limit of an address, as a share of its general limit, and its minimum. */
const SIGNUP_SHARE = 0.1
const MIN_SIGNUPS = 20

const cookieSecret = (secret: string) =>
  Buffer.from(hkdfSync('sha256', secret, '', 'maeum device cookie', 32)).toString('base64url')

/**
 * Calls `poll` with the time (ms) since its last success, and with `firstMs` the first time. Calls do not overlap.
 */
function createPoll(poll: (ms: number) => Promise<void>, firstMs: number): () => Promise<void> {
  let polledAt = performance.now() - firstMs
  let isPolling = false
  return async () => {
    if (isPolling) return
    isPolling = true
    const now = performance.now()
    try {
      await poll(now - polledAt)
      polledAt = now
    } finally {
      isPolling = false
    }
  }
}

/** Devices that were logged out or renamed, here or on another instance, and the listeners for them. */
function createDeviceChanges(app: FastifyInstance, forget: (familyId: string) => void) {
  const logoutListeners: LogoutListener[] = []
  const deviceListeners: DeviceListener[] = []
  const emit = (familyIds: readonly string[], renamedTo: string | null = null) => {
    if (familyIds.length === 0) return
    familyIds.forEach(forget)
    for (const listener of deviceListeners) listener(new Set(familyIds), renamedTo)
  }
  return {
    emit,
    addLogoutListener: (listener: LogoutListener) => void logoutListeners.push(listener),
    addDeviceListener: (listener: DeviceListener) => void deviceListeners.push(listener),

    /** This instance has renamed the device. */
    onRenamed: (familyId: string, renamedTo: string) => {
      emit([familyId], renamedTo)
      app.notices.send({ kind: 'logged_out', familyId, renamedTo })
    },

    /** This instance has logged the devices out. */
    onLogout: async (families: readonly string[]) => {
      emit(families)
      for (const familyId of families) app.notices.send({ kind: 'logged_out', familyId })
      for (const listener of logoutListeners) await listener(families)
    },
  }
}

type FollowOptions = {
  readonly standing: Standing
  readonly emit: ReturnType<typeof createDeviceChanges>['emit']
  readonly accessTtlMs: number
}

/** Follows the logouts on other instances: by notice, and from the rows, because notices may be lost. */
function followLogouts(app: FastifyInstance, { standing, emit, accessTtlMs }: FollowOptions): void {
  const { sql } = app.database
  const logFailure = (what: string) => (error: unknown) => app.outages.report(error, what)
  app.notices.onNotice((notice) => {
    if (notice.kind === 'logged_out') emit([notice.familyId], notice.renamedTo)
  })
  const poll = createPoll(async (ms) => {
    emit(await familyRepository.listRevoked(sql, ms + OVERLAP_MS, MAX_LOGOUTS))
  }, accessTtlMs)
  const pollNow = () => void poll().catch(logFailure('recent logouts could not be read'))
  app.notices.onListening(() => {
    standing.clear() // after a failover, the new database may have lost commits
    pollNow()
  })
  app.every('logouts_look', POLL_INTERVAL_MS, pollNow)
  app.every('devices_review', MINUTE_MS, () =>
    standing.review().catch(logFailure('devices could not be reviewed')),
  )
}

/** The signups that one address may make, as the option of a rate limit. */
const toSignupLimit = ({ rateMax, rateWindowMs }: Config['limits']) => ({
  max: Math.min(rateMax, Math.max(MIN_SIGNUPS, Math.ceil(rateMax * SIGNUP_SHARE))),
  timeWindow: rateWindowMs,
})

/** Accounts and tokens. */
export const auth = fp(
  async (app, { config }: { config: Config }) => {
    const { secret, secrets } = app.authentication
    const passwords = createPasswords({ pepper: config.accounts.pepper })
    const attempts = createAttempts({ secret, pause })
    const { sql } = app.database
    const standing = createStanding({
      find: (device) => familyRepository.find(sql, device),
      confirm: (principal) => familyRepository.updateConfirmed(sql, principal),
      listDead: (devices) => familyRepository.listDead(sql, devices),
      tokenTtlMs: config.accounts.accessTtlMs,
      onConfirmFailed: (error) => app.outages.report(error, 'a token pair could not be marked as received'),
    })
    app.authentication.decideBy(standing.isLive)
    const changes = createDeviceChanges(app, standing.forget)
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
        standing.addIssued(principal)
        return app.authentication.issue(principal)
      },
      refreshTtlMs: config.accounts.refreshTtlMs,
      refusesCommon: config.accounts.blocklist,
      onRenamed: changes.onRenamed,
      onLogout: changes.onLogout,
      onRehashFailed: (error) => app.outages.report(error, 'a password could not be rehashed'),
      emit: (event) => app.securityEvents.emit(event),
    })
    app.securityEvents.subscribe(({ event, details }) => {
      if (event === 'authn_token_reuse')
        app.log.warn(details, 'an old refresh token was used again: its device is logged out')
    })

    app.decorate('auth', {
      onLogout: changes.addLogoutListener,
      onDevice: changes.addDeviceListener,
      proveOwner: (userId: number, password: string) => service.proveOwner(userId, password),
      logOutEverywhere: ({ userId }: Pick<Principal, 'userId'>) => service.logOutEverywhere(userId),
    })
    app.addHook('onReady', () => passwords.prepare())
    followLogouts(app, { standing, emit: changes.emit, accessTtlMs: config.accounts.accessTtlMs })
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
      signupLimit: toSignupLimit(config.limits),
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
