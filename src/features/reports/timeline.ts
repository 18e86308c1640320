import { LAST_WINDOW } from '../../domain/session.ts'
import type { TimelineRow } from './repository.ts'

/** Every text of this pattern is four bytes, and so a window number: there is no bad cursor of good shape. */
export const CURSOR_PATTERN = '^[A-Za-z0-9_-]{6}$'

/** Opaque to callers: the number of the last window that they have. */
export function toCursor(window: number): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(window)
  return bytes.toString('base64url')
}

/** The window to go on after; 0 at the beginning. */
export const fromCursor = (cursor: string | undefined): number =>
  cursor === undefined ? 0 : Math.min(Buffer.from(cursor, 'base64url').readUInt32BE(), LAST_WINDOW)

export const toTimelineWindow = (row: TimelineRow, startedAt: Date) => ({
  ...row,
  timestamp: row.closedAt.getTime(),
  relativeTime: row.closedAt.getTime() - startedAt.getTime(),
})

/** One page out of up to `limit + 1` rows: the one too many only says that there is more. */
export function toPage(rows: readonly TimelineRow[], limit: number, startedAt: Date) {
  const windows = rows.slice(0, limit).map((row) => toTimelineWindow(row, startedAt))
  const last = windows.at(-1)
  return { windows, nextCursor: rows.length > limit && last !== undefined ? toCursor(last.window) : null }
}
