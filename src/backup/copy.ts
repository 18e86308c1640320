import { pipeline } from 'node:stream/promises'
import type { TransactionSql } from 'postgres'

/**
 * COPY in a transaction, one at a time. The driver (postgres 3.4.9) resolves a COPY with its stream and drops an error
 * that the server sends to the rows of `copy … from stdin` after that: the stream would never finish. `onServerError` of
 * the database must therefore call `fail`.
 */
export function createCopy() {
  let running = new AbortController()

  const begin = (): AbortSignal => {
    running = new AbortController()
    return running.signal
  }

  return {
    /** The server has sent an error. */
    fail: (error: Error): void => running.abort(error),

    /** The rows that a statement `copy … to stdout` returns. Chunks are some KB and contain whole rows or parts. */
    async *read(tx: TransactionSql, statement: string): AsyncGenerator<Buffer> {
      const signal = begin()
      const stream = await tx.unsafe(statement).readable()
      const abort = () => stream.destroy(signal.reason as Error)
      signal.addEventListener('abort', abort)
      for await (const chunk of stream) yield chunk as Buffer
      // The driver pauses its socket when the stream is full, and does not resume it if the last rows filled it.
      stream._read(0)
    },

    /** Runs `copy … from stdin`; resolves when the server has stored all rows. */
    async write(tx: TransactionSql, statement: string, rows: AsyncIterable<Buffer>): Promise<void> {
      const signal = begin()
      const stream = await tx.unsafe(statement).writable()
      try {
        await pipeline(rows, stream, { signal })
      } catch (error) {
        throw signal.aborted ? signal.reason : error
      }
    },
  }
}

export type Copy = ReturnType<typeof createCopy>
