import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import process from 'node:process'
import { parseArgs } from 'node:util'
import type { RecordedRequest } from './protocol.ts'
import { readScript } from './script-file.ts'
import { createGeminiDouble } from './server.ts'

/** `npm run gemini-double -- [--script file] [--port 9000] [--host 127.0.0.1] [--record file]`: see README.md. */

const say = (text: string) => process.stdout.write(`${text}\n`)

/** One line of JSON per request, without its key. */
function recorder(file: string): (request: RecordedRequest) => void {
  const out = createWriteStream(file, { flags: 'a' })
  out.on('error', (error) => say(`requests can no longer be recorded: ${error.message}`))
  return ({ model, streaming, body }) =>
    out.write(`${JSON.stringify({ at: new Date().toISOString(), model, streaming, body })}\n`)
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      script: { type: 'string' },
      port: { type: 'string', default: '9000' },
      host: { type: 'string', default: '127.0.0.1' },
      record: { type: 'string' },
    },
  })
  const script = readScript(values.script === undefined ? '{}' : await readFile(values.script, 'utf8'))
  const record = values.record === undefined ? undefined : recorder(values.record)
  let answered = 0
  const double = await createGeminiDouble(undefined, script, {
    port: Number(values.port),
    host: values.host,
    apiKey: null,
    onRequest: (request) => {
      answered++
      record?.(request)
    },
  })
  say(`a double of the Gemini API listens on ${double.baseUrl}; start the server beside it with`)
  say(`  GEMINI_BASE_URL=${double.baseUrl} GEMINI_API_KEY=any npm start`)
  const stop = () => {
    say(`${answered} requests`)
    void double.close()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

await main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : 'it did not start')
  process.exitCode = 1
})
