import fp from 'fastify-plugin'

/** Names of the OWASP logging vocabulary, and ours where it has none. */
export type SecurityEventName =
  | 'authn_login_success'
  | 'authn_login_fail'
  | 'authn_login_throttled'
  | 'authn_logout'
  | 'authn_token_reuse'
  | 'authn_password_change'
  | 'user_created'
  | 'user_deleted'
  | 'sensitive_create'
  | 'sensitive_read'
  | 'sensitive_delete'
  | 'authz_fail'
  | 'session_created'
  | 'excess_connections'

/** What happened at the doors; never a password, a token or an e-mail. */
export type SecurityEvent = {
  readonly event: SecurityEventName
  /** Of the account that is meant, when there is one. */
  readonly userId?: number
  readonly address?: string
  readonly details?: Readonly<Record<string, string | number | boolean | null>>
}

export type SecurityListener = (event: SecurityEvent) => void

/** In-process announcements, as the hub's are of sessions: whoever tells does not know who writes it down. */
export function createSecurityEvents(onListenerError: (error: unknown) => void) {
  const listeners = new Set<SecurityListener>()
  return {
    /** Never throws, never waits: what is done with an event is the listener's affair. */
    emit(event: SecurityEvent): void {
      for (const listener of listeners) {
        try {
          listener(event)
        } catch (error) {
          onListenerError(error)
        }
      }
    },
    subscribe(listener: SecurityListener): void {
      listeners.add(listener)
    },
  }
}

export type SecurityEvents = ReturnType<typeof createSecurityEvents>

declare module 'fastify' {
  interface FastifyInstance {
    securityEvents: SecurityEvents
  }
}

export const securityEvents = fp(
  (app, _options, done) => {
    app.decorate(
      'securityEvents',
      createSecurityEvents((error) => app.guard.report('security_events', error)), // registered by then
    )
    done()
  },
  { name: 'security-events' },
)
