import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Test } from 'tap'
import { type Database, openDatabase } from '../../src/db/client.ts'
import { findBinaries } from '../../src/db/embedded-binaries.ts'
import { createDataDirectory, SUPERUSER } from '../../src/db/embedded-directory.ts'
import { serverUser } from '../../src/db/embedded-user.ts'
import type { TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'
import { temporaryFolder } from './server-process.ts'

const DATABASE = 'postgres'
/** What is lost with the machine may be lost here, but not what is lost with the server. */
const SETTINGS = [
  'fsync=off',
  'synchronous_commit=on',
  'max_connections=60',
  'shared_buffers=32MB',
  'lc_messages=C',
]
const SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

/** The server ends with this process, however that ends: a pipe that closes then tells the watcher. */
const RUN_WHILE_OWNED = `
exec 3<&0
( ( read _ <&3; kill -INT $$ ) >/dev/null 2>&1 & )
exec "$0" "$@" 3<&- </dev/null`

export type OwnPostgres = TestDatabase & {
  /** Where it listens on TCP, or did last. */
  readonly port: number
  /** Ends the server process: in order, or as after a crash, when its log has to be replayed. */
  stop(how: keyof typeof SIGNALS): Promise<void>
  /** A new server process on the same data, at the same port or another; there once it takes connections. */
  start(port?: number): Promise<void>
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listening on TCP
  server.close()
  await once(server, 'close')
  return port
}

/** A Postgres of the test's own, on TCP, that can be stopped and started again; its database is empty. */
export async function startOwnPostgres(t: Pick<Test, 'teardown'>): Promise<OwnPostgres> {
  const folder = await temporaryFolder(t)
  await chmod(folder, 0o755) // the server may run under another account
  const dataDir = join(folder, 'pg')
  const user = await serverUser(dataDir)
  const binaries = await findBinaries(user)
  await createDataDirectory(dataDir, { binaries, user, durable: false })

  const launch = (port: number) => {
    const settings = [...SETTINGS, 'listen_addresses=127.0.0.1', `port=${port}`]
    return spawn(
      'sh',
      [
        '-c',
        RUN_WHILE_OWNED,
        binaries.postgres,
        '-D',
        dataDir,
        '-k',
        dataDir,
        ...settings.flatMap((s) => ['-c', s]),
      ],
      {
        ...user,
        cwd: dataDir,
        env: { PATH: process.env['PATH'], LC_ALL: 'C' },
        stdio: ['pipe', 'ignore', 'pipe'],
      },
    )
  }
  const open = (url: string) => openDatabase({ url, dataDir: '.data', poolMax: 4 })
  const urlAt = (port: number) => `postgres://${SUPERUSER}@127.0.0.1:${port}/${DATABASE}?sslmode=disable`

  let port = await freePort()
  let server = await untilReady(launch(port))
  let database: Database = await open(urlAt(port))
  const stop = async (how: keyof typeof SIGNALS) => {
    await database.close()
    await end(server, SIGNALS[how])
  }
  t.teardown(() => stop('immediate'))

  return {
    kind: 'postgres',
    description: 'of the test itself',
    socketDir: dataDir,
    close: () => database.close(),
    get sql() {
      return database.sql
    },
    get orm() {
      return database.orm
    },
    get port() {
      return port
    },
    get url() {
      return urlAt(port)
    },
    stop,
    start: async (at = port) => {
      port = at
      server = await untilReady(launch(port))
      database = await open(urlAt(port))
    },
  }
}

type ServerChild = ChildProcessByStdio<Writable, null, Readable>

async function untilReady(child: ServerChild): Promise<ServerChild> {
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  await eventually(
    () => child.exitCode !== null || log.includes('ready to accept connections'),
    (known) => known,
  )
  if (child.exitCode !== null) throw new Error(`Postgres did not start: ${log}`)
  return child
}

async function end(child: ServerChild, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill(signal)
  await ended
  child.stdin.destroy()
}
