import { type Copy, createCopy } from '../../backup/copy.ts'
import type { Context } from '../command.ts'
import { type Tool, withDatabase } from '../database.ts'

/** A direct connection: snapshots and COPY do not pass every pooler. */
export function withCopy<T>(
  context: Context,
  work: (tool: Tool & { readonly copy: Copy }) => Promise<T>,
): Promise<T> {
  const { url, directUrl } = context.readConfig().database
  const variable = directUrl === url ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL'
  const copy = createCopy()
  const opening = { connections: 1, url: directUrl, variable, onServerError: copy.fail }
  return withDatabase(context, opening, (tool) => work({ ...tool, copy }))
}
