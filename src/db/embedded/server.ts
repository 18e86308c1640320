import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type Binaries, findBinaries } from './binaries.ts'
import { createDataDirectory, majorVersionOf, placeDataDirectory, SUPERUSER } from './directory.ts'
import { clearStaleLock } from './stale-lock.ts'
import { firstClosedDirectory, type ServerUser, serverUser } from './user.ts'

type EmbeddedOptions = {
  readonly dataDir: string
  readonly durable: boolean
  /** How long to wait for another server to leave the directory; ten seconds by default. */
  readonly handoverDeadlineMs?: number
}

type EmbeddedServer = {
  /** The directory of the Unix socket; the server has no TCP port. */
  readonly socketDir: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** The server version, such as `17.10`. */
  readonly version: string
  /** The data directory; another one than requested when the server's account cannot enter that one. */
  readonly dataDir: string
  /** Resolves when the server ends: with undefined after `stop`, else with its last log lines. Never rejects. */
  readonly exited: Promise<string | undefined>
  /** Stops the server cleanly; kills it after ten seconds. */
  stop(): Promise<void>
}

const PORT = 5432
/** Crash recovery may take a while. */
const READY_DEADLINE_MS = 60_000
/** A server whose owner was killed needs some time to leave its data directory. */
const HANDOVER_DEADLINE_MS = 10_000
const STOP_DEADLINE_MS = 10_000

/**
 * Standard input is a pipe that closes when the owner ends, even by kill -9. The watcher then sends the server a fast
 * shutdown and removes the socket's directory. It is detached, because the server does not expect an unknown child.
 */
const RUN_WHILE_OWNED = `
exec 3<&0
watch() {
  read _ <&3
  kill -INT $$
  for i in $(seq 100); do kill -0 $$ || break; sleep 0.1; done
  rmdir "$1"
}
( watch "$1" >/dev/null 2>&1 & )
shift
exec "$0" "$@" 3<&- </dev/null`

const SETTINGS = [
  'listen_addresses=',
  `port=${PORT}`,
  'max_connections=60',
  'shared_buffers=32MB',
  'max_wal_size=256MB',
  'lc_messages=C',
  'log_checkpoints=off',
  'huge_pages=off', // if configured but unavailable, using one crashes the process
]
const TEMPORARY_SETTINGS = [
  'fsync=off',
  'synchronous_commit=off',
  'full_page_writes=off',
  'max_connections=200', // for many server processes at the same time
]

/**
 * Starts an embedded Postgres server on a data directory, which is created if it does not exist. It listens on a Unix
 * socket that only this account can open, and stops with this process in any case.
 *
 * `durable: false` is for temporary databases: fast, but lost when the machine stops.
 * Rejects with a one-line message when no server is found or started, or another process uses the directory.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const { durable, handoverDeadlineMs = HANDOVER_DEADLINE_MS } = options
  const user = await serverUser(options.dataDir)
  const dataDir = await placeDataDirectory(options.dataDir, user)
  const binaries = await findBinaries(user, await majorVersionOf(dataDir), dirname(dataDir))
  await createDataDirectory(dataDir, { binaries, user, durable })

  const server = await startWhenFree({ binaries, user, dataDir, durable, handoverDeadlineMs })
  return { ...server, port: PORT, user: SUPERUSER, database: 'postgres', version: binaries.version, dataDir }
}

type Start = {
  readonly binaries: Binaries
  readonly user: ServerUser | undefined
  readonly dataDir: string
  readonly durable: boolean
  readonly handoverDeadlineMs: number
}
type RunningServer = Pick<EmbeddedServer, 'socketDir' | 'exited' | 'stop'>

async function startWhenFree(start: Start): Promise<RunningServer> {
  const deadline = Date.now() + start.handoverDeadlineMs
  for (let pauseMs = 50; ; pauseMs = Math.min(2 * pauseMs, 1_000)) {
    const server = await startOnce(start)
    if (typeof server !== 'string') return server
    const inUse = /lock file "postmaster\.pid" already exists|shared memory block .* is still in use/.test(
      server,
    )
    if (await clearStaleLock(start.dataDir, server)) continue
    if (!inUse) throw new Error(`the embedded database did not start: ${firstErrorLine(server)}`)
    if (Date.now() + pauseMs > deadline) {
      throw new Error(
        `another process is using the data directory ${start.dataDir}: stop it or name another directory`,
      )
    }
    await delay(pauseMs)
  }
}

/** The server once it accepts connections, or its log when it failed. */
async function startOnce(start: Start): Promise<RunningServer | string> {
  const { binaries, user, dataDir, durable } = start
  const socketDir = await createSocketDirectory(user, dirname(dataDir))
  const settings = durable ? SETTINGS : [...SETTINGS, ...TEMPORARY_SETTINGS]
  const child = spawn(
    'sh',
    [
      '-c',
      RUN_WHILE_OWNED,
      binaries.postgres,
      socketDir,
      '-D',
      dataDir,
      '-k',
      socketDir,
      ...settings.flatMap((s) => ['-c', s]),
    ],
    {
      ...user,
      cwd: dataDir,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      // A separate process group: Ctrl-C reaches only this process, which then stops the server cleanly.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  const log = followLog(child.stderr)
  const ended = waitForEnd(child)
  const expired = AbortSignal.timeout(READY_DEADLINE_MS)
  const ready = await Promise.race([
    log.ready.then(() => true),
    ended.then(() => false),
    once(expired, 'abort').then(() => false),
  ])
  if (ready) return operate(child, ended, log, socketDir)
  child.kill('SIGKILL')
  await ended
  await rm(socketDir, { recursive: true, force: true })
  return log.tail() || 'it wrote nothing'
}

/** The path of a socket is limited to 103 bytes on some systems. */
const MAX_SOCKET_DIR = 103 - '/.s.PGSQL.5432'.length
const PREFIX = 'maeum-pg-'

/** In the first usable folder: short enough for a socket path, and closed to other accounts. */
async function createSocketDirectory(user: ServerUser | undefined, besideData: string): Promise<string> {
  const faults: string[] = []
  for (const folder of new Set([tmpdir(), '/tmp', '/var/tmp', besideData])) {
    const path = join(folder, `${PREFIX}XXXXXX`)
    const closed = user && (await firstClosedDirectory(folder, user.uid))
    if (Buffer.byteLength(path) > MAX_SOCKET_DIR)
      faults.push(`${folder} is too long for the path of a socket`)
    else if (closed !== undefined) faults.push(`${closed} is closed to the account of the database`)
    else {
      try {
        const directory = await mkdtemp(join(folder, PREFIX))
        if (user !== undefined) await chown(directory, user.uid, user.gid)
        return directory
      } catch (error) {
        faults.push(error instanceof Error ? error.message : String(error))
      }
    }
  }
  throw new Error(`no folder for the socket of the embedded database (${faults.join('; ')}): set TMPDIR`)
}

type Child = ChildProcessByStdio<Writable, null, Readable>
type Log = ReturnType<typeof followLog>

function operate(child: Child, ended: Promise<void>, log: Log, socketDir: string): RunningServer {
  let stopping: Promise<void> | undefined
  const stop = async () => {
    child.stdin.end()
    const force = setTimeout(() => child.kill('SIGQUIT'), STOP_DEADLINE_MS)
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS + 2_000)
    await ended
    clearTimeout(force)
    clearTimeout(kill)
    await rm(socketDir, { recursive: true, force: true })
  }
  return {
    socketDir,
    exited: ended.then(() => (stopping === undefined ? log.tail() : undefined)),
    stop: () => (stopping ??= stop()),
  }
}

/** Resolves when the process has ended or could not be started; releases the watcher. */
function waitForEnd(child: Child): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      child.stdin.destroy()
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
}

/** Reads the server's log continuously, because a full pipe would block the server; keeps the last lines. */
function followLog(stderr: Readable) {
  const MAX_TAIL_LENGTH = 4_000
  let tail = ''
  const ready = new Promise<void>((resolve) => {
    stderr.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-MAX_TAIL_LENGTH)
      if (tail.includes('database system is ready to accept connections')) resolve()
    })
  })
  return { ready, tail: () => tail.trim() }
}

function firstErrorLine(log: string): string {
  const lines = log.split('\n')
  return lines.find((line) => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1) ?? log
}
