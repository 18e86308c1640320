import { pause, within } from '../../lib/deadline.ts'
import { type AuditRow, BEGINNING, type ChainHash, type Details, LOST, type Unlinked } from './chain.ts'

/** Something that happened, on its way to a row: its pseudonyms may still have to be asked for. */
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
  /** Writes all of them or none; writing them a second time must change nothing. */
  readonly write: (rows: readonly AuditRow[]) => Promise<void>
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onLost: (count: number) => void
  /** Stored rows that are kept in memory at most. */
  readonly maxKept?: number
}

const MOST_WAITING = 10_000
/** What is stored is kept so long, to be written again should the database lose it. */
const KEPT_MS = 3_600_000
const MAX_KEPT = 5000
const BATCH = 200
/** What is told within so long shares a statement: under a rush of logins one each would cost as much as the login. */
const GATHER_MS = 100
const WRITE_MS = 10_000
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 10_000

class LateWriteError extends Error {
  constructor() {
    super('the audit trail was not written in time')
    this.name = 'LateWriteError'
  }
}

/**
 * The one writer of one chain. Nobody waits for it; rows get their place when they are written, and a batch whose commit
 * was not confirmed is written again as it was. What finds no room while the database is away is counted, and the
 * count becomes a row.
 */
export class ChainWriter {
  readonly #deps: Dependencies
  readonly #waiting: Entry[] = []
  #kept: AuditRow[] = []
  readonly #stop = new AbortController()
  #last: Pick<AuditRow, 'place' | 'hash'> = { place: 0, hash: BEGINNING }
  #lastAt = 0
  #lost = 0
  #flight: Promise<void> | undefined

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** The last row that is stored. */
  get head(): Pick<AuditRow, 'place' | 'hash'> {
    return this.#last
  }

  /** The last rows that are stored, of an hour at most, up to the head. */
  get recent(): readonly AuditRow[] {
    return this.#kept
  }

  add(entry: Entry): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#lost++
      this.#deps.onLost(1)
      return
    }
    this.#waiting.push(entry)
    this.#flight ??= this.#run().finally(() => {
      this.#flight = undefined
    })
  }

  /** True as soon as nothing waits any more, false after `ms`. */
  async settled(ms: number): Promise<boolean> {
    return this.#flight === undefined || (await within(this.#flight, ms)) !== 'late'
  }

  /** Writes what is left, for at most `ms`. */
  async close(ms: number): Promise<void> {
    await this.settled(ms)
    this.#stop.abort()
    await this.#flight
    if (this.#waiting.length > 0) this.#deps.onLost(this.#waiting.splice(0).length)
  }

  async #run(): Promise<void> {
    await pause(GATHER_MS, this.#stop.signal)
    while (this.#waiting.length > 0 && !this.#stop.signal.aborted) {
      const lost = this.#lost
      const entries = this.#waiting.slice(0, BATCH)
      const rows = this.#link([...(await Promise.all(entries.map(named))), ...this.#confess(lost)])
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

  #confess(lost: number): Unlinked[] {
    if (lost === 0) return []
    return [
      { at: new Date(), event: LOST, actor: null, subject: null, address: null, details: { count: lost } },
    ]
  }

  /** Times of one chain never fall, whatever the clock does: old rows are the first ones of their chain. */
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

  /** The same rows again until they are stored; false when there is no time left. */
  async #store(rows: readonly AuditRow[]): Promise<boolean> {
    let retryMs = FIRST_RETRY_MS
    for (;;) {
      try {
        if ((await within(this.#deps.write(rows), WRITE_MS)) !== 'late') return true
        throw new LateWriteError()
      } catch (error) {
        if (this.#stop.signal.aborted) return false
        this.#deps.onRetry(error, this.#waiting.length)
        await pause(retryMs, this.#stop.signal)
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS)
      }
    }
  }
}

const named = async ({ actor, subject, ...rest }: Entry): Promise<Unlinked> => ({
  ...rest,
  actor: await actor,
  subject: await subject,
})
