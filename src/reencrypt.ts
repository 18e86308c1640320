import { createWrapping } from './lib/wrapping.ts'
import { reencrypt } from './tools/reencrypt/run.ts'
import { complain, DONE, FAILED, FOUND, runTool, say, withDatabase } from './tools/run.ts'

// `npm run reencrypt`, after DATA_KEYS has got a new first key or its first one at all. May run beside the servers.
await runTool(async (config) => {
  const { dataKeys } = config.privacy
  if (dataKeys.length === 0) {
    complain('DATA_KEYS: is not set, so there is nothing to encrypt with')
    return FAILED
  }
  return withDatabase(config, { connections: 2 }, async ({ database, secrets }) => {
    const { people, wrapped, sealed, failed } = await reencrypt(
      database.sql,
      createWrapping(dataKeys, secrets),
    )
    say(`${people} people: ${wrapped} data keys wrapped anew, ${sealed} fields encrypted`)
    for (const { userId, reason } of failed) say(`user ${userId}: ${reason}`)
    return failed.length > 0 ? FOUND : DONE
  })
})
