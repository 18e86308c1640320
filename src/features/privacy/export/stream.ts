import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'

const BUFFER_BYTES = 64 * 1024
/** A reader is slow when it waits longer than this and the time for the bytes that it has read. */
const FREE_WAIT_MS = 30_000
const FAST_BYTES_PER_MS = 16

export type ExportStream = {
  readonly body: Readable
  /** Whether the client reads less than 16 KB a second. */
  readonly isSlow: () => boolean
}

/**
 * The document as a stream. Only the time spent waiting for the reader makes it slow, not the time of the queries. A
 * reader is never ended for pauses alone: the buffers of the network hide what it reads for minutes.
 */
export function createStream(
  pieces: AsyncIterable<string>,
  monotonic = () => performance.now(),
): ExportStream {
  const reader = { bytes: 0, waitedMs: 0, since: Number.NaN }
  const waitingMs = () => (Number.isNaN(reader.since) ? 0 : monotonic() - reader.since)

  /** Joins pieces, so that not every row is one write. */
  async function* joinPieces(): AsyncGenerator<Buffer> {
    let text = ''
    const take = (): Buffer => {
      const bytes = Buffer.from(text)
      text = ''
      reader.bytes += bytes.length
      reader.since = monotonic()
      return bytes
    }
    for await (const piece of pieces) {
      text += piece
      if (text.length < BUFFER_BYTES) continue
      yield take()
      reader.waitedMs += waitingMs()
      reader.since = Number.NaN
    }
    if (text !== '') yield take()
  }

  const body = Readable.from(joinPieces(), { objectMode: false })
  const isSlow = () => reader.waitedMs + waitingMs() > FREE_WAIT_MS + reader.bytes / FAST_BYTES_PER_MS
  return { body, isSlow }
}
