import type { ParsedOptions } from './connection.ts'
import type { ServerError } from './server-messages.ts'
import type { DatabaseAddress } from './url.ts'

/**
 * What a connection requires of its peer:
 *
 * - `direct`: a session of Postgres. Prepared statements and all startup parameters
 * - `pooled`: a session per transaction. No session state, and only the parameters that poolers track per client
 *   (PgBouncer, `track_extra_parameters`)
 * - `bare`: a pooler that refuses these parameters too
 */
export type ConnectionMode = 'direct' | 'pooled' | 'bare'

const STATEMENT_DEADLINE_MS = 15_000
const NAME = { application_name: 'maeum' }

/** Required to parse dates. Every pooler that supports JDBC accepts these. */
const TRACKED = { DateStyle: 'ISO, MDY', TimeZone: 'UTC' }

/**
 * Settings that the statements and the parsers of the driver rely on, and that a role, a database or a server may
 * override. Sent at the start of a direct connection; behind a pooler `verifyServer` compares them.
 */
export const RELIED_ON: Readonly<Record<string, string>> = {
  ...TRACKED,
  IntervalStyle: 'postgres',
  bytea_output: 'hex',
  default_transaction_isolation: 'read committed',
  extra_float_digits: '1',
  search_path: 'public',
  standard_conforming_strings: 'on',
}

/** Deadlines that the server enforces; they also override shorter defaults of the server. */
const DEADLINES = {
  statement_timeout: STATEMENT_DEADLINE_MS,
  idle_in_transaction_session_timeout: STATEMENT_DEADLINE_MS,
  lock_timeout: '0' as unknown as number, // the driver omits falsy values
}

const PARAMETERS = {
  direct: { ...NAME, ...DEADLINES, ...RELIED_ON },
  pooled: { ...NAME, ...TRACKED },
  bare: {},
}
const BELOW = { direct: 'pooled', pooled: 'bare', bare: undefined } as const

/** A prepared statement is missing or exists twice: the connection has used more than one session. */
const LOST_STATEMENT = /^(26000|42P05)$/
/** PgBouncer and its derivatives (08P01); Amazon RDS Proxy (0A000). */
const REFUSAL = /^(08P01|0A000)$/
const REFUSED_PARAMETER = /startup (parameter|option)|unsupported .*parameter|command-line options/i

export const startParameters = (mode: ConnectionMode) => PARAMETERS[mode]

/** The mode that the address indicates. */
export const getInitialMode = ({ pooler }: DatabaseAddress): ConnectionMode =>
  pooler === null ? 'direct' : 'pooled'

/**
 * The mode of one pool. It starts with the mode of the address and only steps down, with one notice. A refused
 * parameter, a process other than the announced one, or lost statements indicate a pooler.
 */
export class PoolMode {
  readonly #options: ParsedOptions
  readonly #onPooler: (how: string) => void
  #current: ConnectionMode

  /** @param options of the driver; connections read them, and this class changes them. */
  constructor(options: ParsedOptions, initial: ConnectionMode, onPooler: (how: string) => void) {
    this.#options = options
    this.#current = initial
    this.#onPooler = onPooler
  }

  get current(): ConnectionMode {
    return this.#current
  }

  /** Whether to retry a refused connection that was started in the mode `then`. */
  isWorthRetry(error: Error, then: ConnectionMode): boolean {
    const isRefusal = 'code' in error && REFUSAL.test(String(error.code))
    if (!isRefusal || !REFUSED_PARAMETER.test(error.message)) return false
    if (then !== this.#current) return true // another connection has lowered the mode meanwhile
    const below = BELOW[then]
    if (below === undefined) return false
    this.#lower(below, error.message)
    return true
  }

  /** @param announced the backend's process id at startup; @param actual the one that answers. */
  compare(announced: number | undefined, actual: number): void {
    if (this.#current === 'direct' && announced !== actual)
      this.#lower('pooled', 'another process answers than the one that was announced')
  }

  /** Called with each error of the server. */
  notice({ code, message }: ServerError): void {
    if (this.#current === 'direct' && LOST_STATEMENT.test(code)) this.#lower('pooled', message)
  }

  #lower(mode: ConnectionMode, how: string): void {
    const isNew = this.#current === 'direct'
    this.#current = mode
    Object.assign(this.#options, { prepare: false, connection: startParameters(mode) })
    if (isNew) this.#onPooler(how)
  }
}
