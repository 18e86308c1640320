import { readFileSync } from 'node:fs'
import { defineConfig } from 'drizzle-kit'
import { parseDatabaseUrl } from './src/db/url.ts'

// The one other reader of the environment: drizzle-kit knows nothing of our configuration.
const url = process.env['DATABASE_DIRECT_URL'] ?? process.env['DATABASE_URL']
const authority = process.env['DATABASE_CA_CERT']

const credentials = (text: string) => {
  const { host, port, user, password, database, tls } = parseDatabaseUrl(text)
  const ca = authority === undefined ? {} : { ca: readFileSync(authority, 'utf8') }
  const ssl = tls === 'off' ? false : { rejectUnauthorized: tls === 'verify', ...ca }
  // drizzle-kit refuses an empty password, but not a missing one.
  return { host, port, user, database, ssl, ...(password === '' ? {} : { password }) }
}

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/db/schema/index.ts',
  out: './drizzle',
  ...(url === undefined ? {} : { dbCredentials: credentials(url) }),
})
