import { createWrapping } from './lib/wrapping.ts'
import { reencrypt } from './tools/reencrypt/run.ts'
import { DONE, FAILED, FOUND, print, printError, runTool, withDatabase } from './tools/run.ts'

// `npm run reencrypt`, after DATA_KEYS has a new first key or its first key. May run beside the servers.
await runTool(async (config) => {
  const { dataKeys } = config.privacy
  if (dataKeys.length === 0) {
    printError('DATA_KEYS: is not set, so there is nothing to encrypt with')
    return FAILED
  }
  return withDatabase(config, { connections: 2 }, async ({ database, secrets }) => {
    const { users, wrapped, sealed, failed } = await reencrypt(
      database.sql,
      createWrapping(dataKeys, secrets),
    )
    print(`${users} users: ${wrapped} data keys rewrapped, ${sealed} fields encrypted`)
    for (const { userId, reason } of failed) print(`user ${userId}: ${reason}`)
    return failed.length > 0 ? FOUND : DONE
  })
})
