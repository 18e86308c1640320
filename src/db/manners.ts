import type { ParsedOptions } from './connection.ts'
import type { ServerError } from './server-messages.ts'
import type { DatabaseAddress } from './url.ts'

/**
 * How much a connection asks of what is at its other end:
 *
 * - `direct`: a session of Postgres. Prepared statements, and every parameter at the start
 * - `pooled`: another session for each transaction. Nothing that lives in a session, and only the parameters that
 *   poolers keep for each client (PgBouncer, `track_extra_parameters`)
 * - `bare`: a pooler that refuses even these
 */
export type Manner = 'direct' | 'pooled' | 'bare'

const STATEMENT_DEADLINE_MS = 15_000
const NAME = { application_name: 'maeum' }

/** What dates are read by; every pooler that JDBC can use takes these. */
const TRACKED = { DateStyle: 'ISO, MDY', TimeZone: 'UTC' }

/**
 * What the statements here and the parsers of the driver rely on, and a role, a database or a server may have set to
 * something else. Sent at the start of a direct connection; behind a pooler `verifyServer` compares them.
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

/** Deadlines that the server keeps for us, and that its own are no shorter. */
const DEADLINES = {
  statement_timeout: STATEMENT_DEADLINE_MS,
  idle_in_transaction_session_timeout: STATEMENT_DEADLINE_MS,
  lock_timeout: '0' as unknown as number, // the driver leaves out what is falsy
}

const PARAMETERS = {
  direct: { ...NAME, ...DEADLINES, ...RELIED_ON },
  pooled: { ...NAME, ...TRACKED },
  bare: {},
}
const BELOW = { direct: 'pooled', pooled: 'bare', bare: undefined } as const

/** Statements that were prepared on a connection and are not there: it has led to more than one session. */
const LOST_STATEMENT = /^(26000|42P05)$/
/** PgBouncer and what is made of it (08P01); the proxy of Amazon RDS (0A000). */
const REFUSAL = /^(08P01|0A000)$/
const REFUSED_PARAMETER = /startup (parameter|option)|unsupported .*parameter|command-line options/i

export const startParameters = (manner: Manner) => PARAMETERS[manner]

/** The manner for an address, as far as the address tells. */
export const mannerOf = ({ pooler }: DatabaseAddress): Manner => (pooler === null ? 'direct' : 'pooled')

/**
 * The manner of one pool. It begins as the address says and only ever asks for less, with one notice: a pooler shows
 * itself by a refused parameter, by a process that is not the one that was announced, or by lost statements.
 */
export class Manners {
  readonly #options: ParsedOptions
  readonly #onPooler: (how: string) => void
  #manner: Manner

  /** @param options of the driver, which connections read while they work; they are changed here. */
  constructor(options: ParsedOptions, manner: Manner, onPooler: (how: string) => void) {
    this.#options = options
    this.#manner = manner
    this.#onPooler = onPooler
  }

  get now(): Manner {
    return this.#manner
  }

  /** Whether a connection that was begun in the manner `then` and was refused so is worth another try. */
  isWorthRetry(error: Error, then: Manner): boolean {
    const isRefusal = 'code' in error && REFUSAL.test(String(error.code))
    if (!isRefusal || !REFUSED_PARAMETER.test(error.message)) return false
    if (then !== this.#manner) return true // another connection has found it out meanwhile
    const below = BELOW[then]
    if (below === undefined) return false
    this.#take(below, error.message)
    return true
  }

  /** @param announced the process of the server in its greeting; @param actual the one that answers. */
  compare(announced: number | undefined, actual: number): void {
    if (this.#manner === 'direct' && announced !== actual)
      this.#take('pooled', 'another process answers than the one that was announced')
  }

  /** Called with each error of the server. */
  notice({ code, message }: ServerError): void {
    if (this.#manner === 'direct' && LOST_STATEMENT.test(code)) this.#take('pooled', message)
  }

  #take(manner: Manner, how: string): void {
    const isNew = this.#manner === 'direct'
    this.#manner = manner
    Object.assign(this.#options, { prepare: false, connection: startParameters(manner) })
    if (isNew) this.#onPooler(how)
  }
}
