import { performance } from 'node:perf_hooks'
import postgres from 'postgres'
import type { DriverSocket } from './driver-socket.ts'

/** The options of an instance of the driver as it has read them. */
export type ParsedOptions = postgres.Sql['options']

/** What is used of a query of the driver (postgres 3.4.9, src/query.js): `handler` is called when it is to run. */
export type Statement = Promise<unknown> & {
  handler: (statement: Statement) => void
  readonly reject: (error: Error) => void
}

type Dependencies = {
  /** The parsed options of another instance of the driver; their objects are shared. */
  readonly options: ParsedOptions
  /** Opens a socket, unless the signal aborts first; never rejects. */
  readonly open: (signal: AbortSignal) => Promise<DriverSocket>
  readonly onNotice?: (channel: string, payload: string) => void
  readonly onReady: (connection: Connection) => void
  /** Once, with the reason, when it will not carry out anything again. */
  readonly onLost: (connection: Connection, error: Error) => void
  /** A server that has not let us in after so many ticks does not count as one. */
  readonly connectTicks: number
}

/** Half an hour to an hour, so that connections that were made together do not end together. */
const lifetimeMs = () => 30 * 60_000 * (1 + Math.random())

/**
 * One connection to the server, which the driver opens with the first statement, used until it fails and then never
 * again. postgres.js reuses the state of a connection for the next one: rows, errors and unsent bytes of the old would
 * meet the statements of the new. Here it is an instance of the driver with a single place, and that place connects once.
 *
 * Carries out one thing at a time: a statement or a transaction.
 */
export class Connection {
  /** The driver on this connection, for whoever has it to themselves. */
  readonly sql: postgres.Sql
  readonly #execute: Statement['handler']
  readonly #connectTicks: number
  readonly #abort = new AbortController()
  readonly #expiresAt = performance.now() + lifetimeMs()
  #socket: DriverSocket | undefined
  #lost: Error | undefined
  #rejectTransaction: ((error: Error) => void) | undefined
  #hasConnected = false
  #waitsFor: 'statement' | 'transaction' | undefined
  #ticks = 0
  #deadlineTicks = Infinity

  constructor({ options, open, onNotice, onReady, onLost, connectTicks }: Dependencies) {
    this.#connectTicks = connectTicks
    const lost = (error: Error) => {
      if (this.#lost !== undefined) return
      this.#lost = error
      onLost(this, error)
      this.#rejectTransaction?.(error)
      void this.#dismiss()
    }
    const socket = async (): Promise<DriverSocket> => {
      const opened = await open(this.#abort.signal)
      this.#socket = opened
      opened.watch({
        onReady: () => {
          if (this.#hasConnected) return
          this.#hasConnected = true
          onReady(this)
        },
        onFailure: lost,
      })
      return opened
    }
    // The driver takes parsed options as they are. They are the prototype, so that a later change of them is seen.
    const own = { max: 1, socket, no_subscribe: true, onnotify: onNotice }
    this.sql = postgres(Object.assign(Object.create(options) as postgres.Options<Record<string, never>>, own))
    this.#execute = asStatement(this.sql.unsafe('')).handler
  }

  get hasConnected(): boolean {
    return this.#hasConnected
  }

  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Whether another statement may be given to it. */
  get isIdle(): boolean {
    return this.#lost === undefined && this.#socket?.isIdle === true
  }

  /** Whether it is old enough to be replaced: servers and what is between keep something for each. */
  get isExpired(): boolean {
    return performance.now() >= this.#expiresAt
  }

  get cancelKey(): Buffer | undefined {
    return this.#socket?.cancelKey
  }

  /** The process of the server that its greeting announced: the first four bytes of the key. */
  get announcedPid(): number | undefined {
    return this.#socket?.cancelKey?.readInt32BE(0)
  }

  /** Resolves when the statement is settled. */
  async run(statement: Statement, deadlineTicks: number): Promise<void> {
    this.#begin('statement', deadlineTicks)
    this.#execute(statement)
    // The promise of a statement itself, for its own `then` would run it.
    await new Promise<void>((resolve) => {
      void Promise.prototype.then.call(
        statement,
        () => resolve(),
        () => resolve(),
      )
    })
    this.#waitsFor = undefined
  }

  /** The work of a transaction; rejects with the reason at once when the connection is lost. */
  async transact<T>(work: (sql: postgres.Sql) => Promise<T>, deadlineTicks: number): Promise<T> {
    this.#begin('transaction', deadlineTicks)
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#rejectTransaction = reject
        work(this.sql).then(resolve, reject)
      })
    } finally {
      this.#rejectTransaction = undefined
      this.#waitsFor = undefined
    }
  }

  /** Time passes; false when the server has not answered for as long as it may take. */
  tick(): boolean {
    const socket = this.#socket
    if (this.#waitsFor === undefined || this.#lost !== undefined) return true
    if (socket === undefined || !this.#hasConnected)
      return ++this.#ticks < Math.min(this.#deadlineTicks, this.#connectTicks)
    if (this.#waitsFor === 'transaction' && !socket.awaitsAnswer) return true
    return ++socket.silentTicks < this.#deadlineTicks
  }

  fail(error: Error): void {
    if (this.#socket === undefined) this.#abort.abort(error)
    else this.#socket.fail(error)
  }

  /** Ends an idle connection in order. */
  end(): void {
    this.#socket?.end()
  }

  #begin(waitsFor: 'statement' | 'transaction', deadlineTicks: number): void {
    this.#waitsFor = waitsFor
    this.#deadlineTicks = deadlineTicks
    this.#ticks = 0
    if (this.#socket !== undefined) this.#socket.silentTicks = 0
  }

  /** Lets the driver reject what a transaction may still ask; only then may it see the end, which it answers by connecting. */
  async #dismiss(): Promise<void> {
    await this.sql.end({ timeout: 0 })
    this.#socket?.emit('close')
  }
}

/** Every query of the driver is one, whatever its type says of rows. */
export const asStatement = (query: unknown): Statement => query as Statement
