import { pause, within } from './deadline.ts'

type Options<Item> = {
  /** Writes all of them or none; writing one a second time must change nothing. */
  readonly write: (items: readonly Item[]) => Promise<void>
  /** Whether the same write may succeed later. */
  readonly isPassing: (error: unknown) => boolean
  /** Beyond this the oldest are dropped. */
  readonly maxWaiting: number
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onDrop: (count: number, error: unknown) => void
}

type Watcher<Item> = { readonly isMine: (item: Item) => boolean; readonly resolve: () => void }

const BATCH = 100
const WRITE_MS = 10_000
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 10_000

class LateWriteError extends Error {
  constructor() {
    super('a write was not answered in time')
    this.name = 'LateWriteError'
  }
}

/** Rows that nobody waits for: written one batch after the other, again while the database is away, never without bound. */
export class WriteBehind<Item> {
  readonly #options: Options<Item>
  readonly #waiting = new Map<string, Item>()
  readonly #watchers = new Set<Watcher<Item>>()
  readonly #closing = new AbortController()
  #flight: Promise<void> | undefined

  constructor(options: Options<Item>) {
    this.#options = options
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Takes an item; a waiting one with the same key is replaced by it. */
  add(key: string, item: Item): void {
    this.#waiting.delete(key)
    this.#waiting.set(key, item)
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > this.#options.maxWaiting && oldest !== undefined) {
      this.#waiting.delete(oldest)
      this.#tellWatchers()
      this.#options.onDrop(1, new RangeError('too many rows wait for the database'))
    }
    this.#flight ??= this.#run().finally(() => {
      this.#flight = undefined
    })
  }

  /** Resolves when none of these waits any more, be it written or dropped; however long that takes. */
  settled(isMine: (item: Item) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.add({ isMine, resolve })
      this.#tellWatchers()
    })
  }

  /** Writes what is left, for at most `ms`; what fails now is dropped. */
  async close(ms: number): Promise<void> {
    this.#closing.abort()
    if (this.#flight !== undefined) await within(this.#flight, ms)
  }

  async #run(): Promise<void> {
    await Promise.resolve() // whoever adds several at once has them in one batch
    let retryMs = FIRST_RETRY_MS
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH)
      const error = await this.#try(batch)
      if (error === undefined) {
        retryMs = FIRST_RETRY_MS
      } else if (this.#options.isPassing(error) || error instanceof LateWriteError) {
        if (this.#closing.signal.aborted) {
          this.#drop([...this.#waiting], error)
          return
        }
        this.#options.onRetry(error, this.#waiting.size)
        await pause(retryMs, this.#closing.signal)
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
      } else await this.#writeApart(batch)
    }
  }

  /** One bad row must not take its neighbours with it. */
  async #writeApart(batch: readonly (readonly [string, Item])[]): Promise<void> {
    for (const entry of batch) {
      const error = await this.#try([entry])
      if (error === undefined) continue
      if (this.#options.isPassing(error) || error instanceof LateWriteError) return
      this.#drop([entry], error)
    }
  }

  async #try(batch: readonly (readonly [string, Item])[]): Promise<unknown> {
    try {
      const done = await within(this.#options.write(batch.map(([, item]) => item)), WRITE_MS)
      if (done === 'late') return new LateWriteError()
      this.#forget(batch)
      return undefined
    } catch (error) {
      return error ?? new Error('a write failed without saying why')
    }
  }

  #drop(entries: readonly (readonly [string, Item])[], error: unknown): void {
    this.#forget(entries)
    this.#options.onDrop(entries.length, error)
  }

  /** Unless something newer has taken its place meanwhile. */
  #forget(entries: readonly (readonly [string, Item])[]): void {
    for (const [key, item] of entries) if (this.#waiting.get(key) === item) this.#waiting.delete(key)
    this.#tellWatchers()
  }

  #tellWatchers(): void {
    for (const watcher of this.#watchers) {
      if ([...this.#waiting.values()].some(watcher.isMine)) continue
      this.#watchers.delete(watcher)
      watcher.resolve()
    }
  }
}
