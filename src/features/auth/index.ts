import { hkdfSync } from 'node:crypto'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Config } from '../../config.ts'
import { pause } from '../../lib/deadline.ts'
import type { Principal } from '../../plugins/authentication.ts'
import { createAttempts } from './attempts.ts'
import { createRefreshTokens } from './families/refresh-token.ts'
import { familyRepository } from './families/repository.ts'
import { createPasswords } from './passwords.ts'
import { accountRepository } from './repository.ts'
import { authRoutes, passwordRoutes } from './routes.ts'
import { createAuthService } from './service.ts'

type LogoutListener = (familyIds: readonly string[]) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    auth: {
      /** Called with the device families that were logged out, before the answer goes out. */
      onLogout(listener: LogoutListener): void
      /** Rejects unless this is the account's password. */
      readonly proveOwner: (userId: number, password: string) => Promise<void>
      readonly logOutEverywhere: (person: Principal) => Promise<void>
    }
  }
}

const REMEMBERED_CONFIRMATIONS = 10_000
const REMEMBERED_LOGOUTS = 50_000
const MINUTE_MS = 60_000
const SWEEP_BATCH = 10_000
/** Of the general limit of an address, this part may be signups, but never fewer than some. */
const SIGNUP_SHARE = 0.1
const FEWEST_SIGNUPS = 20

const cookieSecret = (secret: string) =>
  Buffer.from(hkdfSync('sha256', secret, '', 'maeum device cookie', 32)).toString('base64url')

/** Accounts and tokens. */
export const auth = fp(
  async (app, { config }: { config: Config }) => {
    const { secret, secrets } = app.authentication
    const { rateMax, rateWindowMs } = config.limits
    const passwords = createPasswords({ pepper: config.accounts.pepper })
    const attempts = createAttempts({ secret, pause })
    const logoutListeners: LogoutListener[] = []
    /** On all instances. */
    const forget = (familyId: string) => {
      app.authentication.forget(familyId)
      app.notices.send({ kind: 'logged_out', familyId })
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
      issueAccess: app.authentication.issue,
      refreshTtlMs: config.accounts.refreshTtlMs,
      refusesCommon: config.accounts.blocklist,
      onRenamed: forget,
      onLogout: async (families) => {
        for (const familyId of families) forget(familyId)
        for (const listener of logoutListeners) await listener(families)
      },
      onRehashFailed: (error) => app.log.warn({ err: error }, 'a password could not be hashed anew'),
      tell: (event) => app.securityEvents.emit(event),
    })
    app.notices.onNotice((notice) => {
      if (notice.kind === 'logged_out') app.authentication.forget(notice.familyId)
    })
    /** What we were not told: logouts of before we listened, or of while the database could not be reached. */
    const lookUpLogouts = (ms: number) =>
      familyRepository
        .listRevoked(app.database.orm, ms, REMEMBERED_LOGOUTS)
        .then((families) => families.forEach(app.authentication.forget))
        .catch((error: unknown) => app.log.warn({ err: error }, 'recent logouts could not be looked up'))
    app.notices.onListening(() => void lookUpLogouts(config.accounts.accessTtlMs))
    app.securityEvents.subscribe(({ event, details }) => {
      if (event === 'authn_token_reuse')
        app.log.warn(details, 'an old refresh token came back: its device is logged out')
    })

    const confirmed = new LRUCache<string, true>({ max: REMEMBERED_CONFIRMATIONS })
    app.authentication.onUse((principal: Principal) => {
      const key = `${principal.familyId}.${principal.counter}`
      if (confirmed.has(key)) return
      confirmed.set(key, true)
      service
        .confirm(principal)
        .then((isLive) => {
          if (!isLive) app.authentication.forget(principal.familyId)
        })
        .catch((error: unknown) => {
          confirmed.delete(key)
          app.log.warn({ err: error }, 'a token pair could not be marked as received')
        })
    })

    app.decorate('auth', {
      onLogout: (listener: LogoutListener) => void logoutListeners.push(listener),
      proveOwner: (userId: number, password: string) => service.proveOwner(userId, password),
      logOutEverywhere: (person: Principal) => service.logout(person, { refreshToken: null, all: true }),
    })
    app.addHook('onReady', () => passwords.prepare())
    const everyMinute = setInterval(() => {
      void lookUpLogouts(2 * MINUTE_MS)
      accountRepository
        .deleteStaleFailures(app.database.sql, SWEEP_BATCH)
        .catch((error: unknown) => app.log.warn({ err: error }, 'old login failures could not be swept'))
    }, MINUTE_MS)
    app.addHook('preClose', (done) => {
      clearInterval(everyMinute)
      attempts.close()
      done()
    })
    await app.register(passwordRoutes, { prefix: '/api/user', service })
    await app.register(authRoutes, {
      prefix: '/api/auth',
      service,
      cookieSecrets: secrets.map(cookieSecret),
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
      'notices',
      'security',
      'security-events',
      'vault',
    ],
  },
)
