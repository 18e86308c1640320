import { createBackoff } from '../../lib/backoff.ts'
import { pause, within } from '../../lib/deadline.ts'
import { FAILURES_BEFORE_APART, findFaulty } from '../../lib/write-tries.ts'
import { type OutboxRepository, planBatch } from './outbox-batch.ts'
import type { DropReason, OutboxDependencies } from './outbox-dependencies.ts'
import { LockedSessions } from './locked-sessions.ts'
import { isResult, leaseOf, type OutboxContent, sessionOf } from './outbox-content.ts'
import { type Entry, OutboxQueue, type WriteResult } from './outbox-queue.ts'
import type { AnswerRow, NewWindowRow, Verdict, WindowWrite } from './repository.ts'

export type { DropReason, OutboxContent, OutboxRepository, WriteResult }

const BATCH = 200
/** Batches in progress at once: a window does not wait for the commit of another session's. */
const LANES = 3
/** The longest decides how long after the return of the database the first result is stored. */
const PAUSES = { firstMs: 100, longestMs: 500, isSpread: true }
/** Some five minutes of tries in which others were stored. */
const MAX_FAILED_ALONE = 600

/**
 * Writes results in order, many at once, and keeps them while the database is away: at most
 * `maxWindowsPerSession` windows of one session and `maxBytes` in all. Only an entry that the database refuses
 * permanently is dropped; each drop is reported.
 */
export class Outbox {
  readonly #deps: OutboxDependencies
  readonly #queue: OutboxQueue
  readonly #stop = new AbortController()
  readonly #lanes = new Set<Promise<void>>()
  #open = 0
  /** Sessions of which something is being written: what comes after it waits. */
  readonly #busy = new Set<string>()
  /** Those of them of which nothing is to be tried again. */
  readonly #unwanted = new Set<string>()
  readonly #locked: LockedSessions
  #isAway = false

  constructor(dependencies: OutboxDependencies) {
    this.#deps = dependencies
    this.#queue = new OutboxQueue(dependencies)
    this.#locked = new LockedSessions(dependencies.onLocked)
  }

  /** Whether another result of this session might be dropped: new work is not accepted then. */
  isFull(sessionId: string): boolean {
    return this.#queue.isFull(sessionId)
  }

  /** Resolves when it is known what became of the write; never rejects. */
  write(content: OutboxContent): Promise<WriteResult> {
    return new Promise((resolve) => {
      const closed = this.#stop.signal.aborted
      if (closed || !this.#queue.hasRoomFor(content)) {
        this.#deps.onDrop(closed ? 'shutdown' : 'outbox_full', sessionOf(content))
        resolve('dropped')
        return
      }
      this.#queue.add(content, resolve)
      this.#start()
    })
  }

  /** Drops what waits of the session: it is not to be stored. A write that is on its way is not tried again. */
  discard(sessionId: string): void {
    if (this.#busy.has(sessionId)) {
      this.#unwanted.add(sessionId)
      return
    }
    this.#locked.resetTries(sessionId)
    const unwanted = this.#queue.listOfSession(sessionId)
    this.#queue.remove(unwanted)
    for (const entry of unwanted) this.#queue.settle(entry, 'refused')
  }

  /** What of the session's windows is ours and not written yet, in order. */
  waiting(sessionId: string): (NewWindowRow | AnswerRow)[] {
    return this.#queue
      .listOfSession(sessionId)
      .flatMap((entry) =>
        (entry.kind === 'window' || entry.kind === 'answer') &&
        this.#deps.holds({ sessionId, ...leaseOf(entry) })
          ? [entry.write.row]
          : [],
      )
  }

  /** Of how many sessions results have waited for some seconds because their rows are locked by others. */
  get lockedSessions(): number {
    return this.#locked.longLocked
  }

  /** How long each entry has waited, ms. */
  get ages(): number[] {
    return this.#queue.ages
  }

  /** Resolves when nothing waits, at the latest after `ms`. */
  async settled(ms: number): Promise<void> {
    await within(this.#settle(), ms)
  }

  /** Writes what is left, at most for `ms`, then gives up what could not be written or is still on its way. */
  async close(ms: number): Promise<void> {
    await this.settled(ms)
    this.#stop.abort()
    for (const entry of this.#queue.removeAll()) this.#drop(entry, 'shutdown')
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
    // One turn of the event loop later, so that windows that close together share a statement.
    await new Promise((resolve) => setImmediate(resolve))
    const backoff = createBackoff(PAUSES)
    let failures = 0
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) {
      this.#isAway = !(await this.#write(batch))
      failures = this.#isAway ? failures + 1 : 0
      if (failures >= FAILURES_BEFORE_APART && batch.length > 1) await this.#writeOthers(batch)
      for (const { sessionId } of batch) if (!this.#locked.isResting(sessionId)) this.#free(sessionId)
      if (!this.#isAway) {
        backoff.reset()
        continue
      }
      if (this.#open > 1) break // one is enough to find out when the database is back
      await backoff.wait(this.#stop.signal)
    }
    // In the same tick as the last check of the queue: entries that are added from now on start another lane.
    this.#open--
  }

  #free(sessionId: string): void {
    this.#busy.delete(sessionId)
    if (this.#unwanted.delete(sessionId)) this.discard(sessionId)
  }

  /** The next entries in order, but for those of sessions that are being written. */
  #take(): Entry[] {
    if (this.#stop.signal.aborted) return []
    const batch = this.#queue.listNext(this.#busy, BATCH)
    for (const { sessionId } of batch) this.#busy.add(sessionId)
    return batch
  }

  /** False when the database is away and the batch has to be tried again. */
  async #write(batch: readonly Entry[]): Promise<boolean> {
    let verdicts: ReadonlyMap<Entry, Verdict>
    try {
      const { statements, write } = planBatch(this.#deps.repository, batch)
      verdicts = await this.#deps.transaction(statements, write)
      if (this.#stop.signal.aborted) return true
    } catch (error) {
      if (this.#stop.signal.aborted) return true
      if (this.#deps.isPassing(error)) {
        this.#deps.onRetry(error, this.#queue.count)
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
    this.#queue.remove(decided)
    for (const entry of decided) this.#decide(entry, verdicts.get(entry) ?? 'stored')
    this.#deps.onStored(decided.filter((entry) => (verdicts.get(entry) ?? 'stored') === 'stored'))
    if (behind.size > 0) await this.#deps.onBehind()
    for (const { sessionId } of decided) if (!again.has(sessionId)) this.#locked.resetTries(sessionId)
    for (const sessionId of resting) this.#rest(sessionId)
  }

  #decide(entry: Entry, verdict: Verdict): void {
    const { sessionId } = entry
    if (verdict === 'lost') this.#deps.onLost({ sessionId, ...leaseOf(entry) })
    if (verdict !== 'stored' && isResult(entry)) this.#deps.onDrop('not_ours', sessionId)
    this.#queue.settle(entry, verdict === 'stored' ? 'stored' : 'refused')
  }

  /** The row of an answered window is not there, though it was: then the window is stored whole. */
  #isReplaced(entry: Entry, verdict: Verdict | undefined): boolean {
    if (entry.kind !== 'answer' || verdict !== 'missing') return false
    let whole: WindowWrite
    try {
      whole = entry.whole()
    } catch {
      return false // the answer is refused as it is
    }
    this.#queue.replace(entry, whole)
    return true
  }

  /** Leaves what waits of the session alone for a moment, longer each time; others go on. */
  #rest(sessionId: string): void {
    const waitMs = this.#locked.beginRest(sessionId)
    const rest = pause(waitMs, this.#stop.signal).then(() => {
      this.#locked.endRest(sessionId)
      this.#free(sessionId)
      this.#lanes.delete(rest)
      this.#start()
    })
    this.#lanes.add(rest)
  }

  /** One entry of a refused batch is at fault: each alone shows which. */
  async #writeApart(batch: readonly Entry[], error: unknown): Promise<boolean> {
    const [only] = batch
    if (batch.length === 1 && only !== undefined) {
      this.#queue.remove(batch)
      this.#drop(only, 'refused_by_database', error)
      return true
    }
    for (const entry of batch) {
      if (this.#locked.isResting(entry.sessionId)) continue
      if (!(await this.#write([entry]))) return false
    }
    return true
  }

  /** Stores what can be stored when an entry of the batch fails again and again; what only fails itself is dropped in the end. */
  async #writeOthers(batch: readonly Entry[]): Promise<void> {
    const failed = new Set<string>()
    // The order of a session.
    const isToWait = ({ sessionId }: Entry) => failed.has(sessionId) || this.#locked.isResting(sessionId)
    const one = async (entry: Entry) => {
      if (isToWait(entry)) return 'skipped'
      if (await this.#write([entry])) return 'written'
      failed.add(entry.sessionId)
      return 'failed'
    }
    const rest = async (entries: readonly Entry[]) => {
      const others = entries.filter((entry) => !isToWait(entry))
      return others.length === 0 || this.#write(others)
    }
    const faulty = await findFaulty(batch, { one, rest })
    for (const entry of faulty) {
      if (++entry.failedAlone < MAX_FAILED_ALONE) continue
      this.#queue.remove([entry])
      this.#drop(entry, 'refused_by_database')
    }
  }

  #drop(entry: Entry, reason: DropReason, error?: unknown): void {
    if (entry.kind !== 'delivered') this.#deps.onDrop(reason, entry.sessionId, error)
    this.#queue.settle(entry, 'dropped')
  }
}
