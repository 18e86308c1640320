import type { Readable, Writable } from 'node:stream'
import type { Environment } from '../config/environment.ts'

/** The process as the commands see it; tests replace it. */
export type Terminal = {
  readonly environment: Environment
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable
  readonly stderr: Writable & { readonly isTTY?: boolean }
}
