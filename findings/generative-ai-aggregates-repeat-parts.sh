#!/usr/bin/env bash
# The aggregated response of a stream of @google/generative-ai repeats the parts of chunks that hold several.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
echo '{"type":"module"}' > package.json
npm install --silent --no-audit --no-fund @google/generative-ai@0.24.1
cat > run.mjs <<'JS'
import { createServer } from 'node:http'
import { GoogleGenerativeAI } from '@google/generative-ai'

const chunk = (parts, finishReason) => ({ candidates: [{ index: 0, content: { role: 'model', parts }, ...(finishReason && { finishReason }) }] })
const server = createServer((request, response) => {
  request.resume()
  response.setHeader('content-type', 'text/event-stream')
  response.write(`data: ${JSON.stringify(chunk([{ text: 'one ' }, { text: 'two ' }]))}\r\n\r\n`)
  response.end(`data: ${JSON.stringify(chunk([{ text: 'three' }], 'STOP'))}\r\n\r\n`)
}).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const model = new GoogleGenerativeAI('a key').getGenerativeModel(
  { model: 'gemini-2.5-flash' },
  { baseUrl: `http://127.0.0.1:${server.address().port}` },
)
const { stream, response } = await model.generateContentStream('count')
let streamed = ''
for await (const part of stream) streamed += part.text()
const aggregated = (await response).text()
server.close()
console.log(`node ${process.version}, @google/generative-ai 0.24.1`)
console.log('A stream of two chunks, the first with two parts of text: "one ", "two ", then "three".')
console.log('seen:', JSON.stringify({ streamed, aggregated }))
console.log('The chunks add up to the text; the aggregated response, and with it the history of a chat, does not.')
const asStated = streamed === 'one two three' && aggregated !== streamed
process.exit(asStated === (process.env.INVERTED !== '1') ? 0 : 1)
JS
node run.mjs
