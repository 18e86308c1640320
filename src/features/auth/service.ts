import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { databaseFault } from '../../db/faults.ts'
import { AppError } from '../../errors.ts'
import type { Bearer, Principal } from '../../plugins/authentication.ts'
import { networkOf } from '../../plugins/security.ts'
import type { SecurityEvent } from '../../plugins/security-events.ts'
import { type Attempts, MAX_FAILURES, NETWORK_SHARE } from './attempts.ts'
import { isCommon } from './common-passwords.ts'
import type { Device } from './device-cookie.ts'
import type { RefreshToken, RefreshTokens } from './families/refresh-token.ts'
import type { FamilyRepository, LockedFamily } from './families/repository.ts'
import { isOutdated, type Passwords } from './passwords.ts'
import type { AccountRepository, AccountRow, LoginView } from './repository.ts'

export type TokenPair = { readonly accessToken: string; readonly refreshToken: string }

type Dependencies = {
  readonly database: Pick<Database, 'orm' | 'sql'>
  readonly accounts: AccountRepository
  readonly families: FamilyRepository
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>
  readonly attempts: Attempts
  readonly refreshTokens: RefreshTokens
  /** Wrapped, as it is stored. */
  readonly createDataKey: (userId: number) => Uint8Array
  readonly rememberDataKey: (userId: number, wrapped: Uint8Array | null) => void
  readonly issueAccess: (principal: Principal) => string
  readonly refreshTtlMs: number
  /** Whether a common password is refused, not only remarked upon. */
  readonly refusesCommon: boolean
  /** Told after a device was logged out, with the families that ended. */
  readonly onLogout: (families: readonly string[]) => Promise<void>
  /** Called after a device has got another name: tokens with the old one are no longer accepted. */
  readonly onRenamed: (familyId: string, newId: string) => void
  /** Told when a password could not be hashed anew at a login. */
  readonly onRehashFailed: (error: unknown) => void
  readonly tell: (event: SecurityEvent) => void
}

type Login = {
  readonly email: string
  readonly password: string
  readonly address: string
  /** Of the cookie that an earlier login left. */
  readonly device: Device | null
  readonly refreshToken: string | null
}

type PasswordChangeInput = {
  readonly currentPassword: string
  readonly newPassword: string
  readonly address: string
}

const PROBED_RETRY_SECONDS = 600

/** In the form of a schema's findings, so that it is told in the same words. */
export const commonPassword = (field: string) =>
  Object.assign(new Error('a common password'), {
    validation: [{ keyword: 'common', instancePath: `/${field}`, schemaPath: '', params: {} }],
  })

/** How long the previous refresh token is still answered with the current pair. */
const PREVIOUS_TOKEN_MS = 60_000

/** What shows that the account was logged in to here before: in a shared browser the cookie may be somebody else's. */
function proofOf({ account, isFamilyLive }: LoginView, device: Device | null): 'device' | 'family' | null {
  if (account === undefined) return null
  if (device?.userId === account.id) return 'device'
  return isFamilyLive ? 'family' : null
}

/** The previous token, when another tab was quicker or the answer with the current pair was lost on its way. */
const isTolerated = (family: LockedFamily, { counter }: RefreshToken) =>
  counter === family.counter - 1 && (family.ageMs <= PREVIOUS_TOKEN_MS || !family.confirmed)

/** Only this server writes tokens: one ahead of the row shows that the database lost its last commits. */
const isNewest = (family: LockedFamily, { counter }: RefreshToken) => counter >= family.counter

/**
 * A number that no account has had: one from a sequence would come again after a failover that lost commits, or after a
 * restore, and with it the old account's tokens and cookies. 52 random bits, above what any sequence has reached.
 */
const newUserId = () => 2 ** 52 + Number(randomBytes(8).readBigUInt64BE() >> 12n)

const normalEmail = (email: string) => email.trim().toLowerCase()

export function createAuthService(dependencies: Dependencies) {
  const { accounts, families, passwords, attempts, refreshTokens, refreshTtlMs } = dependencies
  const { tell } = dependencies
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
      const { constraint } = fault
      const taken = { email: constraint === 'users_email_key', username: constraint === 'users_username_key' }
      throw refusal(taken) ?? error
    }
  }

  const rotate = (token: RefreshToken) =>
    orm.transaction(async (tx) => {
      const { familyId } = token
      const family = await families.lock(tx, familyId)
      if (family?.live !== true) return undefined
      const { userId } = family
      if (isNewest(family, token)) {
        const counter = token.counter + 1
        await families.updateCounter(tx, familyId, counter, refreshTtlMs)
        return pair({ userId, familyId, counter })
      }
      if (isTolerated(family, token)) return pair({ userId, familyId, counter: family.counter })
      await families.revoke(tx, userId, familyId)
      return { stolenFrom: userId }
    })

  /** Whether what was shown is good now, for it to reach beyond its own device. */
  const isGood = async (userId: number, bearer: Bearer | null, token: RefreshToken | undefined) => {
    if (bearer?.isExpired === false) {
      const family = await families.lock(orm, bearer.principal.familyId)
      if (family?.live === true && family.userId === userId) return true
    }
    if (token === undefined) return false
    const family = await families.lock(orm, token.familyId)
    const isCurrent = family?.live === true && (isNewest(family, token) || isTolerated(family, token))
    return isCurrent && family.userId === userId
  }

  const revokeAll = async (userId: number) => {
    const ended = await families.revoke(orm, userId, null)
    tell({ event: 'authn_logout', userId, details: { devices: ended.length } })
    await dependencies.onLogout(ended)
  }

  /** What counts the failures of an address, and of the network around it. */
  const gatesOf = (kind: string, address: string) =>
    [
      { key: attempts.keyOf(kind, address), max: MAX_FAILURES },
      { key: attempts.keyOf(`${kind} network`, networkOf(address)), max: MAX_FAILURES * NETWORK_SHARE },
    ] as const

  /** Names that are taken can be found out by trying them; how often is counted as wrong passwords are. */
  const admitNames = async (email: string, username: string, address: string): Promise<void> => {
    const probes = gatesOf('signup', address)
    const taken = await accounts.findTaken(sql, email, username, probes)
    if (taken.isProbing) throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter: PROBED_RETRY_SECONDS })
    const fault = refusal(taken)
    if (fault === undefined) return
    await accounts.countFailure(sql, { sliding: null, fixed: probes })
    throw fault
  }

  /** Who stands at the door, after the wait that their failures have earned them. */
  const receive = async ({ email, address, device, refreshToken }: Login) => {
    const token = refreshToken === null ? undefined : refreshTokens.read(refreshToken)
    const deviceKey = (name: string | undefined) =>
      name === undefined ? null : attempts.keyOf('device', name)
    const gates = gatesOf('address', address)
    const [ofAddress, ofNetwork] = gates
    const keys = {
      account: attempts.keyOf('account', email),
      address: ofAddress.key,
      network: ofNetwork.key,
      device: deviceKey(device?.nonce),
      family: deviceKey(token?.familyId),
    }
    const view = await accounts.findForLogin(sql, email, keys, token ?? null)
    const { account, failures, addressWait } = view
    const proof = proofOf(view, device)
    const ownDevice = proof === null || failures[proof] >= MAX_FAILURES ? null : keys[proof]
    const who = account === undefined ? { address } : { address, userId: account.id }
    const refuse = () => {
      tell({ event: 'authn_login_throttled', ...who })
      return new AppError('TOO_MANY_ATTEMPTS', { retryAfter: addressWait })
    }
    if (ownDevice === null) {
      if (failures.address >= ofAddress.max || failures.network >= ofNetwork.max) throw refuse()
      await attempts.slow(failures.account, { account: keys.account, address })
    }
    // A known device answers for itself alone; a stranger for the account and the address.
    const counters =
      ownDevice === null
        ? {
            gates,
            forgiven: keys.account,
            counted: { sliding: keys.account, fixed: gates },
          }
        : {
            gates: [{ key: ownDevice, max: MAX_FAILURES }],
            forgiven: ownDevice,
            counted: { sliding: ownDevice, fixed: [] },
          }
    return { account, who, counters, refuse, isKnownDevice: ownDevice !== null }
  }

  /**
   * Asks the bearer of a token for the password once more, and returns its hash. Every question counts, for a stolen
   * token must not be a way to guess it; a wrong answer also counts as a wrong login of the account.
   */
  const prove = async (userId: number, password: string): Promise<string> => {
    const proofs = { key: attempts.keyOf('proof', String(userId)), max: MAX_FAILURES }
    if (await accounts.countFailure(sql, { sliding: null, fixed: [proofs] }))
      throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter: PROBED_RETRY_SECONDS })
    const user = await accounts.find(sql, userId)
    if ((await passwords.verify(user?.passwordHash, password)) && user !== undefined) return user.passwordHash
    if (user !== undefined)
      await accounts.countFailure(sql, { sliding: attempts.keyOf('account', user.email), fixed: [] })
    tell({ event: 'authn_login_fail', userId })
    throw new AppError('INVALID_CREDENTIALS')
  }

  /** A login that was right stays right when there is no time for this; the next one tries again. */
  const rehash = async ({ id, passwordHash }: AccountRow, password: string): Promise<void> => {
    try {
      const hash = await passwords.hash(password)
      await accounts.updatePasswordHash(sql, id, passwordHash, hash)
    } catch (error) {
      dependencies.onRehashFailed(error)
    }
  }

  return {
    /** `isCommon` tells that many people have the same password. */
    async signup(input: { username: string; email: string; password: string; address: string }) {
      const email = normalEmail(input.email)
      const username = input.username.trim()
      const hasCommonPassword = await isCommon(input.password)
      if (hasCommonPassword && dependencies.refusesCommon) throw commonPassword('password')
      await admitNames(email, username, input.address)
      const id = newUserId()
      const passwordHash = await passwords.hash(input.password)
      const account = { id, username, email, passwordHash, dataKey: dependencies.createDataKey(id) }
      const family = newFamily()
      const user = await named(() => accounts.insert(sql, account, family))
      tell({ event: 'user_created', userId: user.id, address: input.address })
      return { ...loggedIn(user, family.id), hasCommonPassword }
    },

    /** One answer, and one hash verified, for an unknown e-mail and for a wrong password. */
    async login(input: Login) {
      const caller = { ...input, email: normalEmail(input.email) }
      const { account, who, counters, refuse, isKnownDevice } = await receive(caller)
      const matches = await passwords.verify(account?.passwordHash, input.password)
      if (account === undefined || !matches) {
        if (await accounts.countFailure(sql, counters.counted)) throw refuse() // of guesses made at once, some were counted meanwhile
        tell({ event: 'authn_login_fail', ...who })
        throw new AppError('INVALID_CREDENTIALS')
      }
      const family = newFamily()
      if (!(await accounts.insertFamily(sql, account.id, family, counters))) throw refuse()
      dependencies.rememberDataKey(account.id, account.dataKey)
      if (isOutdated(account.passwordHash)) await rehash(account, input.password)
      tell({ event: 'authn_login_success', ...who, details: { isKnownDevice } })
      return loggedIn(account, family.id)
    },

    async refresh(text: string): Promise<TokenPair> {
      const token = refreshTokens.read(text)
      if (token === undefined) throw new AppError('INVALID_REFRESH_TOKEN')
      const next = await rotate(token)
      if (next === undefined) throw new AppError('INVALID_REFRESH_TOKEN')
      if (!('stolenFrom' in next)) return next
      const { familyId } = token
      tell({ event: 'authn_token_reuse', userId: next.stolenFrom, details: { family: familyId } })
      await dependencies.onLogout([familyId])
      throw new AppError('INVALID_REFRESH_TOKEN')
    },

    /**
     * Ends this device's family and that of `refreshToken`, or all of the user. All of them takes a token that is good
     * now: one that expired, was replaced or was logged out ends its own device alone. Without a token nothing is ended.
     */
    async logout(
      bearer: Bearer | null,
      options: { refreshToken: string | null; all: boolean },
    ): Promise<void> {
      const token = options.refreshToken === null ? undefined : refreshTokens.read(options.refreshToken)
      const familyId = bearer?.principal.familyId ?? token?.familyId
      if (familyId === undefined) return
      const userId = bearer?.principal.userId ?? (await families.lock(orm, familyId))?.userId
      if (userId === undefined) return
      if (options.all && (await isGood(userId, bearer, token))) return revokeAll(userId)
      const ended = await families.revoke(orm, userId, familyId)
      if (token !== undefined && token.familyId !== familyId)
        ended.push(...(await families.revoke(orm, userId, token.familyId)))
      tell({ event: 'authn_logout', userId, details: { devices: ended.length } })
      await dependencies.onLogout(ended)
    },

    /** Ends all devices of a user whose token has been accepted. */
    logOutEverywhere: revokeAll,

    /**
     * Resolves when this is the account's password.
     * @throws INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS
     */
    async proveOwner(userId: number, password: string): Promise<void> {
      await prove(userId, password)
    },

    /**
     * Puts a new password in the place of the current one, logs all other devices out, and gives this one new tokens
     * under a new name: whoever had copied its old ones is out as well, while its live sessions go on.
     * @throws INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS, INVALID_TOKEN when the device was logged out meanwhile
     */
    async changePassword(who: Principal, change: PasswordChangeInput) {
      const { userId, familyId } = who
      const hasCommonPassword = await isCommon(change.newPassword)
      if (hasCommonPassword && dependencies.refusesCommon) throw commonPassword('newPassword')
      const before = await prove(userId, change.currentPassword)
      const after = await passwords.hash(change.newPassword)
      const device = newFamily()
      const ended = await accounts.changePassword(sql, { userId, before, after, familyId, newFamily: device })
      if (ended === undefined) throw new AppError('INVALID_TOKEN')
      const { address } = change
      tell({ event: 'authn_password_change', userId, address, details: { devices: ended.length } })
      dependencies.onRenamed(familyId, device.id)
      await dependencies.onLogout(ended)
      return { ...pair({ userId, familyId: device.id, counter: 1 }), hasCommonPassword }
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
      const user = await named(() => accounts.update(orm, userId, wanted))
      if (user === undefined) throw new AppError('INVALID_TOKEN')
      return user
    },
  }
}

export type AuthService = ReturnType<typeof createAuthService>
