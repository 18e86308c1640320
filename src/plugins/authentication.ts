import { createHmac } from 'node:crypto'
import jwt, { type JWT } from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config/config.ts'
import type { Bearer, Principal } from '../http/principal.ts'
import { AppError } from '../protocol/errors.ts'
import { entryLimit } from '../lib/entry-limit.ts'

/** Claims of an access token. */
type AccessClaims = {
  /** The user's id, in decimal. */
  readonly sub: string
  readonly typ: 'access'
  /** The device family it was issued to, and the counter of that family at that time. */
  readonly fam: string
  readonly cnt: number
}

/** Whether the token's device is logged in to the token's account; synchronous if cached. */
type IsLive = (principal: Principal) => boolean | Promise<boolean>

type VerifiedToken = { readonly principal: Principal; readonly expiresAt: number }

type Verdict =
  | { readonly kind: 'valid' | 'expired'; readonly principal: Principal }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid' }

/** Where a request keeps what its token is worth. */
const VERDICT = Symbol('verdict')

declare module 'fastify' {
  interface FastifyInstance {
    authentication: {
      /** Hook of authenticated routes: 401 without a live access token. */
      readonly require: (request: FastifyRequest) => Promise<void>
      readonly issue: (principal: Principal) => string
      /** Sets the function that decides, for each request with an unexpired token, whether its device is logged in. */
      readonly decideBy: (isLive: IsLive) => void
      /** The current secret, for signing and sealing. */
      readonly secret: string
      /** All accepted secrets, the current one first. */
      readonly secrets: readonly string[]
    }
  }
  interface FastifyRequest {
    principal: Principal | null
    [VERDICT]: Verdict | null
    /** The verified user id as text, for rate limit keys; null without a valid token. */
    bearerSubject(): string | null
    /** The bearer, even of an expired token; null for an invalid token. */
    bearerEvenExpired(): Bearer | null
  }
}

const ISSUER = 'maeum'
const BEARER = /^bearer\s+(\S+)$/i
/** About 0.5 KB each. */
const MAX_CACHED_TOKENS = 10_000

/** Access tokens: HS256 with fixed issuer, audience and type, signed with the current or the previous key. */
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
    const ring = getKeyring(app, secret)
    const verify = createVerifier(app, secrets)
    let isLive: IsLive = () => {
      throw new Error('decideBy was not called')
    }

    const getVerdict = (request: FastifyRequest): Verdict => {
      request[VERDICT] ??= judge(request.headers.authorization)
      return request[VERDICT]
    }

    /** Verified tokens. A signature stays valid, so later requests check only the expiry. */
    const verified = new LRUCache<string, VerifiedToken>(entryLimit(MAX_CACHED_TOKENS))
    const verifyCached = (token: string): VerifiedToken | undefined => {
      const known = verified.get(token)
      if (known !== undefined) return known
      const claims = verify(token)
      const principal = claims === undefined ? undefined : toPrincipal(claims)
      if (principal === undefined) return undefined
      const fresh = { principal, expiresAt: Number(claims?.exp) * 1000 }
      verified.set(token, fresh)
      return fresh
    }

    const judge = (header: string | undefined): Verdict => {
      if (header === undefined) return { kind: 'absent' }
      const token = BEARER.exec(header.trim())?.[1]
      const known = token === undefined ? undefined : verifyCached(token)
      if (known === undefined) return { kind: 'invalid' }
      return { kind: known.expiresAt <= Date.now() ? 'expired' : 'valid', principal: known.principal }
    }

    app.decorateRequest('principal', null)
    app.decorateRequest(VERDICT, null)
    app.decorateRequest('bearerSubject', function (this: FastifyRequest) {
      const verdict = getVerdict(this)
      return verdict.kind === 'valid' ? String(verdict.principal.userId) : null
    })
    app.decorateRequest('bearerEvenExpired', function (this: FastifyRequest) {
      const verdict = getVerdict(this)
      return verdict.kind === 'valid' || verdict.kind === 'expired'
        ? { principal: verdict.principal, isExpired: verdict.kind === 'expired' }
        : null
    })
    app.decorate('authentication', {
      secret,
      secrets,
      require: async (request: FastifyRequest) => {
        const verdict = getVerdict(request)
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

/** Identifies a key in token headers without revealing it. */
const keyId = (secret: string) =>
  createHmac('sha256', secret).update('maeum key id').digest('base64url').slice(0, 8)

const VERIFY = {
  algorithms: ['HS256'] as 'HS256'[],
  allowedIss: ISSUER,
  allowedAud: ISSUER,
  // A missing claim would not be checked.
  requiredClaims: ['iss', 'aud', 'exp'],
  ignoreExpiration: true,
}

/** The JWT functions for this key. */
function getKeyring(app: FastifyInstance, key: string): JWT {
  const ring = (app.jwt as unknown as Readonly<Record<string, JWT>>)[keyId(key)] // one per registered namespace
  if (ring === undefined) throw new Error('a key has no namespace')
  return ring
}

type VerifiedClaims = Partial<AccessClaims> & { readonly exp?: unknown }

/**
 * Verifies a token that one of our keys signed, expired or not; undefined for other tokens. A token without a key id is
 * from before key ids and is verified with the current key.
 */
function createVerifier(
  app: FastifyInstance,
  secrets: readonly string[],
): (token: string) => VerifiedClaims | undefined {
  const rings = new Map<unknown, JWT>()
  for (const key of secrets.toReversed())
    rings.set(keyId(key), getKeyring(app, key)).set(undefined, getKeyring(app, key))
  return (token) => {
    try {
      const parts = rings.get(undefined)?.decode<{ header: { kid?: unknown } }>(token, { complete: true })
      return rings.get(parts?.header.kid)?.verify<VerifiedClaims>(token)
    } catch {
      return undefined // any invalid token
    }
  }
}

function toPrincipal({ sub, typ, fam, cnt, exp }: VerifiedClaims): Principal | undefined {
  const userId = Number(sub)
  if (typ !== 'access' || !Number.isSafeInteger(userId) || userId <= 0) return undefined
  if (typeof fam !== 'string' || typeof cnt !== 'number' || typeof exp !== 'number') return undefined
  return { userId, familyId: fam, counter: cnt }
}
