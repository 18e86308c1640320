import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { startEmbedded } from './embedded/server.ts'
import * as schema from './schema/index.ts'
import { createSql } from './sql.ts'
import { failedSocket, socketError } from './driver-socket.ts'
import { listen, type Subscription } from './listen.ts'
import { getInitialMode, PoolMode, startParameters } from './connection-mode.ts'
import { Pool } from './pool.ts'
import type { ServerError } from './server-messages.ts'
import { openSocket, requestCancel } from './socket.ts'
import { type DatabaseAddress, describeAddress, parseDatabaseUrl, unusedParameters } from './url.ts'

export { waitForDatabase } from './wait.ts'

/**
 * A pool of connections to one database.
 *
 * Drizzle changes the parsers of its client: `sql` returns and takes times and dates as text (ISO 8601) and takes JSON
 * parameters as text, while `orm` maps columns to the types of the schema. Arrays are not supported: use
 * `in ${sql(list)}` and `json_agg`.
 */
export type Database = {
  readonly sql: postgres.Sql
  readonly orm: PostgresJsDatabase<typeof schema>
  /** The same pool with a longer deadline, for exports and background writers. */
  readonly patient: Pick<Database, 'sql' | 'orm'>
  /** The same pool without a deadline, for migrations. */
  readonly unhurried: Pick<Database, 'sql'>
  /**
   * Listens to a channel on a separate connection, which is renewed after each failure until the database is closed.
   */
  readonly listen: (subscription: Subscription) => void
  /** Dispatches `renew` when the server becomes read-only; listening connections are then renewed. */
  readonly renewals: EventTarget
  /** The connections of the pool, idle ones among them, and what waits for one. */
  readonly usage: () => Pool['usage']
  readonly kind: 'embedded' | 'postgres'
  /** For the log: the location without user and password, and whether a pooler was detected. */
  readonly description: string
  /** Waits two seconds for running queries, then ends the pool and an embedded server. */
  close(): Promise<void>
}

type DatabaseOptions = {
  /** Unset: an embedded server with its data below `dataDir`. */
  readonly url?: string | null
  readonly dataDir: string
  readonly poolMax: number
  /** PEM file of the server's certificate authority, if it is not a public one. */
  readonly caCertFile?: string | null
  /** False for temporary databases of the embedded server. */
  readonly durable?: boolean
  /**
   * How long a statement waits for a connection, and how long the server may send nothing before the connection is
   * ended.
   */
  readonly answerDeadlineMs?: number
  /** How long an idle connection is kept. */
  readonly maxIdleMs?: number
  /** The `renewals` of the writing pool, if this one only listens. */
  readonly renewals?: EventTarget
  /** Called with every error that the server sends. */
  readonly onServerError?: (error: ServerError) => void
  /** Called with the end of the server's certificate for each connection with TLS. */
  readonly onCertificate?: (endsAt: Date) => void
  /** Called with one-line warnings for the operator. */
  readonly onNotice?: (text: string) => void
  /** Called once with one line when a pooler is detected that the address does not show. */
  readonly onPooler?: (text: string) => void
}

const CONNECT_DEADLINE_MS = 10_000
const ANSWER_DEADLINE_MS = 30_000
const CLOSE_DEADLINE_MS = 2_000
const MAX_IDLE_MS = 60_000
const MAX_TICK_MS = 250

/**
 * Opens the database at `url`, or starts an embedded one. The pool connects with the first query: see
 * `waitForDatabase`. Rejects with a one-line message when the address is invalid or the embedded server does not start.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  if (options.url == null) return openEmbedded(options)
  const address = parseDatabaseUrl(options.url)
  if (address.tls === 'unverified') {
    options.onNotice?.('the certificate of the database server is not verified (sslmode=no-verify)')
  }
  for (const name of unusedParameters(options.url))
    options.onNotice?.(`${name} in the address of the database has no effect here`)
  const { isPooled, database } = createPool(address, options, await readCaCertificate(options.caCertFile))
  return {
    ...database,
    kind: 'postgres',
    get description() {
      const isFound = address.pooler === null && isPooled()
      return `${describeAddress(address)}${isFound ? ', pooler' : ''}`
    },
  }
}

async function openEmbedded(options: DatabaseOptions): Promise<Database> {
  const server = await startEmbedded({
    dataDir: join(options.dataDir, 'pg'),
    durable: options.durable ?? true,
  })
  let closing = false
  void server.exited.then((log) => {
    if (!closing) options.onNotice?.(`the embedded database ended by itself: ${log ?? ''}`)
  })
  const pool = createPool(
    {
      host: server.socketDir,
      port: server.port,
      user: server.user,
      password: '',
      database: server.database,
      tls: 'off',
      prepare: true,
      pooler: null,
    },
    options,
  )
  return {
    ...pool.database,
    kind: 'embedded',
    description: `embedded PostgreSQL ${server.version}, data in ${server.dataDir}`,
    async close() {
      closing = true
      await pool.database.close()
      await server.stop()
    },
  }
}

/**
 * Of an instance of the driver that never connects: it only creates the statements that the connections of the pool
 * execute. A function, because the type of the driver's options lacks `socket`.
 */
function driverSettings(address: DatabaseAddress) {
  return {
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    ssl: false, // the socket negotiates TLS
    socket: () => failedSocket(socketError('CONNECTION_ENDED', 'not to be used without the pool')),
    prepare: address.prepare,
    max: 1,
    // The pool enforces these.
    connect_timeout: 0,
    max_lifetime: 0,
    keep_alive: 15,
    // The driver would query array types on each new connection, and an error of that query is not caught.
    fetch_types: false,
    connection: startParameters(getInitialMode(address)),
    onnotice: () => undefined, // "already exists, skipping" and the like
  }
}

function createPool(address: DatabaseAddress, options: DatabaseOptions, ca?: string) {
  const base = postgres(driverSettings(address))
  const { answerDeadlineMs = ANSWER_DEADLINE_MS, onPooler, onServerError } = options
  const mode = new PoolMode(base.options, getInitialMode(address), (how) => onPooler?.(poolerNotice(how)))
  const sockets = {
    connectDeadlineMs: CONNECT_DEADLINE_MS,
    ...(ca !== undefined && { ca }),
    ...(options.onCertificate !== undefined && { onCertificate: options.onCertificate }),
    onServerError: (error: ServerError) => {
      mode.notice(error)
      onServerError?.(error)
    },
  }
  const open = (signal: AbortSignal) => openSocket(address, sockets, signal)
  const { renewals = new EventTarget() } = options
  const pool = new Pool({
    onReadOnly: () => void renewals.dispatchEvent(new Event('renew')),
    options: base.options,
    open,
    cancel: (key) => void requestCancel(address, sockets, key),
    max: options.poolMax,
    connectDeadlineMs: CONNECT_DEADLINE_MS,
    maxIdleMs: options.maxIdleMs ?? MAX_IDLE_MS,
    tickMs: Math.min(MAX_TICK_MS, answerDeadlineMs / 4),
    mode,
  })
  const closing = new AbortController()
  const createClient = (deadlineMs: number) => {
    const sql = createSql(base, pool, deadlineMs)
    return { sql, orm: drizzle(sql, { schema }) }
  }
  const database = {
    ...createClient(answerDeadlineMs),
    patient: createClient(ANSWER_DEADLINE_MS),
    unhurried: createClient(Infinity),
    renewals,
    usage: () => pool.usage,
    listen: (subscription: Subscription) =>
      void listen(subscription, { options: base.options, open, signal: closing.signal, renewals, mode }),
    async close() {
      closing.abort()
      await pool.close(CLOSE_DEADLINE_MS)
    },
  }
  return { database, isPooled: () => mode.current !== 'direct' }
}

const poolerNotice = (how: string) =>
  `there is a pooler before the database (${how}): prepared statements are not used`

async function readCaCertificate(file: string | null | undefined): Promise<string | undefined> {
  if (file == null) return undefined
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`DATABASE_CA_CERT: the file ${file} cannot be read`, { cause })
  })
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`DATABASE_CA_CERT: the file ${file} holds no certificate (PEM)`)
  return text
}
