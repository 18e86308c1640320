import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type Binaries, findBinaries } from './embedded-binaries.ts'
import { createDataDirectory, majorVersionOf, placeDataDirectory, SUPERUSER } from './embedded-directory.ts'
import { clearStaleLock } from './embedded-lock.ts'
import { firstClosedDirectory, type ServerUser, serverUser } from './embedded-user.ts'

export type EmbeddedOptions = {
  readonly dataDir: string
  readonly durable: boolean
  /** How long to wait for another server to leave the directory; ten seconds unless told otherwise. */
  readonly handoverDeadlineMs?: number
}

export type EmbeddedServer = {
  /** The directory of the unix socket, the only way in. */
  readonly socketDir: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** Of the server, such as `17.10`. */
  readonly version: string
  /** Where the data is; another place than asked for when the server's account cannot enter that one. */
  readonly dataDir: string
  /** Settles when the server ends: with undefined after `stop`, else with the last lines it wrote. Never rejects. */
  readonly exited: Promise<string | undefined>
  /** Ends the server in order, within ten seconds or by force. */
  stop(): Promise<void>
}

const PORT = 5432
/** Replaying the log after a power cut takes a while. */
const READY_DEADLINE_MS = 60_000
/** A server whose owner was killed needs a moment to leave its data directory. */
const HANDOVER_DEADLINE_MS = 10_000
const STOP_DEADLINE_MS = 10_000

/**
 * Our standard input is a pipe that closes when the owner ends, even by kill -9: the watcher reads it, asks the server
 * to shut down fast and removes the socket's directory. It is nobody's child, for the server would wonder about it.
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
  'huge_pages=off', // where they are promised and not given, touching one ends the process
]
const THROW_AWAY_SETTINGS = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off']

/**
 * Starts a Postgres server of our own on a data directory, which is made if it does not exist. It listens on a unix
 * socket that only this account can open, and ends with this process, however that ends.
 *
 * `durable: false` is for throw-away databases: fast, and lost when the machine stops.
 * Rejects with one clear line when no server can be found or started, or another process uses the directory.
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
    if (!inUse) throw new Error(`the embedded database did not start: ${firstComplaint(server)}`)
    if (Date.now() + pauseMs > deadline) {
      throw new Error(
        `another process is using the data directory ${start.dataDir}: stop it or name another directory`,
      )
    }
    await delay(pauseMs)
  }
}

/** The server once it takes connections, or what it wrote before it gave up. */
async function startOnce(start: Start): Promise<RunningServer | string> {
  const { binaries, user, dataDir, durable } = start
  const socketDir = await createSocketDirectory(user, dirname(dataDir))
  const settings = durable ? SETTINGS : [...SETTINGS, ...THROW_AWAY_SETTINGS]
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
      // A group of its own: Ctrl-C in the terminal is for us, we then stop the server in order.
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  )
  const log = followLog(child.stderr)
  const ended = endOf(child)
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

/** `.s.PGSQL.5432` and its slash; the path of a socket has 103 bytes on some systems. */
const MAX_SOCKET_DIR = 103 - '/.s.PGSQL.5432'.length
const PREFIX = 'maeum-pg-'

/** In the first of these folders that can be used: short, for the path of a socket; closed to every other account. */
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

/** Settles when the process is gone, or never was; releases the watcher, whose task is done. */
function endOf(child: Child): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      child.stdin.destroy()
      resolve()
    }
    child.once('exit', end)
    child.once('error', end)
  })
}

/** Reads the server's log all the time, for a full pipe would stop it; keeps the last lines. */
function followLog(stderr: Readable) {
  const KEPT_CHARACTERS = 4_000
  let tail = ''
  const ready = new Promise<void>((resolve) => {
    stderr.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-KEPT_CHARACTERS)
      if (tail.includes('database system is ready to accept connections')) resolve()
    })
  })
  return { ready, tail: () => tail.trim() }
}

function firstComplaint(log: string): string {
  const lines = log.split('\n')
  return lines.find((line) => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1) ?? log
}
