import { fileURLToPath } from 'node:url'
import { closeOpened, describeOpened, findOpened } from './db/api-roles.ts'
import { migrate } from './db/migrate.ts'
import { DONE, print, printError, runTool, withDatabase } from './tools/run.ts'

const MIGRATIONS = fileURLToPath(new URL('../drizzle', import.meta.url))

// `npm run db:migrate` applies the pending migrations, as a server does at boot: before a deployment, or with a role
// that has more privileges than the server's. Uses DATABASE_DIRECT_URL, else DATABASE_URL.
await runTool(async (config) => {
  const { url, directUrl } = config.database
  const variable = directUrl === url ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL'
  return withDatabase(config, { connections: 1, url: directUrl, variable }, async ({ database }) => {
    const { applied, unknown, withoutJournal } = await migrate(database.unhurried, {
      folder: MIGRATIONS,
      apply: true,
      onWait: () => printError('another process applies migrations; waiting for it'),
    })
    for (const tag of applied) print(`applied ${tag}`)
    if (withoutJournal === true)
      print('the tables had no journal and are as expected; the journal was written')
    else if (applied.length === 0) print('nothing to apply')
    if (unknown > 0) print(`a newer version has applied ${unknown} migrations that this one does not know`)
    const opened = describeOpened(await findOpened(database.sql))
    if (opened !== undefined) {
      await closeOpened(database.sql)
      print(`revoked: ${opened}`)
    }
    return DONE
  })
})
