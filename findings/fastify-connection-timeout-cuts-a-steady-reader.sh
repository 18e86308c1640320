#!/usr/bin/env bash
# Fastify's `connectionTimeout` (Node's `server.timeout`) ends a large response although its reader never stops reading:
# a socket counts as inactive while nothing can be written to it, and the buffers of the network hold so much that this
# takes longer than the timeout. The same reader gets all of it without the timeout.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "type": "module", "private": true }' > package.json
npm install --silent --no-audit --no-fund fastify@5.12.8 > /dev/null
cat > main.js << 'END'
import { get } from 'node:http'
import { Readable } from 'node:stream'
import Fastify from 'fastify'

const PIECE = 'x'.repeat(64 * 1024)
const SIZE = 256 * PIECE.length
const READ_EVERY_MS = 100

async function download(connectionTimeout) {
  const app = Fastify({ connectionTimeout })
  app.get('/', (_, reply) => reply.send(Readable.from(Array.from({ length: 256 }, () => PIECE), { objectMode: false })))
  await app.listen({ port: 0 })
  const answer = await new Promise((resolve) => get(`http://127.0.0.1:${app.server.address().port}`, resolve))
  let read = 0
  let longestPauseMs = 0
  let last = performance.now()
  const outcome = await new Promise((resolve) => {
    answer.on('data', (bytes) => {
      read += bytes.length
      longestPauseMs = Math.max(longestPauseMs, performance.now() - last)
      last = performance.now()
      answer.pause()
      setTimeout(() => answer.resume(), READ_EVERY_MS)
    })
    answer.on('end', () => resolve('complete'))
    answer.on('error', () => resolve('cut off'))
  })
  answer.destroy()
  await app.close()
  return { connectionTimeout, outcome, all: read === SIZE, longestPauseBelowTimeout: longestPauseMs < 1000 }
}
console.log(JSON.stringify(await download(1000)))
console.log(JSON.stringify(await download(0)))
END
output=$(node main.js)
echo "node $(node --version), fastify 5.12.8"
echo "16 MiB, of which a reader takes a piece every 100 ms; with connectionTimeout of 1 s, and without:"
echo "$output"
stated=0
[[ $output == *'"connectionTimeout":1000,"outcome":"cut off","all":false,"longestPauseBelowTimeout":true'* ]] \
  && [[ $output == *'"connectionTimeout":0,"outcome":"complete","all":true'* ]] && stated=1
[[ ${INVERTED:-0} == 1 ]] && stated=$((1 - stated))
[[ $stated -eq 1 ]]
