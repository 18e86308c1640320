import type { Database } from '../../db/client.ts'
import type { Role } from '../../domain/role.ts'
import type { SecurityEvent } from '../../http/security-event.ts'
import { commonPassword, isCommonPassword } from './common-passwords.ts'
import type { FamilyRepository } from './families/repository.ts'
import type { Passwords } from './passwords.ts'
import { createUserId, mapUniqueErrors, normalizeEmail } from './registration.ts'
import type { AccountChange, Administered, AdministrationRepository } from './administration/repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: AdministrationRepository
  readonly families: Pick<FamilyRepository, 'revoke'>
  readonly passwords: Pick<Passwords, 'hash'>
  /** Returns the wrapped key. */
  readonly createDataKey: (userId: number) => Uint8Array
  /** Whether common passwords are rejected. */
  readonly refusesCommon: boolean
  /** Called after devices were logged out, with their families. */
  readonly onLogout: (families: readonly string[]) => Promise<void>
  readonly emit: (event: SecurityEvent) => void
}

export type Administration = {
  /** The account before the change. */
  readonly before: Administered
  /** False if the account was so already. */
  readonly isChanged: boolean
  /** Devices that were logged out, with those of earlier logouts. */
  readonly families: readonly string[]
}

/** Changes of accounts by the operator. Undefined for an account that does not exist. */
export function createAdministration(dependencies: Dependencies) {
  const { repository, families, passwords, emit, onLogout } = dependencies
  const { orm } = dependencies.database

  const requireUncommon = async (password: string, field: string): Promise<void> => {
    if (dependencies.refusesCommon && (await isCommonPassword(password))) throw commonPassword(field)
  }

  /** Changes the locked account in one transaction, with the logout of all devices if asked for. */
  const change = (
    userId: number,
    logsOut: boolean,
    toChange: (before: Administered) => AccountChange | undefined,
  ): Promise<Administration | undefined> =>
    orm.transaction(async (tx) => {
      const before = await repository.lock(tx, userId)
      if (before === undefined) return undefined
      const values = toChange(before)
      if (values !== undefined) await repository.update(tx, userId, values)
      const revoked = logsOut ? await families.revoke(tx, userId, null) : []
      return { before, isChanged: values !== undefined, families: revoked }
    })

  return {
    /**
     * Creates an account without a device.
     * @throws USER_EXISTS, USERNAME_EXISTS, or a validation error for a common password
     */
    async create(input: { readonly username: string; readonly email: string; readonly password: string }) {
      await requireUncommon(input.password, 'password')
      const id = createUserId()
      const email = normalizeEmail(input.email)
      const passwordHash = await passwords.hash(input.password)
      const account = { id, email, username: input.username.trim(), passwordHash }
      await mapUniqueErrors(() =>
        repository.insert(orm, { ...account, dataKey: dependencies.createDataKey(id) }),
      )
      emit({ event: 'user_created', userId: id })
      return {
        id,
        email,
        username: account.username,
        hasCommonPassword: await isCommonPassword(input.password),
      }
    },

    /** Disables the account and logs out all its devices, also if it is disabled already. */
    async disable(userId: number) {
      const done = await change(userId, true, ({ disabledAt }) =>
        disabledAt === null ? { isDisabled: true } : undefined,
      )
      if (done === undefined) return undefined
      if (done.isChanged) emit({ event: 'user_disabled', userId, details: { devices: done.families.length } })
      await onLogout(done.families)
      return done
    },

    async enable(userId: number) {
      const done = await change(userId, false, ({ disabledAt }) =>
        disabledAt === null ? undefined : { isDisabled: false },
      )
      if (done?.isChanged === true) emit({ event: 'user_enabled', userId })
      return done
    },

    async setRole(userId: number, role: Role) {
      const done = await change(userId, false, (before) => (before.role === role ? undefined : { role }))
      if (done?.isChanged === true)
        emit({ event: 'authz_change', userId, details: { from: done.before.role, to: role } })
      return done
    },

    /**
     * Sets a new password and logs out all devices.
     * @throws a validation error for a common password
     */
    async resetPassword(userId: number, password: string) {
      await requireUncommon(password, 'password')
      const passwordHash = await passwords.hash(password)
      const done = await change(userId, true, () => ({ passwordHash }))
      if (done === undefined) return undefined
      emit({ event: 'authn_password_change', userId, details: { devices: done.families.length } })
      await onLogout(done.families)
      return { ...done, hasCommonPassword: await isCommonPassword(password) }
    },
  }
}

export type AccountAdministration = ReturnType<typeof createAdministration>
