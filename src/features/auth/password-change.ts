import type { Database } from '../../db/client.ts'
import type { Principal } from '../../http/principal.ts'
import type { SecurityEvent } from '../../http/security-event.ts'
import { AppError } from '../../protocol/errors.ts'
import { type Attempts, MAX_FAILURES, PROBED_RETRY_SECONDS } from './attempts.ts'
import { commonPassword, isCommonPassword } from './common-passwords.ts'
import type { FamilyService } from './families/service.ts'
import type { Passwords } from './passwords.ts'
import type { AccountRepository } from './repository.ts'

export type PasswordChangeDependencies = {
  readonly database: Pick<Database, 'sql'>
  readonly accounts: AccountRepository
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>
  readonly attempts: Attempts
  /** Whether common passwords are rejected. Otherwise the response contains a hint. */
  readonly refusesCommon: boolean
  /** Called after devices were logged out, with their families. */
  readonly onLogout: (families: readonly string[]) => Promise<void>
  /** Called after a device was renamed: tokens with the old name are no longer accepted. */
  readonly onRenamed: (familyId: string, newId: string) => void
  readonly emit: (event: SecurityEvent) => void
}

type PasswordChangeInput = {
  readonly currentPassword: string
  readonly newPassword: string
  readonly address: string
}

/** Verifies and changes the password of a logged-in user. */
export function createPasswordChange(dependencies: PasswordChangeDependencies, devices: FamilyService) {
  const { accounts, passwords, attempts, emit } = dependencies
  const { sql } = dependencies.database

  /**
   * Requires the password of a logged-in user and returns its hash. Every call counts, so that a stolen token cannot be
   * used to guess the password. A wrong password also counts as a failed login of the account.
   */
  const requirePassword = async (userId: number, password: string): Promise<string> => {
    const proofs = { key: attempts.createKey('proof', String(userId)), max: MAX_FAILURES }
    if (await accounts.countFailure(sql, { sliding: null, fixed: [proofs] }))
      throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter: PROBED_RETRY_SECONDS })
    const user = await accounts.find(sql, userId)
    if ((await passwords.verify(user?.passwordHash, password)) && user !== undefined) return user.passwordHash
    if (user !== undefined)
      await accounts.countFailure(sql, { sliding: attempts.createKey('account', user.email), fixed: [] })
    emit({ event: 'authn_login_fail', userId })
    throw new AppError('INVALID_CREDENTIALS')
  }

  return {
    /**
     * Resolves if this is the account's password.
     * @throws INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS
     */
    async proveOwner(userId: number, password: string): Promise<void> {
      await requirePassword(userId, password)
    },

    /**
     * Changes the password, logs out all other devices and renames this one. Copies of its old tokens become invalid;
     * its live sessions continue.
     * @throws INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS, INVALID_TOKEN if the device was logged out meanwhile
     */
    async changePassword({ userId, familyId }: Principal, change: PasswordChangeInput) {
      const hasCommonPassword = await isCommonPassword(change.newPassword)
      if (hasCommonPassword && dependencies.refusesCommon) throw commonPassword('newPassword')
      const before = await requirePassword(userId, change.currentPassword)
      const after = await passwords.hash(change.newPassword)
      const device = devices.createFamily()
      const ended = await accounts.changePassword(sql, { userId, before, after, familyId, newFamily: device })
      if (ended === undefined) throw new AppError('INVALID_TOKEN')
      const { address } = change
      emit({ event: 'authn_password_change', userId, address, details: { devices: ended.length } })
      dependencies.onRenamed(familyId, device.id)
      await dependencies.onLogout(ended)
      return { ...devices.createFirstTokens(userId, device.id), hasCommonPassword }
    },
  }
}
