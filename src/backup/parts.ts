import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

const compress = promisify(gzip)

/** Rows of a table before compression; larger only if one row is. */
const PART_BYTES = 512 * 1024
/** Parts that are compressed at the same time, in the threads of zlib. */
const MAX_COMPRESSING = 2
/** Rows are measures and encrypted fields: higher levels gain little and cost most of the time. */
const LEVEL = 3
const LINE_FEED = 0x0a

export type TableTotals = { rows: number; bytes: number; parts: number; sha256: string }

/** In the text format of COPY, a line feed ends a row and occurs nowhere else. */
export function countRows(rows: Uint8Array): number {
  let count = 0
  for (let at = rows.indexOf(LINE_FEED); at >= 0; at = rows.indexOf(LINE_FEED, at + 1)) count++
  return count
}

/**
 * Cuts the output of COPY into parts of whole rows, in buffers of `take`; a row that is longer than a part gets a buffer
 * of its own.
 */
export async function* toParts(
  rows: AsyncIterable<Buffer>,
  take: () => Buffer = () => Buffer.allocUnsafe(PART_BYTES),
): AsyncGenerator<Buffer> {
  let buffer = take()
  let length = 0
  for await (const chunk of rows) {
    if (length + chunk.length > buffer.length) {
      const end = length === 0 ? 0 : buffer.lastIndexOf(LINE_FEED, length - 1) + 1
      const rest = Buffer.from(buffer.subarray(end, length))
      if (end > 0) yield buffer.subarray(0, end)
      buffer =
        rest.length + chunk.length > PART_BYTES ? Buffer.alloc(2 * (rest.length + chunk.length)) : take()
      rest.copy(buffer)
      length = rest.length
    }
    chunk.copy(buffer, length)
    length += chunk.length
  }
  if (length > 0) yield buffer.subarray(0, length)
}

/** Buffers for parts that are used again, which keeps the memory of the process flat. */
function createBuffers() {
  const free: Buffer[] = []
  return {
    take: () => free.pop() ?? Buffer.allocUnsafe(PART_BYTES),
    give: (part: Buffer) => {
      if (part.buffer.byteLength === PART_BYTES) free.push(Buffer.from(part.buffer))
    },
  }
}

/** The compressed parts of a table, in order. `totals` is complete when the last one was read. */
export async function* compressParts(
  rows: AsyncIterable<Buffer>,
  totals: TableTotals,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  const { take, give } = createBuffers()
  const compressing: Promise<Buffer>[] = []
  for await (const part of toParts(rows, take)) {
    hash.update(part)
    totals.rows += countRows(part)
    totals.bytes += part.length
    totals.parts++
    // One output buffer for most parts: each further one is another turn of a thread.
    const compressed = compress(part, { level: LEVEL, chunkSize: part.length / 2 + 1024 })
    compressed.then(
      () => give(part),
      () => undefined, // reported when it is awaited
    )
    compressing.push(compressed)
    if (compressing.length < MAX_COMPRESSING) continue
    const first = await compressing.shift()
    if (first !== undefined) yield first
  }
  for (const compressed of compressing) yield await compressed
  totals.sha256 = hash.digest('hex')
}
