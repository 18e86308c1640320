import { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { Duplex } from 'node:stream'

/** Longer than any socket lives; the longest interval of a timer. */
const NO_DEADLINE_MS = 2 ** 31 - 1

/**
 * What postgres.js gets for a socket: the same bytes, but an end it can understand.
 *
 * On a plain socket a failure is an `error`, and its `close` follows a moment later. Queries that the driver hands to
 * the dying connection in between are never answered; a proxy that accepts and hangs up makes it reconnect for ever
 * without a pause; and a server that falls silent is waited for without end. Here hanging up and silence are errors,
 * and `close` follows `error` as soon as the driver has written what it writes at an error.
 */
export class DriverSocket extends Duplex {
  readonly #socket: Socket
  readonly #watch: NodeJS.Timeout
  /** When the first bytes went out that nothing has come in since. */
  #waitingSince: number | undefined

  /** @param answerDeadlineMs how long the server may leave bytes unanswered before it counts as dead. */
  constructor(socket: Socket, answerDeadlineMs: number) {
    super({ allowHalfOpen: false })
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#waitingSince = undefined
      if (!this.push(bytes)) socket.pause()
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy(this.writableEnded ? undefined : hungUp()))
    this.#watch = setInterval(() => {
      const waitedMs = this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince
      if (waitedMs >= answerDeadlineMs) this.destroy(silent())
    }, answerDeadlineMs / 10).unref()
  }

  /** The driver says goodbye to open sockets only and waits for those that are not closed. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open'
  }

  setKeepAlive(enable: boolean, initialDelayMs: number): void {
    this.#socket.setKeepAlive(enable, initialDelayMs)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#waitingSince ??= performance.now()
    this.#socket.write(bytes, done)
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#watch)
    this.#socket.destroy()
    if (error === null) {
      done(null)
      return
    }
    // The driver rejects what it was asked and, in a transaction, writes a rollback. That must still meet a socket,
    // for the driver dies of a write after `close`; `close` then rejects the rollback too.
    this.emit('error', error)
    setImmediate(() => setImmediate(done, null))
  }
}

/** A socket that could not be opened: fails as soon as the driver listens. */
export function failedSocket(error: Error): DriverSocket {
  const failed = new DriverSocket(new Socket(), NO_DEADLINE_MS)
  setImmediate(() => failed.destroy(error))
  return failed
}

export function socketError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

export const hungUp = () => socketError('ECONNRESET', 'the database server hung up')
const silent = () => socketError('ETIMEDOUT', 'the database server stopped answering')
