import jwt from '@fastify/jwt'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
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
      /** Called for each request that a live token opened. */
      readonly onUse: (listener: (principal: Principal) => void) => void
      readonly secret: string
    }
  }
  interface FastifyRequest {
    principal: Principal | null
    /** The verified user id as text, for keys; null when there is no live token. */
    bearerSubject(): string | null
    /** The bearer's principal even when the token has expired; null when it was not ours. */
    bearerEvenExpired(): Principal | null
  }
}

const ISSUER = 'maeum'
const BEARER = /^bearer\s+(\S+)$/i

export const authentication = fp(
  async (app, { config, secret }: { config: Config; secret: string }) => {
    await app.register(jwt, {
      secret,
      sign: { algorithm: 'HS256', iss: ISSUER, aud: ISSUER, expiresIn: config.accounts.accessTtlMs / 1000 },
    })
    const verdicts = new WeakMap<FastifyRequest, Verdict>()
    const listeners: ((principal: Principal) => void)[] = []

    const verdictOf = (request: FastifyRequest): Verdict => {
      const known = verdicts.get(request)
      if (known !== undefined) return known
      const verdict = judge(request.headers.authorization)
      verdicts.set(request, verdict)
      return verdict
    }

    const judge = (header: string | undefined): Verdict => {
      if (header === undefined) return { kind: 'absent' }
      const token = BEARER.exec(header.trim())?.[1]
      if (token === undefined) return { kind: 'invalid' }
      const live = principalOf(token, false)
      if (live !== undefined) return { kind: 'valid', principal: live }
      const expired = principalOf(token, true)
      return expired === undefined ? { kind: 'invalid' } : { kind: 'expired', principal: expired }
    }

    const principalOf = (token: string, ignoreExpiration: boolean): Principal | undefined => {
      try {
        return toPrincipal(
          app.jwt.verify<Partial<AccessClaims>>(token, { ...verifyOptions, ignoreExpiration }),
        )
      } catch {
        return undefined // whatever is wrong with a token, its bearer is nobody
      }
    }

    app.decorateRequest('principal', null)
    app.decorateRequest('bearerSubject', function (this: FastifyRequest) {
      const verdict = verdictOf(this)
      return verdict.kind === 'valid' ? String(verdict.principal.userId) : null
    })
    app.decorateRequest('bearerEvenExpired', function (this: FastifyRequest) {
      const verdict = verdictOf(this)
      return verdict.kind === 'valid' || verdict.kind === 'expired' ? verdict.principal : null
    })
    app.decorate('authentication', {
      secret,
      require: async (request: FastifyRequest) => {
        const verdict = verdictOf(request)
        if (verdict.kind === 'absent') throw new AppError('UNAUTHORIZED')
        if (verdict.kind === 'invalid') throw new AppError('INVALID_TOKEN')
        if (verdict.kind === 'expired') throw new AppError('TOKEN_EXPIRED')
        request.principal = verdict.principal
        for (const listener of listeners) listener(verdict.principal)
      },
      issue: ({ userId, familyId, counter }: Principal) =>
        app.jwt.sign({
          sub: String(userId),
          typ: 'access',
          fam: familyId,
          cnt: counter,
        } satisfies AccessClaims),
      onUse: (listener: (principal: Principal) => void) => {
        listeners.push(listener)
      },
    })
  },
  { name: 'authentication' },
)

/** A claim that is not there would not be checked, so each that is checked must be there. */
const verifyOptions = {
  algorithms: ['HS256'] as 'HS256'[],
  allowedIss: ISSUER,
  allowedAud: ISSUER,
  requiredClaims: ['iss', 'aud', 'exp'],
}

function toPrincipal(claims: Partial<AccessClaims>): Principal | undefined {
  const userId = Number(claims.sub)
  if (claims.typ !== 'access' || !Number.isSafeInteger(userId) || userId <= 0) return undefined
  if (typeof claims.fam !== 'string' || typeof claims.cnt !== 'number') return undefined
  return { userId, familyId: claims.fam, counter: claims.cnt }
}

/** The principal of a request inside the authenticated scope. */
export function principal(request: FastifyRequest): Principal {
  if (request.principal === null) throw new AppError('UNAUTHORIZED')
  return request.principal
}
