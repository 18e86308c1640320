import { fileURLToPath } from 'node:url'
import { closeOpened, describeOpened, findOpened } from './db/api-roles.ts'
import { migrate } from './db/migrate.ts'
import { complain, DONE, runTool, say, withDatabase } from './tools/run.ts'

const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

// `npm run db:migrate` applies the pending migrations, as a server does at boot: before a deployment, or by a role that
// may do more than the one of the server. Finds the database by DATABASE_DIRECT_URL, else by DATABASE_URL.
await runTool(async (config) => {
  const { url, directUrl } = config.database
  const variable = directUrl === url ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL'
  return withDatabase(config, { connections: 1, url: directUrl, variable }, async ({ database }) => {
    const { applied, unknown, withoutJournal } = await migrate(database.unhurried, {
      folder: MIGRATIONS,
      apply: true,
      onWait: () => complain('another process applies migrations; waiting for it'),
    })
    for (const tag of applied) say(`applied ${tag}`)
    if (withoutJournal === true) say('the tables had no journal and are as expected; the journal was written')
    else if (applied.length === 0) say('nothing to apply')
    if (unknown > 0) say(`a newer version has applied ${unknown} migrations that this one does not know`)
    const opened = describeOpened(await findOpened(database.sql))
    if (opened !== undefined) {
      await closeOpened(database.sql)
      say(`taken away: ${opened}`)
    }
    return DONE
  })
})
