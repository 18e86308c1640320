import { createBackoff } from './backoff.ts'
import { within } from './deadline.ts'
import { createSingleFlight } from './single-flight.ts'
import { FAILURES_BEFORE_APART, findFaulty, LateWriteError, writeWithin } from './write-tries.ts'

type Options<Item> = {
  /** Writes all items or none. Must be idempotent. */
  readonly write: (items: readonly Item[]) => Promise<void>
  /** Whether the same write may succeed later. */
  readonly isPassing: (error: unknown) => boolean
  /** Limit of waiting items; beyond it the oldest are dropped. */
  readonly maxWaiting: number
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onDrop: (count: number, error: unknown) => void
}

type Watcher<Item> = { readonly isMine: (item: Item) => boolean; readonly resolve: () => void }

const BATCH = 100
const WRITE_MS = 10_000
const PAUSES = { firstMs: 250, longestMs: 10_000 }
/** About ten minutes of attempts in which other rows were written. */
const MAX_FAILED_ALONE = 60

type Row<Item> = readonly [key: string, item: Item]

/**
 * Writes rows in the background, in batches. Retries while the database is unavailable. Bounded: when too many rows
 * wait, the oldest are dropped.
 */
export class BatchWriter<Item> {
  readonly #options: Options<Item>
  readonly #waiting = new Map<string, Item>()
  readonly #watchers = new Set<Watcher<Item>>()
  readonly #closing = new AbortController()
  /** Attempts in which a row failed although others were written. */
  readonly #failedAlone = new Map<string, number>()
  readonly #writing = createSingleFlight(() => this.#run())

  constructor(options: Options<Item>) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Adds an item; it replaces a waiting one with the same key. */
  add(key: string, item: Item): void {
    this.#waiting.delete(key)
    this.#waiting.set(key, item)
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > this.#options.maxWaiting && oldest !== undefined) {
      this.#waiting.delete(oldest)
      this.#notifyWatchers()
      this.#options.onDrop(1, new RangeError('too many rows wait for the database'))
    }
    void this.#writing.run()
  }

  /** Resolves when none of these rows is waiting: all are written or dropped. Without a deadline. */
  settled(isMine: (item: Item) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.add({ isMine, resolve })
      this.#notifyWatchers()
    })
  }

  /** Writes the remaining rows for at most `ms`; rows that fail now are dropped. */
  async close(ms: number): Promise<void> {
    this.#closing.abort()
    const { current } = this.#writing
    if (current !== undefined) await within(current, ms)
  }

  async #run(): Promise<void> {
    await Promise.resolve() // rows that are added synchronously share a batch
    const backoff = createBackoff(PAUSES)
    let failures = 0
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH)
      const error = await this.#try(batch)
      if (error === undefined) {
        backoff.reset()
        failures = 0
      } else if (this.#isPassing(error)) {
        if (this.#closing.signal.aborted) {
          this.#drop([...this.#waiting], error)
          return
        }
        this.#options.onRetry(error, this.#waiting.size)
        if (++failures >= FAILURES_BEFORE_APART && batch.length > 1) await this.#writeOthers(batch)
        await backoff.wait(this.#closing.signal)
      } else await this.#writeApart(batch)
    }
  }

  /** Writes rows one by one, so that a faulty row is dropped alone. */
  async #writeApart(batch: readonly Row<Item>[]): Promise<void> {
    for (const entry of batch) {
      const error = await this.#try([entry])
      if (error === undefined) continue
      if (this.#isPassing(error)) return
      this.#drop([entry], error)
    }
  }

  /**
   * Writes rows one by one after repeated failures. A row that keeps failing while others succeed is finally dropped.
   */
  async #writeOthers(batch: readonly Row<Item>[]): Promise<void> {
    const errors = new Map<Row<Item>, unknown>()
    const one = async (entry: Row<Item>) => {
      const error = await this.#try([entry])
      if (error === undefined) return 'written'
      errors.set(entry, error)
      return 'failed'
    }
    const rest = async (others: readonly Row<Item>[]) => (await this.#try(others)) === undefined
    const faulty = await findFaulty(batch, { one, rest })
    for (const entry of faulty) {
      const [key] = entry
      const times = (this.#failedAlone.get(key) ?? 0) + 1
      this.#failedAlone.set(key, times)
      if (times >= MAX_FAILED_ALONE) this.#drop([entry], errors.get(entry))
    }
  }

  /** A late write may still succeed; it is retried like a transient failure. */
  #isPassing(error: unknown): boolean {
    return error instanceof LateWriteError || this.#options.isPassing(error)
  }

  /** Returns the error, if any. */
  async #try(batch: readonly Row<Item>[]): Promise<unknown> {
    try {
      await writeWithin(this.#options.write(batch.map(([, item]) => item)), WRITE_MS)
      this.#forget(batch)
      return undefined
    } catch (error) {
      return error ?? new Error('a write failed without saying why')
    }
  }

  #drop(entries: readonly Row<Item>[], error: unknown): void {
    this.#forget(entries)
    this.#options.onDrop(entries.length, error)
  }

  /** Removes the rows, unless a newer item has replaced them. */
  #forget(entries: readonly Row<Item>[]): void {
    for (const [key, item] of entries) {
      this.#failedAlone.delete(key)
      if (this.#waiting.get(key) === item) this.#waiting.delete(key)
    }
    this.#notifyWatchers()
  }

  #notifyWatchers(): void {
    for (const watcher of this.#watchers) {
      if ([...this.#waiting.values()].some(watcher.isMine)) continue
      this.#watchers.delete(watcher)
      watcher.resolve()
    }
  }
}
