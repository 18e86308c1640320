import { SEALED } from '../db/sealed-columns.ts'
import type { EmotionReading } from '../domain/emotion.ts'
import { within } from '../lib/deadline.ts'
import { NO_SPAN } from '../lib/tracing.ts'
import type { SessionEvent, WindowAnswer } from '../protocol/session-events.ts'
import type { LeaseKey } from './leases/lease.ts'
import type { SessionSink } from './session-sink.ts'
import { type AnsweredWindow, byLocal, byModel, type MeasuredWindow } from './windows/answer.ts'
import type { Outbox, OutboxContent, WriteResult } from './windows/outbox.ts'
import { ByWindow } from './windows/by-window.ts'
import { type Lease, toAnswerRow, toRefinement, toWindowAnswer, toWindowRow } from './windows/rows.ts'

/** The events of live sessions; status changes are announced by features/sessions. */
type Announcement = Exclude<SessionEvent, { readonly type: 'status_changed' }>

/** A window between its close and its write. */
type UnwrittenWindow = Pick<EmotionReading, 'emotion' | 'confidence' | 'valence' | 'arousal'> & {
  readonly window: number
  readonly source: 'local'
  readonly latencyMs: number
}

export type ResultDependencies = {
  readonly outbox: Pick<Outbox, 'write'>
  readonly leases: {
    mayAct(lease: LeaseKey): Promise<boolean>
    holds(lease: LeaseKey): boolean
  }
  readonly announce: (sessionId: string, event: Announcement) => void
  /** Called with each answer before it is announced: it waits until a socket has sent it. */
  readonly keepUndelivered: (sessionId: string, answer: WindowAnswer) => void
  /** Whether it has been sent since. */
  readonly isDelivered: (sessionId: string, window: number) => boolean
  readonly onAnswered: (sessionId: string, answer: AnsweredWindow) => void
  readonly onFenced: (sessionId: string, window: number) => void
  /** An answer is sent before its commit: another owner that claims the session meanwhile has it refused. */
  readonly onUncommitted: (sessionId: string, window: number) => void
  /** A fault of ours in a window, or in something else of the session (null). */
  readonly onFailed: (sessionId: string, window: number | null, error: unknown) => void
}

/** Stores the results of the sessions in this process and announces them, for each session in order. */
export function createResults(dependencies: ResultDependencies) {
  const { outbox, leases, announce } = dependencies
  /** Closed windows whose write has not begun, for example while the lease is in doubt: by session and number. */
  const unwritten = new ByWindow<MeasuredWindow>()
  /** Announced answers whose commit is late. */
  const uncommitted = new ByWindow<WindowAnswer>()
  /** The last write in progress of each session: they are written in order. */
  const lastWrites = new Map<string, Promise<WriteResult>>()
  /** A write was late and none has succeeded since: answers do not wait for their writes. */
  let isSlow = false

  const write = (sessionId: string, content: OutboxContent): Promise<WriteResult> => {
    const commit = ('span' in content ? content.span : NO_SPAN).child('commit')
    const result = outbox.write(content)
    lastWrites.set(sessionId, result)
    void result.then((known) => {
      commit.end({ 'maeum.outcome': known })
      if (known !== 'dropped') isSlow = false
      if (lastWrites.get(sessionId) === result) lastWrites.delete(sessionId)
    })
    return result
  }

  /** The result of a write within `patienceMs`. */
  const soon = async (result: Promise<WriteResult>, patienceMs: number): Promise<WriteResult | 'late'> => {
    const known = await within(result, isSlow ? 0 : patienceMs)
    if (known === 'late' && patienceMs > 0) isSlow = true
    return known
  }

  /** Until its write is settled. */
  const keepUncommitted = (sessionId: string, answer: WindowAnswer, written: Promise<WriteResult>): void => {
    const { window } = answer
    dependencies.onUncommitted(sessionId, window)
    uncommitted.set(sessionId, window, answer)
    void written.then(() => uncommitted.delete(sessionId, window))
  }

  /** What a live session reports under this lease. */
  const sinkOf = (lease: Lease): SessionSink => {
    const { sessionId, owner, epoch } = lease
    /** Windows whose local answer was stored at their close because a model was asked. */
    const asked = new Set<number>()

    const toWindow = (held: MeasuredWindow, answer: AnsweredWindow, isFinal: boolean) => ({
      owner,
      epoch,
      row: toWindowRow(lease, held, answer, isFinal),
      learnt: lease.safe.seal(held.learnt, SEALED.sessions.baseline.at()),
    })

    const store = (answer: AnsweredWindow) => {
      const { span } = answer
      unwritten.delete(sessionId, answer.number)
      if (!asked.delete(answer.number))
        return write(sessionId, { kind: 'window', write: toWindow(answer, answer, true), span })
      const row = { owner, epoch, row: toAnswerRow(lease, answer) }
      return write(sessionId, {
        kind: 'answer',
        write: row,
        whole: () => toWindow(answer, answer, true),
        span,
      })
    }

    /** The result of storing an answer; while the lease is in doubt the write itself decides. Not sent when refused. */
    const storeOurs = async (answer: AnsweredWindow, patienceMs: number) => {
      if (await leases.mayAct(lease)) {
        const written = store(answer)
        const known = await soon(written, patienceMs)
        if (known === 'late') keepUncommitted(sessionId, toWindowAnswer(answer), written)
        return known
      }
      if (leases.holds(lease)) return (await store(answer)) === 'stored' ? 'stored' : 'refused'
      // Another owner has the session. It answers what was stored at the close; what was not, it knows nothing of.
      if (asked.has(answer.number)) dependencies.onFenced(sessionId, answer.number)
      else void store(answer)
      return 'refused'
    }

    /** Announces an event while the lease is held; otherwise the event is not needed. */
    const announceMine = async (event: Announcement) => {
      try {
        if (await leases.mayAct(lease)) announce(sessionId, event)
      } catch (error) {
        dependencies.onFailed(sessionId, null, error)
      }
    }
    let notice: Promise<void> = Promise.resolve()

    return {
      closed: (window, isAsked) => {
        if (isAsked) {
          asked.add(window.number)
          const held = byLocal(window, { modelOutcome: null })
          void write(sessionId, { kind: 'window', write: toWindow(window, held, false), span: window.span })
        } else unwritten.set(sessionId, window.number, window)
        const { number, closedAt: at, measures } = window
        notice = announceMine({ type: 'window_closed', window: number, frameCount: measures.frameCount, at })
      },
      answered: async (answer, patienceMs) => {
        await notice
        const result = await storeOurs(answer, patienceMs)
        const { span } = answer
        if (result === 'refused') {
          span.end({ 'maeum.outcome': 'not_ours' })
          return false
        }
        dependencies.onAnswered(sessionId, answer)
        const delivered = toWindowAnswer(answer)
        dependencies.keepUndelivered(sessionId, delivered)
        const delivery = span.child('delivery')
        announce(sessionId, { type: 'window_answered', answer: delivered })
        const isDelivered = span !== NO_SPAN && dependencies.isDelivered(sessionId, answer.number)
        const outcome = { 'maeum.outcome': isDelivered ? 'delivered' : 'kept' }
        delivery.end(outcome)
        span.end(outcome)
        return true
      },
      late: (window, late) => {
        void write(sessionId, { kind: 'refined', write: toRefinement(lease, window.number, late) })
        if (late.outcome === 'answered')
          void announceMine({ type: 'window_refined', answer: toWindowAnswer(byModel(window, late)) })
      },
      skipped: (window, frames, reason) => {
        void write(sessionId, { kind: 'received', write: { sessionId, owner, epoch, frames } })
        if (reason !== null) void announceMine({ type: 'window_skipped', window, reason })
      },
      failed: (window, error) => {
        if (window !== null) unwritten.delete(sessionId, window)
        dependencies.onFailed(sessionId, window, error)
      },
    }
  }

  return {
    sinkOf,

    /** Resolves when the last result of the session is written, or is not to be written. */
    settled: async (sessionId: string): Promise<void> => {
      await lastWrites.get(sessionId)
    },

    /** Announced answers of the session that may not be in its rows yet, in order. */
    uncommitted: (sessionId: string): readonly WindowAnswer[] => uncommitted.list(sessionId),

    /** Closed windows of the session that wait to be written, in order. */
    unwritten: (sessionId: string): UnwrittenWindow[] =>
      unwritten.list(sessionId).map(({ number, local, localMs }) => ({
        window: number,
        emotion: local.emotion,
        confidence: local.confidence,
        valence: local.valence,
        arousal: local.arousal,
        source: 'local',
        latencyMs: Math.round(localMs),
      })),
  }
}
