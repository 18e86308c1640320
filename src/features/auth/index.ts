import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Config } from '../../config.ts'
import type { Principal } from '../../plugins/authentication.ts'
import { createAttempts } from './attempts.ts'
import { createPasswords } from './passwords.ts'
import { createRefreshTokens } from './refresh-token.ts'
import { accountRepository, authRepository } from './repository.ts'
import { authRoutes } from './routes.ts'
import { createAuthService } from './service.ts'

type LogoutListener = (familyIds: readonly string[]) => Promise<void>

declare module 'fastify' {
  interface FastifyInstance {
    auth: {
      /** Called with the device families that were logged out, before the answer goes out. */
      onLogout(listener: LogoutListener): void
    }
  }
}

const REMEMBERED_CONFIRMATIONS = 10_000

/** Accounts and tokens. */
export const auth = fp(
  async (app, { config }: { config: Config }) => {
    const passwords = createPasswords({ pepper: config.accounts.pepper })
    const logoutListeners: LogoutListener[] = []
    const service = createAuthService({
      database: app.database,
      accounts: accountRepository,
      repository: authRepository,
      passwords,
      attempts: createAttempts(),
      refreshTokens: createRefreshTokens(app.authentication.secret),
      issueAccess: app.authentication.issue,
      refreshTtlMs: config.accounts.refreshTtlMs,
      onLogout: async (families) => {
        for (const listener of logoutListeners) await listener(families)
      },
      onTheft: (family) =>
        app.log.warn({ family }, 'an old refresh token came back: its device is logged out'),
    })

    const confirmed = new LRUCache<string, true>({ max: REMEMBERED_CONFIRMATIONS })
    app.authentication.onUse((principal: Principal) => {
      const key = `${principal.familyId}.${principal.counter}`
      if (confirmed.has(key)) return
      confirmed.set(key, true)
      service.confirm(principal).catch((error: unknown) => {
        confirmed.delete(key)
        app.log.warn({ err: error }, 'a token pair could not be marked as received')
      })
    })

    app.decorate('auth', { onLogout: (listener: LogoutListener) => void logoutListeners.push(listener) })
    app.addHook('onReady', () => passwords.prepare())
    await app.register(authRoutes, { prefix: '/api/auth', service })
  },
  { name: 'auth', dependencies: ['authentication', 'database', 'error-handler', 'security'] },
)
