import { type Copy, createCopy } from '../../backup/copy.ts'
import { BackupError } from '../../backup/faults.ts'
import { requireSameDatabase } from '../../db/same-database.ts'
import type { Context } from '../command.ts'
import { type Tool, withDatabase } from '../database.ts'

type Opening = { readonly creates?: boolean }

/** A direct connection, to the database of DATABASE_URL: snapshots and COPY do not pass every pooler. */
export async function withCopy<T>(
  context: Context,
  work: (tool: Tool & { readonly copy: Copy }) => Promise<T>,
  { creates = false }: Opening = {},
): Promise<T> {
  const { url, directUrl } = context.readConfig().database
  const isOne = directUrl === url
  const copy = createCopy()
  const variable = isOne ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL'
  const opening = { connections: 1, url: directUrl, variable, onServerError: copy.fail, creates }
  return withDatabase(context, opening, async (tool) => {
    const { database } = tool
    if (!isOne)
      await withDatabase(context, { connections: 1 }, async (main) =>
        requireSameDatabase(main.database.sql, database.sql),
      )
    try {
      return await work({ ...tool, copy })
    } catch (error) {
      if (!(error instanceof BackupError)) throw error
      throw new BackupError(error.fault, { ...error.values, database: database.description })
    }
  })
}
