import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { type ServerError, ServerMessages, type TransactionStatus } from './server-messages.ts'

/** Errors that make a connection unusable: shutdown, a read-only server, lost statements. */
const ENDING = /^(57P0[1-5]|25006|26000|42P05)$/
/** The driver repeats a statement that failed in these routines, which is correct only outside a transaction. */
const REPEATED = new Set(['FetchPreparedStatement', 'RevalidateCachedQuery', 'transformAssignedExpr'])

/** The frontend message "Terminate". */
const TERMINATE = Buffer.from([0x58, 0, 0, 0, 4])

type Watcher = {
  /** Called each time the server is ready for a statement. */
  readonly onReady: () => void
  /** Called once when the connection has failed, before the driver is notified. */
  readonly onFailure: (error: Error) => void
}

/**
 * The socket of postgres.js for one connection. It also parses the messages of the server.
 *
 * A failure is an `error` with its reason, because the driver would lose the reason of a FATAL error or report it to a
 * later statement. Writes to a failed socket fail in the same way, so that no statement waits for a lost connection.
 * `close` is emitted only by the owner of the connection: the driver reacts to it with a new connection that has the
 * state of the old one.
 */
export class DriverSocket extends EventEmitter {
  readonly #socket: Socket
  readonly #messages: ServerMessages
  #watcher: Watcher | undefined
  #failure: Error | undefined
  #status: TransactionStatus | undefined
  #awaitsAnswer = false
  #cancelKey: Buffer | undefined
  #isEnding = false
  /** Ticks since the server last sent data, counted by the owner of the connection. */
  silentTicks = 0

  /** @param onServerError is called for each error that the server sends. */
  constructor(socket: Socket, onServerError?: (error: ServerError) => void) {
    super()
    this.#socket = socket
    this.#messages = new ServerMessages({
      onReady: (status) => {
        this.#status = status
        this.#awaitsAnswer = false
        this.#watcher?.onReady()
      },
      onError: (error) => {
        onServerError?.(error)
        if (this.#isEnd(error)) this.fail(error)
      },
      onCancelKey: (key) => {
        this.#cancelKey = key
      },
    })
    socket.on('data', (bytes: Buffer) => {
      this.silentTicks = 0
      this.#messages.read(bytes)
      if (this.#failure === undefined) this.emit('data', bytes)
    })
    socket.on('drain', () => this.emit('drain'))
    socket.on('error', (error) => this.fail(error))
    socket.on('close', () => this.fail(connectionReset()))
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Whether the server is ready for a statement, outside a transaction. */
  get isIdle(): boolean {
    return this.#status === 'I' && !this.#awaitsAnswer && this.#failure === undefined
  }

  /** Whether the server has not fully answered a statement. */
  get awaitsAnswer(): boolean {
    return this.#awaitsAnswer
  }

  get cancelKey(): Buffer | undefined {
    return this.#cancelKey
  }

  /** The driver ends only open sockets. */
  get readyState(): 'open' | 'closed' {
    return this.#failure === undefined && !this.#isEnding ? 'open' : 'closed'
  }

  fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#socket.destroy()
    this.#watcher?.onFailure(error)
    this.#emitFailure(error)
  }

  write(bytes: Buffer, done?: (error?: Error | null) => void): boolean {
    const failure = this.#failure
    if (failure !== undefined) {
      setImmediate(() => this.#emitFailure(failure))
      return false
    }
    if (!this.#awaitsAnswer) this.silentTicks = 0
    this.#awaitsAnswer = true
    return this.#socket.write(bytes, done)
  }

  /** Ends the connection cleanly. */
  end(): void {
    if (this.readyState === 'closed') return
    this.#isEnding = true
    this.#socket.write(TERMINATE)
    this.#socket.destroySoon() // without waiting for the server, which may not answer
  }

  setKeepAlive(enable: boolean, initialDelayMs: number): void {
    this.#socket.setKeepAlive(enable, initialDelayMs)
  }

  destroy(): void {
    this.fail(connectionReset())
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  #isEnd({ severity, code, routine = '' }: ServerError): boolean {
    const isFatal = severity === 'FATAL' || severity === 'PANIC'
    return isFatal || ENDING.test(code) || (this.#status !== 'I' && REPEATED.has(routine))
  }

  /** After the driver has removed its listeners, no statement waits for the socket. */
  #emitFailure(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

/** Errors of failed connection attempts, with any code. */
const connectionFailures = new WeakSet<Error>()

export const isConnectionFailure = (error: Error): boolean => connectionFailures.has(error)

/** A socket that could not be opened; fails once the driver listens. */
export function failedSocket(error: Error): DriverSocket {
  connectionFailures.add(error)
  const failed = new DriverSocket(new Socket())
  setImmediate(() => failed.fail(error))
  return failed
}

export function socketError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

export const connectionReset = () => socketError('ECONNRESET', 'the database server closed the connection')
export const silent = () => socketError('ETIMEDOUT', 'the database server stopped answering')
