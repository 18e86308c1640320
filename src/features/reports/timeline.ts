import { MAX_WINDOW } from '../../domain/session.ts'
import type { TimelineRow } from './repository.ts'

/** The number of the last window of the page; opaque to clients. */
export function toCursor(window: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(window)
  return bytes.toString('base64url')
}

/** The window after which the page starts; 0 for the first page. */
export const fromCursor = (cursor: string | undefined): number =>
  cursor === undefined ? 0 : Math.min(Buffer.from(cursor, 'base64url').readUInt32BE(), MAX_WINDOW)

const toTimelineWindow = (row: TimelineRow, startedAt: Date) => ({
  ...row,
  timestamp: row.closedAt.getTime(),
  relativeTime: row.closedAt.getTime() - startedAt.getTime(),
})

/** One page of up to `limit + 1` rows; the additional row only shows that there are more. */
export function toPage(rows: readonly TimelineRow[], limit: number, startedAt: Date) {
  const windows = rows.slice(0, limit).map((row) => toTimelineWindow(row, startedAt))
  const last = windows.at(-1)
  return { windows, nextCursor: rows.length > limit && last !== undefined ? toCursor(last.window) : null }
}
