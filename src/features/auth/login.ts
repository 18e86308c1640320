import type { Database } from '../../db/client.ts'
import type { SecurityEvent } from '../../http/security-event.ts'
import { AppError } from '../../protocol/errors.ts'
import { type Attempts, MAX_FAILURES } from './attempts.ts'
import type { Device } from './device-cookie.ts'
import type { RefreshTokens } from './families/refresh-token.ts'
import type { FamilyService } from './families/service.ts'
import { isOutdated, type Passwords } from './passwords.ts'
import { normalizeEmail } from './registration.ts'
import type { AccountRepository, AccountRow, LoginView } from './repository.ts'

export type LoginDependencies = {
  readonly database: Pick<Database, 'sql'>
  readonly accounts: AccountRepository
  readonly passwords: Pick<Passwords, 'hash' | 'verify'>
  readonly attempts: Attempts
  readonly refreshTokens: RefreshTokens
  readonly rememberDataKey: (userId: number, wrapped: Uint8Array | null) => void
  /** Called when a password could not be rehashed at login. */
  readonly onRehashFailed: (error: unknown) => void
  readonly emit: (event: SecurityEvent) => void
}

type Login = {
  readonly email: string
  readonly password: string
  readonly address: string
  /** From the cookie of an earlier login. */
  readonly device: Device | null
  readonly refreshToken: string | null
}

/** The proof of an earlier login to this account. In a shared browser, the cookie may belong to another user. */
function findProof({ account, isFamilyLive }: LoginView, device: Device | null): 'device' | 'family' | null {
  if (account === undefined) return null
  if (device?.userId === account.id) return 'device'
  return isFamilyLive ? 'family' : null
}

/** Logs users in, and delays or refuses those who guess. */
export function createLogin(dependencies: LoginDependencies, devices: FamilyService) {
  const { accounts, passwords, attempts, refreshTokens, emit } = dependencies
  const { sql } = dependencies.database

  /** Reads the account and the counters, and delays or refuses the login according to the failures. */
  const admitLogin = async ({ email, address, device, refreshToken }: Login) => {
    const token = refreshToken === null ? undefined : refreshTokens.read(refreshToken)
    const createDeviceKey = (name: string | undefined) =>
      name === undefined ? null : attempts.createKey('device', name)
    const gates = attempts.createGates('address', address)
    const [ofAddress, ofNetwork] = gates
    const keys = {
      account: attempts.createKey('account', email),
      address: ofAddress.key,
      network: ofNetwork.key,
      device: createDeviceKey(device?.nonce),
      family: createDeviceKey(token?.familyId),
    }
    const view = await accounts.findForLogin(sql, email, keys, token ?? null)
    const { account, failures, addressWait } = view
    const proof = findProof(view, device)
    const ownDevice = proof === null || failures[proof] >= MAX_FAILURES ? null : keys[proof]
    const caller = account === undefined ? { address } : { address, userId: account.id }
    const refuse = () => {
      emit({ event: 'authn_login_throttled', ...caller })
      return new AppError('TOO_MANY_ATTEMPTS', { retryAfter: addressWait })
    }
    if (ownDevice === null) {
      if (failures.address >= ofAddress.max || failures.network >= ofNetwork.max) throw refuse()
      await attempts.delay(failures.account, { account: keys.account, address })
    }
    // Failures of a known device count for that device only; all others count for the account and the address.
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
    return { account, caller, counters, refuse, isKnownDevice: ownDevice !== null }
  }

  /** A failure does not fail the login; the next login tries again. */
  const rehash = async ({ id, passwordHash }: AccountRow, password: string): Promise<void> => {
    try {
      const hash = await passwords.hash(password)
      await accounts.updatePasswordHash(sql, id, passwordHash, hash)
    } catch (error) {
      dependencies.onRehashFailed(error)
    }
  }

  return {
    /** Same error and same work (one hash) for an unknown e-mail and for a wrong password. */
    async login(input: Login) {
      const login = { ...input, email: normalizeEmail(input.email) }
      const { account, caller, counters, refuse, isKnownDevice } = await admitLogin(login)
      const matches = await passwords.verify(account?.passwordHash, input.password)
      if (account === undefined || !matches) {
        if (await accounts.countFailure(sql, counters.counted)) throw refuse() // concurrent guesses were counted meanwhile
        emit({ event: 'authn_login_fail', ...caller })
        throw new AppError('INVALID_CREDENTIALS')
      }
      const family = devices.createFamily()
      if (!(await accounts.insertFamily(sql, account.id, family, counters))) throw refuse()
      dependencies.rememberDataKey(account.id, account.dataKey)
      if (isOutdated(account.passwordHash)) await rehash(account, input.password)
      emit({ event: 'authn_login_success', ...caller, details: { isKnownDevice } })
      return { user: account, ...devices.createFirstTokens(account.id, family.id) }
    },
  }
}
