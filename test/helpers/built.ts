import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SOCKET_VARIABLE } from './test-server.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

// `npm test` builds the server before its first test; a file that runs without it does so itself.
if (process.env[SOCKET_VARIABLE] === undefined)
  execFileSync(process.execPath, [`${ROOT}scripts/ensure-build.mjs`, 'server'], { stdio: ['ignore', 2, 2] })

/** A module of the server as it is deployed: `main` and the operator's tools are programs. */
export const builtModule = (name: string): string => `${ROOT}dist/${name}.js`
