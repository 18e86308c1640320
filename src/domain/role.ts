/** Roles of accounts; the first is the default. Only the operator's command line grants a role. */
export const ROLES = ['user', 'counsellor', 'admin'] as const
export type Role = (typeof ROLES)[number]
