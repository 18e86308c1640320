import { join } from 'node:path'
import { readConfig } from '../src/config.ts'
import { openDatabase } from '../src/db/client.ts'
import { readSettings } from '../src/environment.ts'
import { keptSecret } from '../src/lib/kept-secret.ts'
import { createWrapping } from '../src/lib/wrapping.ts'
import { reencrypt } from './reencrypt/run.ts'

// `npm run reencrypt`, after DATA_KEYS has got a new first key or its first one at all. May run beside the servers.
const { accounts, database: settings, privacy } = readConfig(readSettings(process.env))
if (privacy.dataKeys.length === 0) {
  process.stderr.write('DATA_KEYS: is not set, so there is nothing to encrypt with\n')
  process.exit(2)
}
const secret = accounts.jwtSecret ?? (await keptSecret(join(settings.dataDir, 'jwt-secret')))
const secrets = [secret, ...(accounts.previousJwtSecret === null ? [] : [accounts.previousJwtSecret])]
const database = await openDatabase({ ...settings, poolMax: 2 })
try {
  const { people, wrapped, sealed, failed } = await reencrypt(
    database.sql,
    createWrapping(privacy.dataKeys, secrets),
  )
  process.stdout.write(`${people} people: ${wrapped} data keys wrapped anew, ${sealed} fields encrypted\n`)
  for (const { userId, reason } of failed) process.stdout.write(`user ${userId}: ${reason}\n`)
  if (failed.length > 0) process.exitCode = 1
} finally {
  await database.close()
}
