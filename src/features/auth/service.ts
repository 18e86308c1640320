import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { databaseFault } from '../../db/faults.ts'
import { AppError } from '../../errors.ts'
import type { Attempts } from './attempts.ts'
import type { Passwords } from './passwords.ts'
import type { RefreshTokens } from './refresh-token.ts'
import type { AccountRepository, AccountRow, AuthRepository, UserRow } from './repository.ts'

type Principal = { readonly userId: number; readonly familyId: string; readonly counter: number }
export type TokenPair = { readonly accessToken: string; readonly refreshToken: string }

type Dependencies = {
  readonly database: Pick<Database, 'orm' | 'sql'>
  readonly accounts: AccountRepository
  readonly repository: AuthRepository
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>
  readonly attempts: Attempts
  readonly refreshTokens: RefreshTokens
  readonly issueAccess: (principal: Principal) => string
  readonly refreshTtlMs: number
  /** Told after a device was logged out, with the families that ended. */
  readonly onLogout: (families: readonly string[]) => Promise<void>
  readonly onTheft: (familyId: string) => void
}

/** How long the previous refresh token is still answered with the current pair. */
const PREVIOUS_TOKEN_MS = 60_000

const normalEmail = (email: string) => email.trim().toLowerCase()

export function createAuthService(dependencies: Dependencies) {
  const { accounts, repository, passwords, attempts, refreshTokens, refreshTtlMs } = dependencies
  const { orm, sql } = dependencies.database

  const pair = (principal: Principal): TokenPair => ({
    accessToken: dependencies.issueAccess(principal),
    refreshToken: refreshTokens.write(principal),
  })

  /** A new device; its counter begins at 1. */
  const newFamily = () => ({ id: randomBytes(18).toString('base64url'), ttlMs: refreshTtlMs })
  const loggedIn = (user: AccountRow, familyId: string) => ({
    user,
    ...pair({ userId: user.id, familyId, counter: 1 }),
  })

  const refusal = (taken: { email: boolean; username: boolean }) => {
    if (taken.email) return new AppError('USER_EXISTS')
    return taken.username ? new AppError('USERNAME_EXISTS') : undefined
  }

  /** Two that sign up at once are told apart by the unique keys, with the same words. */
  const named = async <T>(write: () => Promise<T>): Promise<T> => {
    try {
      return await write()
    } catch (error) {
      const fault = databaseFault(error)
      if (fault?.kind !== 'unique') throw error
      const email = fault.constraint === 'users_email_key'
      throw refusal({ email, username: !email }) ?? error
    }
  }

  const rotate = (token: { familyId: string; counter: number }) =>
    orm.transaction(async (tx) => {
      const family = await repository.lockFamily(tx, token.familyId)
      if (family?.live !== true) return undefined
      const { userId, counter } = family
      if (token.counter === counter) {
        await repository.updateFamilyCounter(tx, token.familyId, counter + 1, refreshTtlMs)
        return pair({ userId, familyId: token.familyId, counter: counter + 1 })
      }
      // Another tab was quicker, or the answer with the current pair was lost on its way.
      const tolerated = family.ageMs <= PREVIOUS_TOKEN_MS || !family.confirmed
      if (token.counter === counter - 1 && tolerated)
        return pair({ userId, familyId: token.familyId, counter })
      await repository.revokeFamilies(tx, userId, token.familyId)
      dependencies.onTheft(token.familyId)
      return undefined
    })

  return {
    async signup(input: { username: string; email: string; password: string }) {
      const email = normalEmail(input.email)
      const username = input.username.trim()
      const taken = refusal(await accounts.findTaken(sql, email, username))
      if (taken !== undefined) throw taken
      const passwordHash = await passwords.hash(input.password)
      const family = newFamily()
      const user = await named(() => accounts.insert(sql, { username, email, passwordHash }, family))
      return loggedIn(user, family.id)
    },

    /** One answer, and one hash verified, for an unknown e-mail and for a wrong password. */
    async login(input: { email: string; password: string; address: string }) {
      const email = normalEmail(input.email)
      const guesses = attempts.of(email, input.address)
      guesses.admit()
      const user = await accounts.findByEmail(sql, email)
      const matches = await passwords.verify(user?.passwordHash, input.password)
      guesses.admit() // again: those that were made at once have been counted by now
      if (user === undefined || !matches) {
        guesses.fail()
        throw new AppError('INVALID_CREDENTIALS')
      }
      guesses.clear()
      const family = newFamily()
      await accounts.insertFamily(sql, user.id, family)
      return loggedIn(user, family.id)
    },

    async refresh(text: string): Promise<TokenPair> {
      const token = refreshTokens.read(text)
      const next = token === undefined ? undefined : await rotate(token)
      if (next === undefined) throw new AppError('INVALID_REFRESH_TOKEN')
      return next
    },

    /** Ends this device's family, that of `refreshToken`, or all of the user. Whoever cannot be told apart loses nothing. */
    async logout(
      who: Principal | null,
      options: { refreshToken: string | null; all: boolean },
    ): Promise<void> {
      const token = options.refreshToken === null ? undefined : refreshTokens.read(options.refreshToken)
      const familyId = who?.familyId ?? token?.familyId
      if (familyId === undefined) return
      const userId = who?.userId ?? (await repository.lockFamily(orm, familyId))?.userId
      if (userId === undefined) return
      const ended = await repository.revokeFamilies(orm, userId, options.all ? null : familyId)
      if (token !== undefined && !options.all && token.familyId !== familyId) {
        ended.push(...(await repository.revokeFamilies(orm, userId, token.familyId)))
      }
      await dependencies.onLogout(ended)
    },

    async find(userId: number): Promise<UserRow> {
      const user = await repository.findUser(orm, userId)
      if (user === undefined) throw new AppError('INVALID_TOKEN')
      return user
    },

    async updateProfile(userId: number, changes: { username?: string; profileImage?: string | null }) {
      const wanted = {
        ...(changes.username === undefined ? {} : { username: changes.username.trim() }),
        ...(changes.profileImage === undefined ? {} : { profileImage: changes.profileImage }),
      }
      const user = await named(() => repository.updateUser(orm, userId, wanted))
      if (user === undefined) throw new AppError('INVALID_TOKEN')
      return user
    },

    /** An access token of this counter was used: its owner has received the pair. */
    confirm: ({ familyId, counter }: Principal) => repository.updateFamilyConfirmed(orm, familyId, counter),
  }
}

export type AuthService = ReturnType<typeof createAuthService>
