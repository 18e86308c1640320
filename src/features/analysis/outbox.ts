import type { Orm } from '../../db/orm.ts'
import { pause, within } from '../../lib/deadline.ts'
import type { AnalysisRepository, NewWindowRow, ReceivedCount, Refinement } from './repository.ts'

type Entry = {
  readonly sessionId: string
  readonly bytes: number
  readonly settle: (stored: boolean) => void
} & (
  | { readonly kind: 'window'; readonly row: NewWindowRow }
  | { readonly kind: 'received'; readonly count: ReceivedCount }
  | { readonly kind: 'refined'; readonly refinement: Refinement }
)

type EntryContent<Kind extends Entry['kind']> = Omit<Extract<Entry, { kind: Kind }>, 'bytes' | 'settle'>

/** Why a result was never stored. */
export type DropReason = 'outbox_full' | 'refused_by_database' | 'shutdown'

type Dependencies = {
  readonly transaction: <T>(work: (orm: Orm) => Promise<T>) => Promise<T>
  readonly repository: AnalysisRepository
  /** Whether the same write may succeed later. */
  readonly isPassing: (error: unknown) => boolean
  /** Told of every change of how many entries wait. */
  readonly onWaiting: (count: number) => void
  readonly onStored: (rows: readonly NewWindowRow[]) => void
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onDrop: (reason: DropReason, sessionId: string, error?: unknown) => void
  readonly maxEntriesPerSession: number
  readonly maxBytes: number
}

const BATCH = 200
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 3000
/** What an entry takes beside its measures: the row's other fields and our own bookkeeping. */
const ENTRY_BYTES = 1024

/**
 * Writes results in order, many in one transaction, and keeps them while the database is away: at most
 * `maxEntriesPerSession` of one session and `maxBytes` in all. What the database refuses for good (its session has been
 * deleted) is dropped alone; every drop is told.
 */
export class Outbox {
  readonly #deps: Dependencies
  readonly #queue: Entry[] = []
  readonly #perSession = new Map<string, number>()
  readonly #stop = new AbortController()
  #bytes = 0
  #running: Promise<void> | undefined

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** Whether another result of this session might find no room: the moment to take no new work. */
  isFull(sessionId: string): boolean {
    const { maxBytes, maxEntriesPerSession } = this.#deps
    return this.#bytes >= maxBytes || (this.#perSession.get(sessionId) ?? 0) >= maxEntriesPerSession
  }

  /** True once the row is committed, false when it was dropped. Never rejects. */
  storeWindow(row: NewWindowRow): Promise<boolean> {
    return this.#add({ kind: 'window', sessionId: row.sessionId, row }, ENTRY_BYTES + row.measures.length)
  }

  addReceived(count: ReceivedCount): void {
    void this.#add({ kind: 'received', sessionId: count.sessionId, count }, ENTRY_BYTES)
  }

  storeRefinement(refinement: Refinement): void {
    void this.#add({ kind: 'refined', sessionId: refinement.sessionId, refinement }, ENTRY_BYTES)
  }

  /** Writes what is left, at most for `ms`, then gives up what could not be written or is still on its way. */
  async close(ms: number): Promise<void> {
    if (this.#running !== undefined) await within(this.#running, ms)
    this.#stop.abort()
    for (const entry of this.#queue.splice(0)) this.#finish(entry, 'shutdown')
  }

  #add(
    content: EntryContent<'window'> | EntryContent<'received'> | EntryContent<'refined'>,
    bytes: number,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      if (this.#stop.signal.aborted || this.isFull(content.sessionId)) {
        this.#deps.onDrop(this.#stop.signal.aborted ? 'shutdown' : 'outbox_full', content.sessionId)
        resolve(false)
        return
      }
      this.#queue.push({ ...content, bytes, settle: resolve })
      this.#bytes += bytes
      this.#perSession.set(content.sessionId, (this.#perSession.get(content.sessionId) ?? 0) + 1)
      this.#deps.onWaiting(this.#queue.length)
      this.#running ??= this.#run()
    })
  }

  async #run(): Promise<void> {
    // One turn of the event loop later, so that windows which close together share a transaction.
    await new Promise((resolve) => setImmediate(resolve))
    let retryMs = FIRST_RETRY_MS
    while (this.#queue.length > 0 && !this.#stop.signal.aborted) {
      const batch = this.#queue.slice(0, BATCH)
      const written = await this.#write(batch)
      if (written) {
        retryMs = FIRST_RETRY_MS
      } else {
        await pause(retryMs * (0.5 + Math.random()), this.#stop.signal)
        retryMs = Math.min(LAST_RETRY_MS, retryMs * 2)
      }
    }
    // In the same breath as the last look at the queue: what is added from now on starts another run.
    this.#running = undefined
  }

  /** False when the database is away and the batch has to be tried again. */
  async #write(batch: readonly Entry[]): Promise<boolean> {
    try {
      await this.#deps.transaction((orm) => this.#writeAll(orm, batch))
      if (this.#stop.signal.aborted) return true
    } catch (error) {
      if (this.#stop.signal.aborted) return true
      if (this.#deps.isPassing(error)) {
        this.#deps.onRetry(error, this.#queue.length)
        return false
      }
      return this.#writeApart(batch, error)
    }
    this.#leave(batch)
    return true
  }

  /** One entry of a refused batch is at fault: each alone shows which. */
  async #writeApart(batch: readonly Entry[], error: unknown): Promise<boolean> {
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      this.#queue.shift()
      this.#finish(only, 'refused_by_database', error)
      return true
    }
    for (const entry of batch) if (!(await this.#write([entry]))) return false
    return true
  }

  async #writeAll(orm: Orm, batch: readonly Entry[]): Promise<void> {
    const { repository } = this.#deps
    await repository.insertWindows(
      orm,
      batch.flatMap((entry) => (entry.kind === 'window' ? [entry.row] : [])),
    )
    await repository.updateReceived(
      orm,
      batch.flatMap((entry) => (entry.kind === 'received' ? [entry.count] : [])),
    )
    for (const entry of batch)
      if (entry.kind === 'refined') await repository.updateRefined(orm, entry.refinement)
  }

  /** Takes the written entries off the head of the queue. */
  #leave(batch: readonly Entry[]): void {
    this.#queue.splice(0, batch.length)
    for (const entry of batch) this.#finish(entry)
    this.#deps.onStored(batch.flatMap((entry) => (entry.kind === 'window' ? [entry.row] : [])))
  }

  #finish(entry: Entry, dropped?: DropReason, error?: unknown): void {
    this.#bytes -= entry.bytes
    const left = (this.#perSession.get(entry.sessionId) ?? 1) - 1
    if (left > 0) this.#perSession.set(entry.sessionId, left)
    else this.#perSession.delete(entry.sessionId)
    this.#deps.onWaiting(this.#queue.length)
    if (dropped !== undefined) this.#deps.onDrop(dropped, entry.sessionId, error)
    entry.settle(dropped === undefined)
  }
}
