import {
  type Administered,
  administrationRepository as repository,
} from '../features/auth/administration/repository.ts'
import { normalizeEmail } from '../features/auth/registration.ts'
import type { Orm } from '../db/orm.ts'
import { type Argument, CommandError, type Context } from './command.ts'

/**
 * The account that the operator names by id or e-mail.
 * @throws CommandError when there is none
 */
export async function findUser(
  orm: Orm,
  named: string,
  { texts }: Pick<Context, 'texts'>,
): Promise<Administered> {
  const id = /^\d{1,16}$/.test(named) ? Number(named) : undefined
  const user = await repository.find(orm, id === undefined ? { email: normalizeEmail(named) } : { id })
  if (user === undefined) throw new CommandError(texts('user.unknown', { user: named }))
  return user
}

/** The argument that names an account. */
export const USER: Argument = { name: 'user', text: 'argument.user' }
