import { type Static, Type } from 'typebox'
import { ROLES } from '../../domain/role.ts'
import type { Administered } from '../../features/auth/administration/repository.ts'

/** An account as the commands print it. Times are ISO 8601. */
export const AccountView = Type.Object({
  id: Type.Integer(),
  email: Type.String(),
  username: Type.String(),
  role: Type.Enum([...ROLES]),
  createdAt: Type.String(),
  disabledAt: Type.Union([Type.String(), Type.Null()]),
})

export const toAccountView = (user: Administered): Static<typeof AccountView> => ({
  id: user.id,
  email: user.email,
  username: user.username,
  role: user.role,
  createdAt: user.createdAt.toISOString(),
  disabledAt: user.disabledAt?.toISOString() ?? null,
})
