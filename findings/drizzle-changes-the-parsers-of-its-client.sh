#!/usr/bin/env bash
# drizzle-orm changes the parsers and serializers of the postgres.js client that it is given, for all other users of it.
set -euo pipefail
folder=$(mktemp -d); cd "$folder"
trap '[[ -z ${server:-} ]] || kill "$server" 2>/dev/null || true; sleep 1; rm -rf "$folder"' EXIT
echo '{"type":"module"}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts=false postgres@3.4.9 drizzle-orm@0.45.4 @electric-sql/pglite@0.4.5 @electric-sql/pglite-socket@0.1.5
cat > run.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'

const version = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8')).version
const db = await PGlite.create()
const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1' })
await server.start()
const sql = postgres({ host: '127.0.0.1', port: server.port, database: 'postgres', user: 'postgres', max: 1, fetch_types: false })
const kind = (value) => (value instanceof Date ? 'a Date' : `a ${typeof value}`)
const before = kind((await sql`select timestamptz '2026-11-30 00:00:00+00' as at`)[0].at)
drizzle(sql)
const known = kind((await sql`select timestamptz '2026-11-30 00:00:00+00' as at`)[0].at)
const fresh = kind((await sql`select timestamptz '2026-12-01 00:00:00+00' as at`)[0].at)
await sql.end()
await server.stop()
console.log(`postgres ${version('postgres')}, drizzle-orm ${version('drizzle-orm')}`)
console.log('drizzle(client) is called and its result is not used; the client itself is asked for a timestamptz.')
console.log(`seen: before it gives ${before}; after it the same query gives ${known}, another query ${fresh}`)
console.log('A client that is shared with drizzle changes what it gives, but not for queries that a connection has prepared already.')
const asStated = before === 'a Date' && known === 'a Date' && fresh === 'a string'
process.exit(asStated === (process.env.INVERTED !== '1') ? 0 : 1)
JS
node run.mjs
