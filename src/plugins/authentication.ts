import { createHmac } from 'node:crypto'
import jwt, { type JWT } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config.ts'
import { AppError } from '../errors.ts'

/** What an access token says. */
export type AccessClaims = {
  /** The user's id, in decimal. */
  readonly sub: string
  readonly typ: 'access'
  /** The device family it was issued to, and that family's counter then. */
  readonly fam: string
  readonly cnt: number
}

export type Principal = { readonly userId: number; readonly familyId: string; readonly counter: number }

/** Whether the token's device is logged in to the token's account; at once where that is known. */
type IsLive = (principal: Principal) => boolean | Promise<boolean>

/** The content of a token that we signed. */
export type Bearer = { readonly principal: Principal; readonly isExpired: boolean }

type Opened = { readonly principal: Principal; readonly expiresAt: number }

type Verdict =
  | { readonly kind: 'valid' | 'expired'; readonly principal: Principal }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid' }

declare module 'fastify' {
  interface FastifyInstance {
    authentication: {
      /** Hook of the authenticated scope: 401 unless a live access token came. */
      readonly require: (request: FastifyRequest) => Promise<void>
      readonly issue: (principal: Principal) => string
      /** What decides, for each request with an unexpired token, whether its device is logged in. */
      readonly decideBy: (isLive: IsLive) => void
      /** What is signed or sealed now is signed with this. */
      readonly secret: string
      /** What was signed with any of these still counts; the present one first. */
      readonly secrets: readonly string[]
    }
  }
  interface FastifyRequest {
    principal: Principal | null
    /** The verified user id as text, for keys; null when there is no live token. */
    bearerSubject(): string | null
    /** The bearer, also of a token that has expired; null when it was not ours. */
    bearerEvenExpired(): Bearer | null
  }
}

const ISSUER = 'maeum'
const BEARER = /^bearer\s+(\S+)$/i
/** Half a kilobyte each. */
const OPENED_TOKENS = 10_000

/** Access tokens: HS256 with pinned issuer, audience and type, under the present key or the one before it. */
export const authentication = fp(
  async (app, { config, secret }: { config: Config; secret: string }) => {
    const { accessTtlMs, previousJwtSecret } = config.accounts
    const secrets = previousJwtSecret === null ? [secret] : [secret, previousJwtSecret]
    for (const key of secrets) {
      await app.register(jwt, {
        secret: key,
        namespace: keyId(key),
        sign: {
          algorithm: 'HS256',
          kid: keyId(key),
          iss: ISSUER,
          aud: ISSUER,
          expiresIn: accessTtlMs / 1000,
        },
        verify: VERIFY,
      })
    }
    const ring = keyring(app, secret)
    const open = createOpener(app, secrets)
    const verdicts = new WeakMap<FastifyRequest, Verdict>()
    let isLive: IsLive = () => {
      throw new Error('nothing decides yet whether a device is logged in')
    }

    const verdictOf = (request: FastifyRequest): Verdict => {
      const known = verdicts.get(request)
      if (known !== undefined) return known
      const verdict = judge(request.headers.authorization)
      verdicts.set(request, verdict)
      return verdict
    }

    /** What was signed stays signed: a token is read once, and only its end is looked at each time. */
    const opened = new LRUCache<string, Opened>({ max: OPENED_TOKENS })
    const openOnce = (token: string): Opened | undefined => {
      const known = opened.get(token)
      if (known !== undefined) return known
      const claims = open(token)
      const principal = claims === undefined ? undefined : toPrincipal(claims)
      if (principal === undefined) return undefined
      const fresh = { principal, expiresAt: Number(claims?.exp) * 1000 }
      opened.set(token, fresh)
      return fresh
    }

    const judge = (header: string | undefined): Verdict => {
      if (header === undefined) return { kind: 'absent' }
      const token = BEARER.exec(header.trim())?.[1]
      const known = token === undefined ? undefined : openOnce(token)
      if (known === undefined) return { kind: 'invalid' }
      return { kind: known.expiresAt <= Date.now() ? 'expired' : 'valid', principal: known.principal }
    }

    app.decorateRequest('principal', null)
    app.decorateRequest('bearerSubject', function (this: FastifyRequest) {
      const verdict = verdictOf(this)
      return verdict.kind === 'valid' ? String(verdict.principal.userId) : null
    })
    app.decorateRequest('bearerEvenExpired', function (this: FastifyRequest) {
      const verdict = verdictOf(this)
      return verdict.kind === 'valid' || verdict.kind === 'expired'
        ? { principal: verdict.principal, isExpired: verdict.kind === 'expired' }
        : null
    })
    app.decorate('authentication', {
      secret,
      secrets,
      require: async (request: FastifyRequest) => {
        const verdict = verdictOf(request)
        if (verdict.kind === 'absent') throw new AppError('UNAUTHORIZED')
        if (verdict.kind === 'invalid') throw new AppError('INVALID_TOKEN')
        if (verdict.kind === 'expired') throw new AppError('TOKEN_EXPIRED')
        const known = isLive(verdict.principal)
        if (!(typeof known === 'boolean' ? known : await known)) throw new AppError('INVALID_TOKEN')
        request.principal = verdict.principal
      },
      issue: ({ userId, familyId, counter }: Principal) =>
        ring.sign({ sub: String(userId), typ: 'access', fam: familyId, cnt: counter } satisfies AccessClaims),
      decideBy: (decide: IsLive) => {
        isLive = decide
      },
    })
  },
  { name: 'authentication' },
)

/** Names a key in the header of what it signed, and tells nothing about it. */
const keyId = (secret: string) =>
  createHmac('sha256', secret).update('maeum key id').digest('base64url').slice(0, 8)

const VERIFY = {
  algorithms: ['HS256'] as 'HS256'[],
  allowedIss: ISSUER,
  allowedAud: ISSUER,
  // A claim that is not there would not be checked.
  requiredClaims: ['iss', 'aud', 'exp'],
  ignoreExpiration: true,
}

/** What signs and reads with this key. */
function keyring(app: FastifyInstance, key: string): JWT {
  const ring = (app.jwt as unknown as Readonly<Record<string, JWT>>)[keyId(key)] // one for each namespace registered
  if (ring === undefined) throw new Error('a key has no namespace')
  return ring
}

type OpenedClaims = Partial<AccessClaims> & { readonly exp?: unknown }

/**
 * Reads what one of our keys signed, expired or not; undefined for everything else. A token without a key's name was
 * signed before keys had names, by the present one.
 */
function createOpener(
  app: FastifyInstance,
  secrets: readonly string[],
): (token: string) => OpenedClaims | undefined {
  const rings = new Map<unknown, JWT>()
  for (const key of secrets.toReversed())
    rings.set(keyId(key), keyring(app, key)).set(undefined, keyring(app, key))
  return (token) => {
    try {
      const parts = rings.get(undefined)?.decode<{ header: { kid?: unknown } }>(token, { complete: true })
      return rings.get(parts?.header.kid)?.verify<OpenedClaims>(token)
    } catch {
      return undefined // whatever is wrong with a token, its bearer is nobody
    }
  }
}

function toPrincipal({ sub, typ, fam, cnt, exp }: OpenedClaims): Principal | undefined {
  const userId = Number(sub)
  if (typ !== 'access' || !Number.isSafeInteger(userId) || userId <= 0) return undefined
  if (typeof fam !== 'string' || typeof cnt !== 'number' || typeof exp !== 'number') return undefined
  return { userId, familyId: fam, counter: cnt }
}

/** The principal of a request inside the authenticated scope. */
export function principal(request: FastifyRequest): Principal {
  if (request.principal === null) throw new AppError('UNAUTHORIZED')
  return request.principal
}
