import { performance } from 'node:perf_hooks'
import type { OutboxContent } from './outbox.ts'
import type { NewWindowRow } from './repository.ts'

/** An asynchronous standby that is promoted lacks the last commits: of seconds, or of minutes where it lagged. */
const MAX_AGE_MS = 300_000
/** What a row takes beside its measures. */
const ROW_BYTES = 1024

type Recent = { row: NewWindowRow; readonly recordedAt: number; readonly bytes: number }

const keyOf = ({ sessionId, window }: { sessionId: string; window: number }) => `${sessionId} ${window}`

/**
 * The windows of the last minutes as they were committed, at most `maxBytes` of them: a failover may lose those commits
 * after they have been confirmed, and then the windows are stored again.
 */
export class RecentWindows {
  readonly #maxBytes: number
  /** The oldest first. */
  readonly #recent = new Map<string, Recent>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Adds what has been committed, in order. */
  record(contents: readonly OutboxContent[]): void {
    for (const content of contents) this.#recordOne(content)
    this.#evict()
  }

  /** All of them, the oldest first. */
  list(): NewWindowRow[] {
    this.#evict()
    return [...this.#recent.values()].map(({ row }) => row)
  }

  /** Removes the windows of a session that may not be stored again. */
  forget(sessionId: string): void {
    for (const [key, { row }] of this.#recent) if (row.sessionId === sessionId) this.#remove(key)
  }

  #recordOne(content: OutboxContent): void {
    switch (content.kind) {
      case 'window':
        this.#set(content.write.row)
        return
      case 'answer':
        this.#change(keyOf(content.write.row), { ...content.write.row, answeredAt: new Date() })
        return
      case 'delivered':
        this.#change(keyOf(content.write), { deliveredAt: new Date() })
        return
      case 'refined':
        this.#change(keyOf(content.write), content.write)
    }
  }

  #set(row: NewWindowRow): void {
    const key = keyOf(row)
    this.#remove(key)
    const bytes = ROW_BYTES + row.measures.length
    this.#recent.set(key, { row, recordedAt: performance.now(), bytes })
    this.#bytes += bytes
  }

  #change(key: string, change: Partial<NewWindowRow>): void {
    const recent = this.#recent.get(key)
    if (recent !== undefined) recent.row = { ...recent.row, ...change }
  }

  #remove(key: string): void {
    this.#bytes -= this.#recent.get(key)?.bytes ?? 0
    this.#recent.delete(key)
  }

  #evict(): void {
    const oldest = performance.now() - MAX_AGE_MS
    for (const [key, { recordedAt }] of this.#recent) {
      if (recordedAt >= oldest && this.#bytes <= this.#maxBytes) return
      this.#remove(key)
    }
  }
}
