/** Names of the OWASP logging vocabulary, and ours where it has none. */
type SecurityEventName =
  | 'authn_login_success'
  | 'authn_login_fail'
  | 'authn_login_throttled'
  | 'authn_logout'
  | 'authn_token_reuse'
  | 'authn_password_change'
  | 'user_created'
  | 'user_deleted'
  | 'user_disabled'
  | 'user_enabled'
  | 'authz_admin'
  | 'authz_change'
  | 'sensitive_create'
  | 'sensitive_read'
  | 'sensitive_delete'
  | 'authz_fail'
  | 'excess_connections'

export const OPERATOR = 'operator'

/** What concerns the security of an account; never a password, a token or an e-mail. */
export type SecurityEvent = {
  readonly event: SecurityEventName
  /** Of the account that is meant, when there is one. */
  readonly userId?: number
  /** The actor, if it is not the user of the account. */
  readonly actor?: typeof OPERATOR
  readonly address?: string
  readonly details?: Readonly<Record<string, string | number | boolean | null>>
}

/** The event as an act of the operator: the trail names the actor, and the user's export shows `by`. */
export const asOperator = (event: SecurityEvent): SecurityEvent => ({
  ...event,
  actor: OPERATOR,
  details: { ...event.details, by: OPERATOR },
})
