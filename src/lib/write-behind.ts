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
/** After so many failures the rows of a batch are tried one by one: one of them may be the reason. */
const APART_AFTER = 3
/** So many failures without a success: the reason is not in a row. */
const MOST_FAILED = 8
/** Some ten minutes of tries in which others were written. */
const MOST_FAILED_ALONE = 60

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
  /** Tries in which a row failed although others were written. */
  readonly #failedAlone = new Map<string, number>()
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
    let failures = 0
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH)
      const error = await this.#try(batch)
      if (error === undefined) {
        retryMs = FIRST_RETRY_MS
        failures = 0
      } else if (this.#options.isPassing(error) || error instanceof LateWriteError) {
        if (this.#closing.signal.aborted) {
          this.#drop([...this.#waiting], error)
          return
        }
        this.#options.onRetry(error, this.#waiting.size)
        if (++failures >= APART_AFTER && batch.length > 1) await this.#writeOthers(batch)
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

  /** Writes what can be written when a row fails again and again; what only fails itself is dropped in the end. */
  async #writeOthers(batch: readonly (readonly [string, Item])[]): Promise<void> {
    const failed: { entry: readonly [string, Item]; error: unknown }[] = []
    let isAnyWritten = false
    for (const entry of batch) {
      const error = await this.#try([entry])
      if (error === undefined) isAnyWritten = true
      else failed.push({ entry, error })
      if (!isAnyWritten && failed.length >= MOST_FAILED) return
    }
    if (!isAnyWritten) return
    for (const { entry, error } of failed) {
      const times = (this.#failedAlone.get(entry[0]) ?? 0) + 1
      this.#failedAlone.set(entry[0], times)
      if (times >= MOST_FAILED_ALONE) this.#drop([entry], error)
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
    for (const [key, item] of entries) {
      this.#failedAlone.delete(key)
      if (this.#waiting.get(key) === item) this.#waiting.delete(key)
    }
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
