import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'

const BUFFER_BYTES = 64 * 1024
/** A reader may keep the document waiting for so long, and as much longer as what it has taken is worth. */
const PATIENCE_MS = 30_000
const LEAST_BYTES_PER_MS = 16
const CHECK_EVERY_MS = 5000

/**
 * The document as a stream, for a reader that takes at least 16 KB a second of it: there are places for few. Only time
 * spent waiting for the reader counts, not the time that the rows take.
 */
export function streamOf(pieces: AsyncIterable<string>, monotonic = () => performance.now()): Readable {
  const reader = { bytes: 0, waitedMs: 0, since: Number.NaN }

  /** Pieces together, so that not every row is a write of its own. */
  async function* gathered(): AsyncGenerator<Buffer> {
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

  const body = Readable.from(gathered(), { objectMode: false })
  const timer = setInterval(() => {
    const waitingMs = Number.isNaN(reader.since) ? 0 : monotonic() - reader.since
    if (reader.waitedMs + waitingMs > PATIENCE_MS + reader.bytes / LEAST_BYTES_PER_MS)
      body.destroy(new Error('the export is read too slowly'))
  }, CHECK_EVERY_MS)
  return body.once('close', () => clearInterval(timer))
}
