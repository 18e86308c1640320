import { pause, within } from '../../lib/deadline.ts'
import type {
  AnalysisRepository,
  AnswerRow,
  Client,
  Fenced,
  NewWindowRow,
  ReceivedCount,
  Refinement,
  WindowWrite,
} from './repository.ts'

/** One write that waits for the database. */
export type OutboxContent =
  | { readonly kind: 'window'; readonly write: WindowWrite }
  | { readonly kind: 'answer'; readonly write: Fenced<AnswerRow> }
  | { readonly kind: 'delivered'; readonly write: { readonly sessionId: string; readonly window: number } }
  | { readonly kind: 'received'; readonly write: ReceivedCount }
  | { readonly kind: 'refined'; readonly write: Refinement }

type WriteOf<Kind extends OutboxContent['kind']> = Extract<OutboxContent, { kind: Kind }>['write']

/**
 * What became of a write: `stored`; `refused` because the session has another owner by now, is gone, or the row was
 * there already; `dropped` because there was no room or no time.
 */
export type WriteResult = 'stored' | 'refused' | 'dropped'

type Entry = OutboxContent & {
  readonly sessionId: string
  readonly bytes: number
  readonly settle: (result: WriteResult) => void
  /** Tries in which it failed although others were stored. */
  failedAlone: number
}

/** Why a result was never stored; `not_ours`: its session has another owner by now, or is gone. */
export type DropReason = 'outbox_full' | 'refused_by_database' | 'not_ours' | 'shutdown'

export type OutboxRepository = Pick<
  AnalysisRepository,
  'insertWindows' | 'keyOf' | 'updateAnswers' | 'updateDelivered' | 'updateReceived' | 'updateRefined'
>

type Dependencies = {
  /** Carries out this many statements, all or none; `work` sends them in order without waiting in between. */
  readonly transaction: <T>(statements: number, work: (client: Client) => Promise<T>) => Promise<T>
  readonly repository: OutboxRepository
  /** Whether the same write may succeed later. */
  readonly isPassing: (error: unknown) => boolean
  /** Told of every change of how many entries wait. */
  readonly onWaiting: (count: number) => void
  readonly onStored: (rows: readonly NewWindowRow[]) => void
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onDrop: (reason: DropReason, sessionId: string, error?: unknown) => void
  readonly maxWindowsPerSession: number
  readonly maxBytes: number
}

const BATCH = 200
/** Batches on their way at once: a window does not wait for the commit of another session's. */
const LANES = 3
const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 3000
/** After so many failures of a batch its entries are tried one by one: one of them may be the reason. */
const APART_AFTER = 3
/** So many failures without a success: the reason is not in an entry. */
const MOST_FAILED = 8
/** Some five minutes of tries in which others were stored. */
const MOST_FAILED_ALONE = 100
/** What an entry takes beside its measures: the row's other fields and our own bookkeeping. */
const ENTRY_BYTES = 1024

const sessionOf = (content: OutboxContent): string =>
  'row' in content.write ? content.write.row.sessionId : content.write.sessionId

const bytesOf = (content: OutboxContent): number =>
  ENTRY_BYTES +
  (content.kind === 'window' ? content.write.row.measures.length + (content.write.learnt?.length ?? 0) : 0)

/**
 * Writes results in order, many at once, and keeps them while the database is away: at most
 * `maxWindowsPerSession` windows of one session and `maxBytes` in all. What the database refuses for good is dropped
 * alone; every drop is told.
 */
export class Outbox {
  readonly #deps: Dependencies
  #queue: Entry[] = []
  readonly #windows = new Map<string, number>()
  readonly #stop = new AbortController()
  readonly #lanes = new Set<Promise<void>>()
  #open = 0
  /** Sessions of which something is being written: what comes after it waits. */
  readonly #busy = new Set<string>()
  /** Those of them of which nothing is to be tried again. */
  readonly #unwanted = new Set<string>()
  #count = 0
  #bytes = 0
  #isAway = false

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
  }

  /** Whether another result of this session might find no room: the moment to take no new work. */
  isFull(sessionId: string): boolean {
    const { maxBytes, maxWindowsPerSession } = this.#deps
    return this.#bytes >= maxBytes || (this.#windows.get(sessionId) ?? 0) >= maxWindowsPerSession
  }

  /** Resolves when it is known what became of the write; never rejects. */
  write(content: OutboxContent): Promise<WriteResult> {
    return new Promise((resolve) => {
      const sessionId = sessionOf(content)
      const closed = this.#stop.signal.aborted
      const noRoom = content.kind === 'window' ? this.isFull(sessionId) : this.#bytes >= this.#deps.maxBytes
      if (closed || noRoom) {
        this.#deps.onDrop(closed ? 'shutdown' : 'outbox_full', sessionId)
        resolve('dropped')
        return
      }
      const entry = { ...content, sessionId, bytes: bytesOf(content), settle: resolve, failedAlone: 0 }
      this.#queue.push(entry)
      this.#bytes += entry.bytes
      if (content.kind === 'window') this.#windows.set(sessionId, (this.#windows.get(sessionId) ?? 0) + 1)
      this.#deps.onWaiting(++this.#count)
      if (this.#open < (this.#isAway ? 1 : LANES)) this.#start()
    })
  }

  /** Drops what waits of the session: it is not to be stored. A write that is on its way is not tried again. */
  discard(sessionId: string): void {
    if (this.#busy.has(sessionId)) {
      this.#unwanted.add(sessionId)
      return
    }
    const unwanted = this.#queue.filter((entry) => entry.sessionId === sessionId)
    this.#remove(unwanted)
    for (const entry of unwanted) this.#finish(entry, 'refused')
  }

  /** Resolves when nothing waits any more, at the latest after `ms`. */
  async settled(ms: number): Promise<void> {
    await within(this.#settle(), ms)
  }

  /** Writes what is left, at most for `ms`, then gives up what could not be written or is still on its way. */
  async close(ms: number): Promise<void> {
    await this.settled(ms)
    this.#stop.abort()
    for (const entry of this.#queue.splice(0)) this.#drop(entry, 'shutdown')
  }

  async #settle(): Promise<void> {
    while (this.#lanes.size > 0) await Promise.all(this.#lanes)
  }

  #start(): void {
    this.#open++
    const lane = this.#run().finally(() => this.#lanes.delete(lane))
    this.#lanes.add(lane)
  }

  async #run(): Promise<void> {
    // One turn of the event loop later, so that windows which close together share a statement.
    await new Promise((resolve) => setImmediate(resolve))
    let retryMs = FIRST_RETRY_MS
    let failures = 0
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      this.#isAway = !(await this.#write(batch))
      failures = this.#isAway ? failures + 1 : 0
      if (failures >= APART_AFTER && batch.length > 1) await this.#writeOthers(batch)
      for (const { sessionId } of batch) {
        this.#busy.delete(sessionId)
        if (this.#unwanted.delete(sessionId)) this.discard(sessionId)
      }
      if (!this.#isAway) {
        retryMs = FIRST_RETRY_MS
        continue
      }
      if (this.#open > 1) break // one is enough to find out when the database is back
      await pause(retryMs * (0.5 + Math.random()), this.#stop.signal)
      retryMs = Math.min(LAST_RETRY_MS, retryMs * 2)
    }
    // In the same breath as the last look at the queue: what is added from now on starts another lane.
    this.#open--
  }

  /** The next entries in order, but for those of sessions that are being written. */
  #take(): Entry[] {
    if (this.#stop.signal.aborted) return []
    const isFree = ({ sessionId }: Entry) => !this.#busy.has(sessionId)
    const batch = this.#queue.filter(isFree).slice(0, BATCH)
    for (const { sessionId } of batch) this.#busy.add(sessionId)
    return batch
  }

  /** False when the database is away and the batch has to be tried again. */
  async #write(batch: readonly Entry[]): Promise<boolean> {
    let stored: ReadonlySet<Entry>
    try {
      const kinds = new Set(batch.map(({ kind }) => kind))
      stored = await this.#deps.transaction(kinds.size, (client) => this.#writeAll(client, batch))
      if (this.#stop.signal.aborted) return true
    } catch (error) {
      if (this.#stop.signal.aborted) return true
      if (this.#deps.isPassing(error)) {
        this.#deps.onRetry(error, this.#count)
        return false
      }
      return this.#writeApart(batch, error)
    }
    this.#remove(batch)
    for (const entry of batch) {
      const isStored = stored.has(entry)
      if (!isStored && entry.kind === 'window') this.#deps.onDrop('not_ours', entry.sessionId)
      this.#finish(entry, isStored ? 'stored' : 'refused')
    }
    this.#deps.onStored(
      batch.flatMap((entry) => (entry.kind === 'window' && stored.has(entry) ? [entry.write.row] : [])),
    )
    return true
  }

  #remove(batch: readonly Entry[]): void {
    const done = new Set(batch)
    this.#queue = this.#queue.filter((entry) => !done.has(entry))
  }

  /** One entry of a refused batch is at fault: each alone shows which. */
  async #writeApart(batch: readonly Entry[], error: unknown): Promise<boolean> {
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      this.#remove(batch)
      this.#drop(only, 'refused_by_database', error)
      return true
    }
    for (const entry of batch) if (!(await this.#write([entry]))) return false
    return true
  }

  /** Stores what can be stored when an entry of the batch fails again and again; what only fails itself is dropped in the end. */
  async #writeOthers(batch: readonly Entry[]): Promise<void> {
    const failed = new Map<string, Entry>()
    let isAnyStored = false
    for (const entry of batch) {
      if (failed.has(entry.sessionId)) continue // the order of its session
      if (await this.#write([entry])) isAnyStored = true
      else failed.set(entry.sessionId, entry)
      if (!isAnyStored && failed.size >= MOST_FAILED) return
    }
    if (!isAnyStored) return
    for (const entry of failed.values()) {
      if (++entry.failedAlone < MOST_FAILED_ALONE) continue
      this.#remove([entry])
      this.#drop(entry, 'refused_by_database')
    }
  }

  /** Kind by kind: a window always comes before what is said about it. */
  async #writeAll(client: Client, batch: readonly Entry[]): Promise<ReadonlySet<Entry>> {
    const { repository } = this.#deps
    const of = <Kind extends Entry['kind']>(kind: Kind) =>
      batch.filter((entry) => entry.kind === kind).map(({ write }) => write as WriteOf<Kind>) // as the kind says
    const [windows, answers] = await Promise.all([
      repository.insertWindows(client, of('window')),
      repository.updateAnswers(client, of('answer')),
      repository.updateReceived(client, of('received')),
      repository.updateDelivered(client, of('delivered')),
      repository.updateRefined(client, of('refined')),
    ])
    return new Set(
      batch.filter((entry) => {
        if (entry.kind === 'window') return windows.has(repository.keyOf(entry.write.row))
        return entry.kind !== 'answer' || answers.has(repository.keyOf(entry.write.row))
      }),
    )
  }

  #drop(entry: Entry, reason: DropReason, error?: unknown): void {
    if (entry.kind !== 'delivered') this.#deps.onDrop(reason, entry.sessionId, error)
    this.#finish(entry, 'dropped')
  }

  #finish(entry: Entry, result: WriteResult): void {
    this.#bytes -= entry.bytes
    if (entry.kind === 'window') {
      const left = (this.#windows.get(entry.sessionId) ?? 1) - 1
      if (left > 0) this.#windows.set(entry.sessionId, left)
      else this.#windows.delete(entry.sessionId)
    }
    this.#deps.onWaiting(--this.#count)
    entry.settle(result)
  }
}
