import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { Binaries } from '../../src/db/embedded/binaries.ts'
import type { ServerUser } from '../../src/db/embedded/user.ts'
import { eventually } from './eventually.ts'

/** A machine that crashes may lose data here; a server that crashes does not. */
const SETTINGS = [
  'fsync=off',
  'synchronous_commit=on',
  'max_connections=60',
  'shared_buffers=32MB',
  'lc_messages=C',
  'listen_addresses=127.0.0.1',
]
const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const

/** How a server ends: in order, as after a crash of a backend, or with no time to do anything. */
export type Ending = keyof typeof SIGNALS

/** The server ends with this process, however that ends: the watcher reads a pipe that closes then. */
const RUN_WHILE_OWNED = `
exec 3<&0
( ( read _ <&3; kill -INT $$ ) >/dev/null 2>&1 & )
exec "$0" "$@" 3<&- </dev/null`

type Options = {
  readonly binaries: Binaries
  readonly user: ServerUser | undefined
  /** Initialised; the unix socket is there as well. */
  readonly dataDir: string
  readonly port: number
  /** On top of those of every test server, such as `wal_level=replica`. */
  readonly settings?: readonly string[]
}

export type PostgresProcess = {
  /** Resolves once it has ended; does nothing when it has ended before. */
  end(how: Ending): Promise<void>
}

type Child = ChildProcessByStdio<Writable, null, Readable>

/** Starts a Postgres server on TCP and on a unix socket; resolves once it accepts connections. */
export async function startPostgresProcess(options: Options): Promise<PostgresProcess> {
  const { binaries, user, dataDir, port, settings = [] } = options
  const flags = [...SETTINGS, `port=${port}`, ...settings].flatMap((setting) => ['-c', setting])
  const child = spawn(
    'sh',
    ['-c', RUN_WHILE_OWNED, binaries.postgres, '-D', dataDir, '-k', dataDir, ...flags],
    {
      ...user,
      cwd: dataDir,
      env: { PATH: process.env['PATH'], LC_ALL: 'C' },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  await untilReady(child)
  return {
    async end(how) {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill(SIGNALS[how])
      await ended
      child.stdin.destroy()
    },
  }
}

async function untilReady(child: Child): Promise<void> {
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  await eventually(
    () => child.exitCode !== null || /ready to accept (read-only )?connections/.test(log),
    Boolean,
  )
  if (child.exitCode !== null) throw new Error(`Postgres did not start: ${log}`)
}
