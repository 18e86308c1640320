import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import { startEmbedded } from './embedded.ts'
import * as schema from './schema/index.ts'
import { createSql } from './sql.ts'
import { failedSocket, socketError } from './driver-socket.ts'
import { listen, type Subscription } from './listen.ts'
import { Manners, mannerOf, startParameters } from './manners.ts'
import { Pool } from './pool.ts'
import type { ServerError } from './server-messages.ts'
import { openSocket, requestCancel } from './socket.ts'
import { type DatabaseAddress, describeAddress, parseDatabaseUrl, unusedParameters } from './url.ts'

export { waitForDatabase } from './wait.ts'

/**
 * A pool of connections to one database.
 *
 * Drizzle changes the parsers of the client it is given: through `sql`, times and dates arrive as the text Postgres
 * sends and must be sent as text (ISO 8601), while `orm` maps columns to the types of the schema. The same
 * goes for JSON parameters, which `sql` takes as text. Arrays do not pass: write `in ${sql(list)}` and `json_agg`.
 */
export type Database = {
  readonly sql: postgres.Sql
  readonly orm: PostgresJsDatabase<typeof schema>
  /** The same pool for what may take long, such as migrations, exports and writers that nobody waits for. */
  readonly patient: Pick<Database, 'sql' | 'orm'>
  /** The same pool for what takes as long as it takes, such as a migration: no answer of the server is too late. */
  readonly unhurried: Pick<Database, 'sql'>
  /** Notices of a channel, on a connection of its own that is made again whenever it fails, until the database is closed. */
  readonly listen: (subscription: Subscription) => void
  readonly kind: 'embedded' | 'postgres'
  /** For the log: where the database is, without user and password, and whether a pooler has been found before it. */
  readonly description: string
  /** Lets running queries finish for two seconds, then ends the pool and, if it is ours, the server. */
  close(): Promise<void>
}

export type DatabaseOptions = {
  /** Unset: a server of our own, with its data below `dataDir`. */
  readonly url?: string | null
  readonly dataDir: string
  readonly poolMax: number
  /** PEM file of the authority that signed the server's certificate, when it is not a public one. */
  readonly caCertFile?: string | null
  /** False for throw-away databases of our own server. */
  readonly durable?: boolean
  /** How long a statement waits for a connection, and how long the server may be silent before its connection is ended. */
  readonly answerDeadlineMs?: number
  /** Every error that the server sends, whoever asked and whatever comes of it. */
  readonly onServerError?: (error: ServerError) => void
  /** Called with what an operator should know, in one line, now or later. */
  readonly onNotice?: (text: string) => void
  /** Called once, with such a line, when a pooler is found that the address did not tell of. */
  readonly onPooler?: (text: string) => void
}

const CONNECT_DEADLINE_MS = 10_000
const ANSWER_DEADLINE_MS = 30_000
const CLOSE_DEADLINE_MS = 2_000
const LONGEST_TICK_MS = 250

/**
 * Opens the database of `url`, or starts our own. The pool connects with the first query: see `waitForDatabase`.
 * Rejects with one clear line when the address is unreadable or our own server does not start.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  if (options.url == null) return openEmbedded(options)
  const address = parseDatabaseUrl(options.url)
  if (address.tls === 'unverified') {
    options.onNotice?.('the certificate of the database server is not verified (sslmode=no-verify)')
  }
  for (const name of unusedParameters(options.url))
    options.onNotice?.(`${name} in the address of the database has no effect here`)
  const { isPooled, database } = createPool(address, options, await readAuthority(options.caCertFile))
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

function createPool(address: DatabaseAddress, options: DatabaseOptions, ca?: string) {
  // Never connects itself: it makes the statements that the connections of the pool carry out. A variable, for the type
  // of the driver's options does not know `socket`.
  const settings = {
    host: address.host,
    port: address.port,
    user: address.user,
    password: address.password,
    database: address.database,
    ssl: false, // TLS is settled inside the socket
    socket: () => failedSocket(socketError('CONNECTION_ENDED', 'not to be used without the pool')),
    prepare: address.prepare,
    max: 1,
    // The pool keeps these.
    connect_timeout: 0,
    max_lifetime: 0,
    keep_alive: 15,
    // The driver would ask each new connection for its array types, and nobody catches it when that one breaks.
    fetch_types: false,
    connection: startParameters(mannerOf(address)),
    onnotice: () => undefined, // "already exists, skipping" and the like
  }
  const base = postgres(settings)
  const { answerDeadlineMs = ANSWER_DEADLINE_MS, onPooler, onServerError } = options
  const manners = new Manners(base.options, mannerOf(address), (how) => onPooler?.(poolerNotice(how)))
  const sockets = {
    connectDeadlineMs: CONNECT_DEADLINE_MS,
    ...(ca !== undefined && { ca }),
    onServerError: (error: ServerError) => {
      manners.notice(error)
      onServerError?.(error)
    },
  }
  const open = (signal: AbortSignal) => openSocket(address, sockets, signal)
  const renewals = new EventTarget()
  const pool = new Pool({
    onReadOnly: () => void renewals.dispatchEvent(new Event('renew')),
    options: base.options,
    open,
    cancel: (key) => void requestCancel(address, sockets, key),
    max: options.poolMax,
    connectDeadlineMs: CONNECT_DEADLINE_MS,
    tickMs: Math.min(LONGEST_TICK_MS, answerDeadlineMs / 4),
    manners,
  })
  const closing = new AbortController()
  const clientOf = (deadlineMs: number) => {
    const sql = createSql(base, pool, deadlineMs)
    return { sql, orm: drizzle(sql, { schema }) }
  }
  const database = {
    ...clientOf(answerDeadlineMs),
    patient: clientOf(ANSWER_DEADLINE_MS),
    unhurried: clientOf(Infinity),
    listen: (subscription: Subscription) =>
      void listen(subscription, { options: base.options, open, signal: closing.signal, renewals, manners }),
    async close() {
      closing.abort()
      await pool.close(CLOSE_DEADLINE_MS)
    },
  }
  return { database, isPooled: () => manners.now !== 'direct' }
}

const poolerNotice = (how: string) =>
  `there is a pooler before the database (${how}): prepared statements are not used. Notices of other instances do not ` +
  'pass a transaction pooler: set DATABASE_DIRECT_URL to a direct or session-mode address'

async function readAuthority(file: string | null | undefined): Promise<string | undefined> {
  if (file == null) return undefined
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Error(`DATABASE_CA_CERT: the file ${file} cannot be read`, { cause })
  })
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw new Error(`DATABASE_CA_CERT: the file ${file} holds no certificate (PEM)`)
  return text
}
