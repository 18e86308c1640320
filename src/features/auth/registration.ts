import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { databaseFault } from '../../db/faults.ts'
import type { SecurityEvent } from '../../http/security-event.ts'
import { AppError } from '../../protocol/errors.ts'
import { type Attempts, PROBED_RETRY_SECONDS } from './attempts.ts'
import { commonPassword, isCommonPassword } from './common-passwords.ts'
import type { FamilyService } from './families/service.ts'
import type { Passwords } from './passwords.ts'
import type { AccountRepository, AccountRow } from './repository.ts'

export type RegistrationDependencies = {
  readonly database: Pick<Database, 'orm' | 'sql'>
  readonly accounts: AccountRepository
  readonly passwords: Pick<Passwords, 'hash'>
  readonly attempts: Attempts
  /** Returns the wrapped key. */
  readonly createDataKey: (userId: number) => Uint8Array
  /** Whether common passwords are rejected. Otherwise the response contains a hint. */
  readonly refusesCommon: boolean
  readonly emit: (event: SecurityEvent) => void
}

/**
 * An id that no account has had: 52 random bits, above all ids of the old sequence. A sequence would repeat ids after a
 * restore or a failover that lost commits, and the old account's tokens and cookies would be valid for the new one.
 */
export const createUserId = () => 2 ** 52 + Number(randomBytes(8).readBigUInt64BE() >> 12n)

export const normalizeEmail = (email: string) => email.trim().toLowerCase()

const toTakenError = (taken: { email: boolean; username: boolean }) => {
  if (taken.email) return new AppError('USER_EXISTS')
  return taken.username ? new AppError('USERNAME_EXISTS') : undefined
}

/** Maps violations of the unique keys, from concurrent writes, to the same errors. */
export const mapUniqueErrors = async <T>(write: () => Promise<T>): Promise<T> => {
  try {
    return await write()
  } catch (error) {
    const fault = databaseFault(error)
    if (fault?.kind !== 'unique') throw error
    const { constraint } = fault
    const taken = { email: constraint === 'users_email_key', username: constraint === 'users_username_key' }
    throw toTakenError(taken) ?? error
  }
}

/** Creates accounts and changes their profiles: both must not take the name of another account. */
export function createRegistration(dependencies: RegistrationDependencies, devices: FamilyService) {
  const { accounts, passwords, attempts, emit } = dependencies
  const { orm, sql } = dependencies.database

  /** Limits the probing for taken names: each taken name counts as a failure of the address. */
  const admitNames = async (email: string, username: string, address: string): Promise<void> => {
    const probes = attempts.createGates('signup', address)
    const taken = await accounts.findTaken(sql, email, username, probes)
    if (taken.isProbing) throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter: PROBED_RETRY_SECONDS })
    const fault = toTakenError(taken)
    if (fault === undefined) return
    await accounts.countFailure(sql, { sliding: null, fixed: probes })
    throw fault
  }

  return {
    /** `hasCommonPassword`: the password is on the list of common passwords. */
    async signup(input: { username: string; email: string; password: string; address: string }) {
      const email = normalizeEmail(input.email)
      const username = input.username.trim()
      const hasCommonPassword = await isCommonPassword(input.password)
      if (hasCommonPassword && dependencies.refusesCommon) throw commonPassword('password')
      await admitNames(email, username, input.address)
      const id = createUserId()
      const passwordHash = await passwords.hash(input.password)
      const account = { id, username, email, passwordHash, dataKey: dependencies.createDataKey(id) }
      const family = devices.createFamily()
      const user = await mapUniqueErrors(() => accounts.insert(sql, account, family))
      emit({ event: 'user_created', userId: user.id, address: input.address })
      return { user, ...devices.createFirstTokens(user.id, family.id), hasCommonPassword }
    },

    async find(userId: number): Promise<AccountRow> {
      const user = await accounts.find(sql, userId)
      if (user === undefined) throw new AppError('INVALID_TOKEN')
      return user
    },

    async updateProfile(userId: number, changes: { username?: string; profileImage?: string | null }) {
      const wanted = {
        ...(changes.username === undefined ? {} : { username: changes.username.trim() }),
        ...(changes.profileImage === undefined ? {} : { profileImage: changes.profileImage }),
      }
      const user = await mapUniqueErrors(() => accounts.update(orm, userId, wanted))
      if (user === undefined) throw new AppError('INVALID_TOKEN')
      return user
    },
  }
}
