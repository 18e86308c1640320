import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { SOCKET_VARIABLE, startTestServer } from '../test/helpers/test-server.ts'

// Runs the tests against one throw-away Postgres: `npm test`, or `npm test -- test/db/url.test.ts`.
const tap = fileURLToPath(new URL('../node_modules/.bin/tap', import.meta.url))

/**
 * Fresh from `npm ci`, tap has the plugins of its package. It would build itself with those of .taprc in its first run, and
 * still use the old ones for that run.
 */
async function buildTap(): Promise<void> {
  const built = fileURLToPath(
    new URL('../node_modules/@tapjs/test/test-built/dist/esm/index.js', import.meta.url),
  )
  if (!(await readFile(built, 'utf8')).includes('@tapjs/typescript')) return
  const [code] = (await once(spawn(tap, ['build'], { stdio: 'inherit' }), 'exit')) as [number | null]
  if (code !== 0) throw new Error('tap could not be built')
}

await buildTap()
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
