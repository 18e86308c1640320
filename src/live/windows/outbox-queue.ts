import { bytesOf, type OutboxContent, sessionOf } from './outbox-content.ts'
import type { WindowWrite } from './repository.ts'

/**
 * The result of a write: `stored`; `refused` because the session has another owner or was deleted, or the row existed
 * already; `dropped` because a limit or a deadline was reached.
 */
export type WriteResult = 'stored' | 'refused' | 'dropped'

export type Entry = OutboxContent & {
  readonly sessionId: string
  readonly bytes: number
  /** When it was added, ms of a monotonic clock. */
  readonly since: number
  readonly settle: (result: WriteResult) => void
  /** Tries in which it failed although others were stored. */
  failedAlone: number
}

type Options = {
  readonly maxWindowsPerSession: number
  readonly maxBytes: number
  /** Called with the number of waiting entries whenever it changes. */
  readonly onWaiting: (count: number) => void
}

/**
 * The entries of the outbox in order, within its limits. An entry counts until its result is settled, which may be after
 * its removal.
 */
export class OutboxQueue {
  readonly #options: Options
  #entries: Entry[] = []
  readonly #windows = new Map<string, number>()
  #count = 0
  #bytes = 0

  constructor(options: Options) {
    this.#options = options
  }

  /** The number of entries without a result. */
  get count(): number {
    return this.#count
  }

  /** How long each entry has waited, ms. */
  get ages(): number[] {
    const now = performance.now()
    return this.#entries.map(({ since }) => now - since)
  }

  /** Whether there is no room for another window of this session. */
  isFull(sessionId: string): boolean {
    const { maxBytes, maxWindowsPerSession } = this.#options
    return this.#bytes >= maxBytes || (this.#windows.get(sessionId) ?? 0) >= maxWindowsPerSession
  }

  hasRoomFor(content: OutboxContent): boolean {
    return content.kind === 'window' ? !this.isFull(sessionOf(content)) : this.#bytes < this.#options.maxBytes
  }

  /** `settle` is called with the result. */
  add(content: OutboxContent, settle: Entry['settle']): void {
    const sessionId = sessionOf(content)
    const since = performance.now()
    const entry = { ...content, sessionId, bytes: bytesOf(content), since, settle, failedAlone: 0 }
    this.#entries.push(entry)
    this.#bytes += entry.bytes
    if (content.kind === 'window') this.#addWindow(sessionId)
    this.#options.onWaiting(++this.#count)
  }

  /** Replaces an answer by its whole window, in the same place. */
  replace(entry: Entry, write: WindowWrite): void {
    const { sessionId, since, settle } = entry
    const content = { kind: 'window', write } as const
    const whole: Entry = { ...content, sessionId, bytes: bytesOf(content), since, settle, failedAlone: 0 }
    this.#entries[this.#entries.indexOf(entry)] = whole
    this.#bytes += whole.bytes - entry.bytes
    this.#addWindow(sessionId)
  }

  /** The first `limit` entries whose session is not among the `busy` ones. */
  listNext(busy: ReadonlySet<string>, limit: number): Entry[] {
    return this.#entries.filter(({ sessionId }) => !busy.has(sessionId)).slice(0, limit)
  }

  listOfSession(sessionId: string): Entry[] {
    return this.#entries.filter((entry) => entry.sessionId === sessionId)
  }

  remove(entries: readonly Entry[]): void {
    const removed = new Set(entries)
    this.#entries = this.#entries.filter((entry) => !removed.has(entry))
  }

  /** Removes and returns all entries. */
  removeAll(): Entry[] {
    return this.#entries.splice(0)
  }

  /** Reports the result of an entry that was removed. */
  settle(entry: Entry, result: WriteResult): void {
    this.#bytes -= entry.bytes
    if (entry.kind === 'window') this.#subtractWindow(entry.sessionId)
    this.#options.onWaiting(--this.#count)
    entry.settle(result)
  }

  #addWindow(sessionId: string): void {
    this.#windows.set(sessionId, (this.#windows.get(sessionId) ?? 0) + 1)
  }

  #subtractWindow(sessionId: string): void {
    const left = (this.#windows.get(sessionId) ?? 1) - 1
    if (left > 0) this.#windows.set(sessionId, left)
    else this.#windows.delete(sessionId)
  }
}
