import { Type } from 'typebox'
import { closeOpened, describeOpened, findOpened } from '../db/api-roles.ts'
import { migrate as applyMigrations } from '../db/migrate.ts'
import { MIGRATIONS } from '../db/migration-files.ts'
import { defineCommand } from './command.ts'
import { withDatabase } from './database.ts'

/** Applies the pending migrations, as a server does at boot. Uses DATABASE_DIRECT_URL, else DATABASE_URL. */
export const migrate = defineCommand({
  name: 'migrate',
  text: 'migrate',
  examples: ['migrate', 'migrate --json'],
  result: Type.Object({
    applied: Type.Array(Type.String(), { description: 'migrations that this call has applied, in order' }),
    unknown: Type.Integer({ description: 'migrations of a newer version that this one does not know' }),
    journalWritten: Type.Boolean({
      description: 'the tables had no journal, as after a partial restore, and it was written',
    }),
    revoked: Type.Union([Type.String(), Type.Null()], {
      description: 'privileges of public API roles that were revoked',
    }),
  }),
  run: async (context) => {
    const { url, directUrl } = context.readConfig().database
    const variable = directUrl === url ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL'
    return withDatabase(context, { connections: 1, url: directUrl, variable }, async ({ database }) => {
      const { applied, unknown, withoutJournal } = await applyMigrations(database.unhurried, {
        folder: MIGRATIONS,
        apply: true,
        onWait: () => context.warn(context.texts('migrate.waiting')),
      })
      const revoked = describeOpened(await findOpened(database.sql)) ?? null
      if (revoked !== null) await closeOpened(database.sql)
      return { result: { applied, unknown, journalWritten: withoutJournal === true, revoked } }
    })
  },
  print: ({ applied, unknown, journalWritten, revoked }, texts) => [
    ...applied.map((name) => texts('migrate.applied', { name })),
    ...(journalWritten ? [texts('migrate.journal')] : []),
    ...(applied.length === 0 && !journalWritten ? [texts('migrate.nothing')] : []),
    ...(unknown > 0 ? [texts('migrate.unknown', { count: unknown })] : []),
    ...(revoked === null ? [] : [texts('migrate.revoked', { what: revoked })]),
  ],
})
