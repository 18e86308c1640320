import type { Orm } from '../db/orm.ts'
import {
  type AdministeredSession,
  sessionAdministrationRepository as repository,
} from '../features/sessions/administration/repository.ts'
import { SESSION_ID } from '../features/sessions/service.ts'
import { type Argument, CommandError, type Context } from './command.ts'

/** The first characters of an id, as lists and the log show it; a whole id opens a socket. */
const PREFIX = /^sess_[\w-]{5,58}$/

/**
 * The session that the operator names by id, or by the first characters of its id.
 * @throws CommandError when there is none, or several
 */
export async function findSession(
  orm: Orm,
  named: string,
  { texts }: Pick<Context, 'texts'>,
): Promise<AdministeredSession> {
  const exact = SESSION_ID.test(named) ? await repository.find(orm, named) : undefined
  if (exact !== undefined) return exact
  const [id, ...others] = PREFIX.test(named) ? await repository.listByPrefix(orm, named) : []
  if (others.length > 0) throw new CommandError(texts('session.ambiguous'))
  const session = id === undefined ? undefined : await repository.find(orm, id)
  if (session === undefined) throw new CommandError(texts('session.unknown'))
  return session
}

/** The argument that names a session. */
export const SESSION: Argument = { name: 'session', text: 'argument.session' }
