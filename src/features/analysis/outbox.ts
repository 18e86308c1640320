import { pause, within } from '../../lib/deadline.ts'
import type {
  AnalysisRepository,
  AnswerRow,
  Client,
  DeliveredWindow,
  Fence,
  Fenced,
  NewWindowRow,
  ReceivedCount,
  Refinement,
  Verdict,
  WindowWrite,
} from './repository.ts'

/** One write that waits for the database. */
export type OutboxContent =
  | { readonly kind: 'window'; readonly write: WindowWrite }
  /** `whole`: the window with its answer, to be stored when the row that was stored at its close is not there. */
  | { readonly kind: 'answer'; readonly write: Fenced<AnswerRow>; readonly whole: () => WindowWrite }
  | { readonly kind: 'delivered'; readonly write: DeliveredWindow }
  | { readonly kind: 'received'; readonly write: ReceivedCount }
  | { readonly kind: 'refined'; readonly write: Refinement }

type WriteOf<Kind extends OutboxContent['kind']> = Extract<OutboxContent, { kind: Kind }>['write']

/**
 * What became of a write: `stored`; `refused` because the session has another owner by now, is gone, or the row was
 * there already; `dropped` because there was no room or no time.
 */
export type WriteResult = 'stored' | 'refused' | 'dropped'

type SessionLease = { readonly sessionId: string } & Fence

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
  readonly onStored: (contents: readonly OutboxContent[]) => void
  readonly onRetry: (error: unknown, waiting: number) => void
  readonly onDrop: (reason: DropReason, sessionId: string, error?: unknown) => void
  /** Whether the lease of a write is still held, as far as is known here. */
  readonly holds: (lease: SessionLease) => boolean
  /** Another owner has the session. */
  readonly onLost: (lease: SessionLease) => void
  /** The database has lost a claim of ours: has the leases set right. Never rejects. */
  readonly onBehind: () => Promise<void>
  /** The results of a session have waited for long because another transaction has locked its row. */
  readonly onLocked: (sessionId: string) => void
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
/** Pauses between tries while a session's row is locked. */
const FIRST_REST_MS = 25
const LAST_REST_MS = 1000
/** So many tries are some seconds. */
const LONG_RESTS = 10
/** What an entry takes beside its measures: the row's other fields and our own bookkeeping. */
const ENTRY_BYTES = 1024

const leaseOf = ({ write: { owner, epoch } }: OutboxContent): Fence => ({ owner, epoch })

const keyOf = (content: OutboxContent) => {
  if (content.kind === 'received') return { ...content.write, window: content.write.epoch }
  return 'row' in content.write ? content.write.row : content.write
}

const sessionOf = (content: OutboxContent): string =>
  'row' in content.write ? content.write.row.sessionId : content.write.sessionId

/** Said of a result that is not written in the end; of a window without its answer, that one says it. */
const isResult = (entry: OutboxContent): boolean =>
  entry.kind === 'answer' || (entry.kind === 'window' && entry.write.row.answeredAt !== null)

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
  /** Sessions whose rows are locked by others, or behind, with the number of tries. */
  readonly #tries = new Map<string, number>()
  readonly #resting = new Set<string>()
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
      this.#start()
    })
  }

  /** Drops what waits of the session: it is not to be stored. A write that is on its way is not tried again. */
  discard(sessionId: string): void {
    if (this.#busy.has(sessionId)) {
      this.#unwanted.add(sessionId)
      return
    }
    this.#tries.delete(sessionId)
    const unwanted = this.#queue.filter((entry) => entry.sessionId === sessionId)
    this.#remove(unwanted)
    for (const entry of unwanted) this.#finish(entry, 'refused')
  }

  /** What of the session's windows is ours and not written yet, in order. */
  waiting(sessionId: string): (NewWindowRow | AnswerRow)[] {
    return this.#queue.flatMap((entry) =>
      entry.sessionId === sessionId &&
      (entry.kind === 'window' || entry.kind === 'answer') &&
      this.#deps.holds({ sessionId, ...leaseOf(entry) })
        ? [entry.write.row]
        : [],
    )
  }

  /** Of how many sessions results have waited for some seconds because their rows are locked by others. */
  get lockedSessions(): number {
    return [...this.#tries.values()].filter((tries) => tries >= LONG_RESTS).length
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
    if (this.#open >= (this.#isAway ? 1 : LANES)) return
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
      for (const { sessionId } of batch) if (!this.#resting.has(sessionId)) this.#free(sessionId)
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

  #free(sessionId: string): void {
    this.#busy.delete(sessionId)
    if (this.#unwanted.delete(sessionId)) this.discard(sessionId)
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
    let verdicts: ReadonlyMap<Entry, Verdict>
    try {
      const kinds = new Set(batch.map(({ kind }) => kind))
      verdicts = await this.#deps.transaction(kinds.size, (client) => this.#writeAll(client, batch))
      if (this.#stop.signal.aborted) return true
    } catch (error) {
      if (this.#stop.signal.aborted) return true
      if (this.#deps.isPassing(error)) {
        this.#deps.onRetry(error, this.#count)
        return false
      }
      return this.#writeApart(batch, error)
    }
    await this.#conclude(batch, verdicts)
    return true
  }

  /** What is decided leaves. What is not stays in its place, with all of its session that comes after it. */
  async #conclude(batch: readonly Entry[], verdicts: ReadonlyMap<Entry, Verdict>): Promise<void> {
    const again = new Set<string>()
    const resting = new Set<string>()
    const behind = new Set(
      batch.filter(
        (entry) =>
          verdicts.get(entry) === 'behind' &&
          this.#deps.holds({ sessionId: entry.sessionId, ...leaseOf(entry) }),
      ),
    )
    const decided = batch.filter((entry) => {
      const { sessionId } = entry
      const verdict = verdicts.get(entry)
      if (behind.has(entry) || verdict === 'locked') resting.add(sessionId)
      // To write them twice is to write them once, but for frames that are counted.
      else if (!(again.has(sessionId) && entry.kind !== 'received') && !this.#isReplaced(entry, verdict))
        return true
      again.add(sessionId)
      return false
    })
    this.#remove(decided)
    for (const entry of decided) this.#decide(entry, verdicts.get(entry) ?? 'stored')
    this.#deps.onStored(decided.filter((entry) => (verdicts.get(entry) ?? 'stored') === 'stored'))
    if (behind.size > 0) await this.#deps.onBehind()
    for (const { sessionId } of decided) if (!again.has(sessionId)) this.#tries.delete(sessionId)
    for (const sessionId of resting) this.#rest(sessionId)
  }

  #decide(entry: Entry, verdict: Verdict): void {
    const { sessionId } = entry
    if (verdict === 'lost') this.#deps.onLost({ sessionId, ...leaseOf(entry) })
    if (verdict !== 'stored' && isResult(entry)) this.#deps.onDrop('not_ours', sessionId)
    this.#finish(entry, verdict === 'stored' ? 'stored' : 'refused')
  }

  /** The row of an answered window is not there, though it was: then the window is stored whole. */
  #isReplaced(entry: Entry, verdict: Verdict | undefined): boolean {
    if (entry.kind !== 'answer' || verdict !== 'missing') return false
    const { sessionId, settle } = entry
    const write = this.#wholeOf(entry.whole)
    if (write === undefined) return false
    const content = { kind: 'window', write } as const
    const whole: Entry = { ...content, sessionId, bytes: bytesOf(content), settle, failedAlone: 0 }
    this.#queue[this.#queue.indexOf(entry)] = whole
    this.#bytes += whole.bytes - entry.bytes
    this.#windows.set(sessionId, (this.#windows.get(sessionId) ?? 0) + 1)
    return true
  }

  #wholeOf(make: () => WindowWrite): WindowWrite | undefined {
    try {
      return make()
    } catch {
      return undefined // it is refused as it is
    }
  }

  /** Leaves what waits of the session alone for a moment, longer each time; others go on. */
  #rest(sessionId: string): void {
    const tries = (this.#tries.get(sessionId) ?? 0) + 1
    this.#tries.set(sessionId, tries)
    this.#resting.add(sessionId)
    if (tries === LONG_RESTS) this.#deps.onLocked(sessionId)
    const waitMs = Math.min(LAST_REST_MS, FIRST_REST_MS * 2 ** Math.min(tries, LONG_RESTS))
    const rest = pause(waitMs, this.#stop.signal).then(() => {
      this.#resting.delete(sessionId)
      this.#free(sessionId)
      this.#lanes.delete(rest)
      this.#start()
    })
    this.#lanes.add(rest)
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
    for (const entry of batch) {
      if (this.#resting.has(entry.sessionId)) continue
      if (!(await this.#write([entry]))) return false
    }
    return true
  }

  /** Stores what can be stored when an entry of the batch fails again and again; what only fails itself is dropped in the end. */
  async #writeOthers(batch: readonly Entry[]): Promise<void> {
    const failed = new Map<string, Entry>()
    let isAnyStored = false
    for (const entry of batch) {
      if (failed.has(entry.sessionId) || this.#resting.has(entry.sessionId)) continue // the order of its session
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
  async #writeAll(client: Client, batch: readonly Entry[]): Promise<ReadonlyMap<Entry, Verdict>> {
    const { repository } = this.#deps
    const of = <Kind extends Entry['kind']>(kind: Kind) =>
      batch.filter((entry) => entry.kind === kind).map(({ write }) => write as WriteOf<Kind>) // as the kind says
    const [window, answer, received, delivered, refined] = await Promise.all([
      repository.insertWindows(client, of('window')),
      repository.updateAnswers(client, of('answer')),
      repository.updateReceived(client, of('received')),
      repository.updateDelivered(client, of('delivered')),
      repository.updateRefined(client, of('refined')),
    ])
    const verdicts = { window, answer, received, delivered, refined }
    return new Map(
      batch.flatMap((entry) => {
        const verdict = verdicts[entry.kind].get(repository.keyOf(keyOf(entry)))
        return verdict === undefined ? [] : [[entry, verdict] as const]
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
