import { randomBytes } from 'node:crypto'
import type { Database } from '../../../db/client.ts'
import type { Bearer, Principal } from '../../../http/principal.ts'
import type { SecurityEvent } from '../../../http/security-event.ts'
import { AppError } from '../../../protocol/errors.ts'
import type { RefreshToken, RefreshTokens } from './refresh-token.ts'
import type { FamilyRepository, LockedFamily } from './repository.ts'

type TokenPair = { readonly accessToken: string; readonly refreshToken: string }

export type FamilyDependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly families: FamilyRepository
  readonly refreshTokens: RefreshTokens
  readonly issueAccess: (principal: Principal) => string
  readonly refreshTtlMs: number
  /** Called after devices were logged out, with their families. */
  readonly onLogout: (families: readonly string[]) => Promise<void>
  readonly emit: (event: SecurityEvent) => void
}

/** Within this time, the previous refresh token still returns the current pair. */
const PREVIOUS_TOKEN_MS = 60_000

/** Accepts the previous token: another tab may have been faster, or the response with the current pair was lost. */
const isTolerated = (family: LockedFamily, { counter }: RefreshToken) =>
  counter === family.counter - 1 && (family.ageMs <= PREVIOUS_TOKEN_MS || !family.confirmed)

/** A valid token ahead of its row is also the newest: the database has lost its last commits. */
const isNewest = (family: LockedFamily, { counter }: RefreshToken) => counter >= family.counter

/** The devices of users: their token pairs, and their logout. */
export function createFamilyService(dependencies: FamilyDependencies) {
  const { families, refreshTokens, refreshTtlMs, emit, onLogout } = dependencies
  const { orm } = dependencies.database

  const createTokens = (principal: Principal): TokenPair => ({
    accessToken: dependencies.issueAccess(principal),
    refreshToken: refreshTokens.write(principal),
  })

  /** The next token pair of the device; undefined when it is logged out. */
  const rotate = (token: RefreshToken) =>
    orm.transaction(async (tx) => {
      const { familyId } = token
      const family = await families.lock(tx, familyId)
      if (family?.live !== true) return undefined
      const { userId } = family
      if (isNewest(family, token)) {
        const counter = token.counter + 1
        await families.updateCounter(tx, familyId, counter, refreshTtlMs)
        return createTokens({ userId, familyId, counter })
      }
      if (isTolerated(family, token)) return createTokens({ userId, familyId, counter: family.counter })
      await families.revoke(tx, userId, familyId)
      return { stolenFrom: userId }
    })

  /** Whether one of the tokens is currently valid for the user, as required to log out other devices. */
  const hasValidToken = async (userId: number, bearer: Bearer | null, token: RefreshToken | undefined) => {
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
    emit({ event: 'authn_logout', userId, details: { devices: ended.length } })
    await onLogout(ended)
  }

  return {
    /** A new device; its counter starts at 1. */
    createFamily: () => ({ id: randomBytes(18).toString('base64url'), ttlMs: refreshTtlMs }),

    /** The first token pair of a new device. */
    createFirstTokens: (userId: number, familyId: string): TokenPair =>
      createTokens({ userId, familyId, counter: 1 }),

    refresh: async (text: string): Promise<TokenPair> => {
      const token = refreshTokens.read(text)
      if (token === undefined) throw new AppError('INVALID_REFRESH_TOKEN')
      const next = await rotate(token)
      if (next === undefined) throw new AppError('INVALID_REFRESH_TOKEN')
      if (!('stolenFrom' in next)) return next
      const { familyId } = token
      emit({ event: 'authn_token_reuse', userId: next.stolenFrom, details: { family: familyId } })
      await onLogout([familyId])
      throw new AppError('INVALID_REFRESH_TOKEN')
    },

    /**
     * Ends this device's family and that of `refreshToken`, or all families of the user. To end all requires a
     * currently valid token: an expired, replaced or logged-out one ends only its own device. Without a token, nothing
     * is ended.
     */
    logout: async (
      bearer: Bearer | null,
      options: { refreshToken: string | null; all: boolean },
    ): Promise<void> => {
      const token = options.refreshToken === null ? undefined : refreshTokens.read(options.refreshToken)
      const familyId = bearer?.principal.familyId ?? token?.familyId
      if (familyId === undefined) return
      const userId = bearer?.principal.userId ?? (await families.lock(orm, familyId))?.userId
      if (userId === undefined) return
      if (options.all && (await hasValidToken(userId, bearer, token))) return revokeAll(userId)
      const ended = await families.revoke(orm, userId, familyId)
      if (token !== undefined && token.familyId !== familyId)
        ended.push(...(await families.revoke(orm, userId, token.familyId)))
      emit({ event: 'authn_logout', userId, details: { devices: ended.length } })
      await onLogout(ended)
    },

    /** Ends all devices of an authenticated user. */
    logOutEverywhere: revokeAll,
  }
}

export type FamilyService = ReturnType<typeof createFamilyService>
