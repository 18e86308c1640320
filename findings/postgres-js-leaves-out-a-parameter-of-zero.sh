#!/usr/bin/env bash
# postgres.js sends no startup parameter whose value is 0 or false: what a role or a database has set stays in force.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
echo '{"type":"module"}' > package.json
npm install --silent --no-audit --no-fund --ignore-scripts postgres@3.4.9
cat > run.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import postgres from 'postgres'

// Reads the startup message of the protocol: a length, a version, then names and values that end with a NUL.
const started = new Promise((resolve) => {
  const server = createServer((socket) => {
    socket.once('data', (bytes) => {
      const words = bytes.subarray(8).toString().split('\0')
      const pairs = words.flatMap((word, index) => (index % 2 === 0 && word !== '' ? [[word, words[index + 1]]] : []))
      resolve(Object.fromEntries(pairs))
      socket.destroy()
      server.close()
    })
  }).listen(0, '127.0.0.1', () => {
    const connection = { statement_timeout: 0, lock_timeout: '0', idle_in_transaction_session_timeout: 5000, jit: false }
    const sql = postgres({ host: '127.0.0.1', port: server.address().port, user: 'u', database: 'd', connection, max: 1 })
    sql`select 1`.catch(() => undefined).finally(() => sql.end({ timeout: 0 }))
  })
})
const { user, database, client_encoding, application_name, ...sent } = await started
console.log(`postgres ${JSON.parse(readFileSync('node_modules/postgres/package.json', 'utf8')).version}`)
console.log("connection: { statement_timeout: 0, lock_timeout: '0', idle_in_transaction_session_timeout: 5000, jit: false }")
console.log(`seen: the startup message holds ${JSON.stringify(sent)}`)
console.log('A timeout of 0, which means none, has to be given as a string to take the place of what a role or a database has set.')
const asStated = Object.keys(sent).sort().join() === 'idle_in_transaction_session_timeout,lock_timeout'
process.exit(asStated === (process.env.INVERTED !== '1') ? 0 : 1)
JS
node run.mjs
