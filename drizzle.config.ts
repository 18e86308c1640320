import { defineConfig } from 'drizzle-kit'
import { parseDatabaseUrl } from './src/db/url.ts'

// The one other reader of the environment: drizzle-kit knows nothing of our configuration.
const url = process.env['DATABASE_DIRECT_URL'] ?? process.env['DATABASE_URL']

const credentials = (text: string) => {
  const { host, port, user, password, database, tls } = parseDatabaseUrl(text)
  return { host, port, user, password, database, ssl: tls === 'verify' ? true : false }
}

export default defineConfig({
  dialect: 'postgresql',
  schema: './src/db/schema/index.ts',
  out: './drizzle',
  ...(url === undefined ? {} : { dbCredentials: credentials(url) }),
})
