import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'

const BUFFER_BYTES = 64 * 1024
/** How long the reader may keep the export waiting, in addition to the time for the bytes it has read. */
const MAX_WAIT_MS = 30_000
const MIN_BYTES_PER_MS = 16
const CHECK_EVERY_MS = 5000

/**
 * The document as a stream. Destroyed when the client reads less than 16 KB a second, because the number of concurrent
 * exports is limited. Only the time spent waiting for the reader counts, not the time of the queries.
 */
export function createStream(pieces: AsyncIterable<string>, monotonic = () => performance.now()): Readable {
  const reader = { bytes: 0, waitedMs: 0, since: Number.NaN }

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
      reader.waitedMs += monotonic() - reader.since
      reader.since = Number.NaN
    }
    if (text !== '') yield take()
  }

  const body = Readable.from(joinPieces(), { objectMode: false })
  const timer = setInterval(() => {
    const waitingMs = Number.isNaN(reader.since) ? 0 : monotonic() - reader.since
    if (reader.waitedMs + waitingMs > MAX_WAIT_MS + reader.bytes / MIN_BYTES_PER_MS)
      body.destroy(new Error('the export is read too slowly'))
  }, CHECK_EVERY_MS)
  return body.once('close', () => clearInterval(timer))
}
