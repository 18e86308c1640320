import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { type ServerError, ServerMessages, type TransactionStatus } from './server-messages.ts'

/** Errors after which a connection is of no further use: a server that leaves or may not write, lost statements. */
const ENDING = /^(57P0[1-5]|25006|26000|42P05)$/
/** The driver repeats a statement that failed there, which is right outside of a transaction only. */
const REPEATED = new Set(['FetchPreparedStatement', 'RevalidateCachedQuery', 'transformAssignedExpr'])

/** The frontend message "Terminate". */
const GOODBYE = Buffer.from([0x58, 0, 0, 0, 4])

type Watcher = {
  /** The server is ready for a statement, for the first time or again. */
  readonly onReady: () => void
  /** The connection has failed; once. Called before the driver is. */
  readonly onFailure: (error: Error) => void
}

/**
 * What postgres.js uses as its socket, on one connection. It reads along in what the server sends.
 *
 * A failure is an `error` with its reason: the driver by itself would lose the reason of a FATAL, or keep it for a
 * later statement. What the driver writes to a failed socket fails in the same way, so no statement waits for a
 * connection that is gone. `close` is emitted by whoever owns the connection, never here: the driver answers it by
 * connecting again with the state of the connection before.
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
  /** Since the server last sent anything, counted by whoever owns the connection. */
  silentTicks = 0

  /** @param onServerError is called for each error that the server sends, whoever asked. */
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
    socket.on('close', () => this.fail(hungUp()))
  }

  watch(watcher: Watcher): void {
    this.#watcher = watcher
  }

  get failure(): Error | undefined {
    return this.#failure
  }

  /** Whether the server waits for a statement, outside of any transaction. */
  get isIdle(): boolean {
    return this.#status === 'I' && !this.#awaitsAnswer && this.#failure === undefined
  }

  /** Whether the server has bytes of ours that it has not fully answered. */
  get awaitsAnswer(): boolean {
    return this.#awaitsAnswer
  }

  get cancelKey(): Buffer | undefined {
    return this.#cancelKey
  }

  /** The driver says goodbye to open sockets only. */
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

  /** Ends the connection in order. */
  end(): void {
    if (this.readyState === 'closed') return
    this.#isEnding = true
    this.#socket.write(GOODBYE)
    this.#socket.destroySoon() // without waiting for the server, which may not answer
  }

  setKeepAlive(enable: boolean, initialDelayMs: number): void {
    this.#socket.setKeepAlive(enable, initialDelayMs)
  }

  destroy(): void {
    this.fail(hungUp())
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

  /** Once the driver has taken its listeners away, nothing waits for the socket. */
  #emitFailure(error: Error): void {
    if (this.listenerCount('error') > 0) this.emit('error', error)
  }
}

/** Reasons why a connection could not be made, whatever their codes. */
const connectionFailures = new WeakSet<Error>()

export const isConnectionFailure = (error: Error): boolean => connectionFailures.has(error)

/** A socket that could not be opened: fails as soon as the driver listens. */
export function failedSocket(error: Error): DriverSocket {
  connectionFailures.add(error)
  const failed = new DriverSocket(new Socket())
  setImmediate(() => failed.fail(error))
  return failed
}

export function socketError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

export const hungUp = () => socketError('ECONNRESET', 'the database server hung up')
export const silent = () => socketError('ETIMEDOUT', 'the database server stopped answering')
