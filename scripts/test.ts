import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { SOCKET_VARIABLE, startTestServer } from '../test/helpers/test-server.ts'

// Runs the tests against one throw-away Postgres: `npm test`, or `npm test -- test/db/url.test.ts`.
const tap = fileURLToPath(new URL('../node_modules/.bin/tap', import.meta.url))
const server = await startTestServer()

// Ctrl-C reaches tap as well; we stay until it has ended and stop the server then.
const stay = () => undefined
process.on('SIGINT', stay)
process.on('SIGTERM', stay)
try {
  const runner = spawn(tap, process.argv.slice(2), {
    stdio: 'inherit',
    env: { ...process.env, [SOCKET_VARIABLE]: server.socketDir },
  })
  const [code] = (await once(runner, 'exit')) as [number | null] // null when a signal ended it
  process.exitCode = code ?? 1
} finally {
  await server.stop()
}
