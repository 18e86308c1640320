import type { FastifyRequest } from 'fastify'
import { AppError } from '../protocol/errors.ts'

/** The authenticated caller: a user on one of their devices, and the refresh counter that their token was issued with. */
export type Principal = { readonly userId: number; readonly familyId: string; readonly counter: number }

/** The content of a token that we signed. */
export type Bearer = { readonly principal: Principal; readonly isExpired: boolean }

/** The principal of a request inside the authenticated scope. */
export function requirePrincipal({ principal }: FastifyRequest): Principal {
  if (principal === null) throw new AppError('UNAUTHORIZED')
  return principal
}
