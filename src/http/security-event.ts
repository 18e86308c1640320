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
  | 'sensitive_create'
  | 'sensitive_read'
  | 'sensitive_delete'
  | 'authz_fail'
  | 'excess_connections'

/** What concerns the security of an account; never a password, a token or an e-mail. */
export type SecurityEvent = {
  readonly event: SecurityEventName
  /** Of the account that is meant, when there is one. */
  readonly userId?: number
  readonly address?: string
  readonly details?: Readonly<Record<string, string | number | boolean | null>>
}
