import { performance } from 'node:perf_hooks'
import postgres from 'postgres'
import type { DriverSocket } from './driver-socket.ts'

/** The parsed options of an instance of the driver. */
export type ParsedOptions = postgres.Sql['options']

/** The used part of a query of the driver (postgres 3.4.9, src/query.js). `handler` is called to run it. */
export type Statement = Promise<unknown> & {
  readonly handler: (statement: Statement) => void
  readonly reject: (error: Error) => void
  /** Cancels it; an argument of the query's constructor. */
  readonly canceller: unknown
}

type Dependencies = {
  /** The parsed options of another instance of the driver, shared with it. */
  readonly options: ParsedOptions
  /** Opens a socket, unless the signal aborts first; never rejects. */
  readonly open: (signal: AbortSignal) => Promise<DriverSocket>
  readonly onNotice?: (channel: string, payload: string) => void
  readonly onReady: (connection: Connection) => void
  /** Called once, with the reason, when the connection is unusable. */
  readonly onLost: (connection: Connection, error: Error) => void
  /** The connection fails when the server is not ready after this many ticks. */
  readonly connectTicks: number
}

/** 30 to 60 minutes, so that connections that were opened together do not end together. */
const lifetimeMs = () => 30 * 60_000 * (1 + Math.random())

/**
 * One connection to the server. The driver opens it with the first statement; after a failure it is never used again.
 * postgres.js reuses the state of a connection for the next one, so rows, errors and unsent bytes of the old one would
 * reach statements of the new one. Each connection is therefore its own instance of the driver, which connects once.
 *
 * Runs one statement or one transaction at a time.
 */
export class Connection {
  /** The driver on this connection, for its exclusive user. */
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
    // The driver accepts parsed options. They are the prototype, so that later changes of them apply.
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

  /** Whether it can run another statement. */
  get isIdle(): boolean {
    return this.#lost === undefined && this.#socket?.isIdle === true
  }

  /** Whether it should be replaced: servers and proxies keep memory for each connection. */
  get isExpired(): boolean {
    return performance.now() >= this.#expiresAt
  }

  get cancelKey(): Buffer | undefined {
    return this.#socket?.cancelKey
  }

  /** The backend's process id that was announced at startup: the first four bytes of the key. */
  get announcedPid(): number | undefined {
    return this.#socket?.cancelKey?.readInt32BE(0)
  }

  /** Runs a statement and calls `onSettled` when it is settled. */
  run(statement: Statement, deadlineTicks: number, onSettled: () => void): void {
    this.#begin('statement', deadlineTicks)
    this.#execute(statement)
    const settle = () => {
      this.#waitsFor = undefined
      onSettled()
    }
    // Not `statement.then`, which would run the statement.
    void Promise.prototype.then.call(statement, settle, settle)
  }

  /** Runs a transaction. Rejects immediately, with the reason, when the connection is lost. */
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

  /** Counts a tick; false when the deadline for an answer has passed. */
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

  /** Ends an idle connection cleanly. */
  end(): void {
    this.#socket?.end()
  }

  #begin(waitsFor: 'statement' | 'transaction', deadlineTicks: number): void {
    this.#waitsFor = waitsFor
    this.#deadlineTicks = deadlineTicks
    this.#ticks = 0
    if (this.#socket !== undefined) this.#socket.silentTicks = 0
  }

  /** Lets the driver reject further statements of a transaction first: on `close` it would connect again. */
  async #dismiss(): Promise<void> {
    await this.sql.end({ timeout: 0 })
    this.#socket?.emit('close')
  }
}

/** Every query of the driver is a statement. */
export const asStatement = (query: unknown): Statement => query as Statement
