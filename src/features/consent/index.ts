import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import type { Config } from '../../config/config.ts'
import { createReceipts } from '../../lib/receipts.ts'
import { consentRepository } from './repository.ts'
import { consentRoutes } from './routes.ts'
import { type Consents, createConsents } from './service.ts'

declare module 'fastify' {
  interface FastifyInstance {
    consent: Pick<Consents, 'prepare' | 'allows'> & {
      /** Whether analysis requires a valid consent. */
      readonly isRequired: boolean
    }
  }
}

/** Consent receipts, and whether a user may be analysed. */
export const consent = fp(
  async (app, { config }: { config: Config }) => {
    const receipts = createReceipts(app.authentication.secret)
    /** Outside the database: `maeum restore --erasures` reads it. */
    const logWithdrawal = async (userId: number, purpose: string) => {
      const sub = (await app.vault.pseudonymOf(userId)) ?? null
      const receipt = receipts.issue('consent_withdrawn', { sub, purpose })
      app.log.info({ receipt }, 'a consent was withdrawn')
    }
    const consents = createConsents({
      database: app.database,
      repository: consentRepository,
      isRequired: config.privacy.requireConsent,
      endSessions: (userId) => app.sessions.endOfUser(userId, 'consent_withdrawn'),
      onChange: (userId, what, purpose) => {
        app.securityEvents.emit({
          event: what === 'given' ? 'sensitive_create' : 'sensitive_delete',
          userId,
          details: { object: 'consent', purpose },
        })
        if (what === 'withdrawn')
          logWithdrawal(userId, purpose).catch((error: unknown) =>
            app.log.warn({ err: error }, 'a consent was withdrawn, but its receipt could not be made'),
          )
      },
      onUnknown: (error) => app.outages.report(error, 'the consent of a user could not be read'),
      monotonic: () => performance.now(),
    })
    app.notices.onListening(() => consents.recheck())
    app.decorate('consent', {
      isRequired: config.privacy.requireConsent,
      prepare: (userId: number) => consents.prepare(userId),
      allows: (userId: number) => consents.allows(userId),
    })
    await app.register(consentRoutes, {
      prefix: '/api/user',
      consents,
      required: config.privacy.requireConsent,
    })
  },
  {
    name: 'consent',
    dependencies: ['authentication', 'database', 'notices', 'security-events', 'sessions', 'vault'],
  },
)
