import { createBackoff } from '../../lib/backoff.ts'
import { pause, within } from '../../lib/deadline.ts'
import { createSingleFlight } from '../../lib/single-flight.ts'
import { writeWithin } from '../../lib/write-tries.ts'
import { type AuditRow, BEGINNING, type ChainHash, type Details, LOST, type Unlinked } from './chain.ts'

/** An event that waits to be written; its pseudonyms may not be resolved yet. */
export type Entry = {
  readonly at: Date
  readonly event: string
  readonly actor: Promise<string | null> | null
  readonly subject: Promise<string | null> | null
  readonly address: string | null
  readonly details: Details
}

type Dependencies = {
  readonly chain: string
  readonly hash: ChainHash
  /** Writes all rows or none; must be idempotent. */
  readonly write: (rows: readonly AuditRow[]) => Promise<void>
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onLost: (count: number, reason: 'too many wait' | 'shutdown') => void
  /** Limit for stored rows that are kept in memory. */
  readonly maxKept?: number
}

const MAX_WAITING = 10_000
/** Stored rows are kept this long, to write them again if the database loses them. */
const KEPT_MS = 3_600_000
const MAX_KEPT = 5000
const BATCH = 200
/** Events within this time share a statement. Under many logins, one statement each would cost as much as the login. */
const GATHER_MS = 100
const WRITE_MS = 10_000
const PAUSES = { firstMs: 250, longestMs: 10_000 }

/**
 * The only writer of one chain. Callers do not wait for it. Rows get their place when they are written; a batch whose
 * commit was not confirmed is written again unchanged. While the database is unavailable, events beyond `MAX_WAITING`
 * are dropped and counted, and the count is written as a row.
 */
export class ChainWriter {
  readonly #deps: Dependencies
  readonly #waiting: Entry[] = []
  #kept: AuditRow[] = []
  readonly #stop = new AbortController()
  #last: Pick<AuditRow, 'place' | 'hash'> = { place: 0, hash: BEGINNING }
  #lastAt = 0
  #lost = 0
  readonly #writing = createSingleFlight(() => this.#run())

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** The last stored row. */
  get head(): Pick<AuditRow, 'place' | 'hash'> {
    return this.#last
  }

  /** The number of events that wait. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** The stored rows of the last hour at most, up to the head. */
  get recent(): readonly AuditRow[] {
    return this.#kept
  }

  add(entry: Entry): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lost++
      this.#deps.onLost(1, 'too many wait')
      return
    }
    this.#waiting.push(entry)
    void this.#writing.run()
  }

  /** True as soon as no event waits, false after `ms`. */
  async settled(ms: number): Promise<boolean> {
    const { current } = this.#writing
    return current === undefined || (await within(current, ms)) !== 'late'
  }

  /** Writes the waiting events, for at most `ms`. */
  async close(ms: number): Promise<void> {
    await this.settled(ms)
    this.#stop.abort()
    await this.#writing.current
    if (this.#waiting.length > 0) this.#deps.onLost(this.#waiting.splice(0).length, 'shutdown')
  }

  async #run(): Promise<void> {
    await pause(GATHER_MS, this.#stop.signal)
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const lost = this.#lost
      const entries = this.#waiting.slice(0, BATCH)
      const rows = this.#link([
        ...(await Promise.all(entries.map(resolvePseudonyms))),
        ...this.#createLossRows(lost),
      ])
      if (!(await this.#store(rows))) return
      this.#waiting.splice(0, entries.length)
      this.#lost -= lost
      this.#last = rows.at(-1) ?? this.#last
      this.#keep(rows)
    }
  }

  #keep(rows: readonly AuditRow[]): void {
    const { maxKept = MAX_KEPT } = this.#deps
    const oldest = Date.now() - KEPT_MS
    this.#kept = [...this.#kept.filter(({ at }) => at.getTime() >= oldest), ...rows].slice(-maxKept)
  }

  #createLossRows(lost: number): Unlinked[] {
    if (lost === 0) return []
    return [
      { at: new Date(), event: LOST, actor: null, subject: null, address: null, details: { count: lost } },
    ]
  }

  /** Times of a chain never decrease, even if the clock is set back, because retention deletes the first rows. */
  #link(unlinked: readonly Unlinked[]): AuditRow[] {
    let { place, hash: previous } = this.#last
    return unlinked.map((row) => {
      this.#lastAt = Math.max(this.#lastAt, row.at.getTime())
      const linked = this.#deps.hash.link({
        ...row,
        at: new Date(this.#lastAt),
        chain: this.#deps.chain,
        place: ++place,
        previous,
      })
      previous = linked.hash
      return linked
    })
  }

  /** Retries the same rows until they are stored; false after `close`. */
  async #store(rows: readonly AuditRow[]): Promise<boolean> {
    const backoff = createBackoff(PAUSES)
    for (;;) {
      try {
        await writeWithin(this.#deps.write(rows), WRITE_MS)
        return true
      } catch (error) {
        if (this.#stop.signal.aborted) return false
        this.#deps.onRetry(error, this.#waiting.length)
        await backoff.wait(this.#stop.signal)
      }
    }
  }
}

const resolvePseudonyms = async ({ actor, subject, ...rest }: Entry): Promise<Unlinked> => ({
  ...rest,
  actor: await actor,
  subject: await subject,
})
