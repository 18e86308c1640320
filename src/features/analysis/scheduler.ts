import type { EmotionReading } from '../../domain/emotion.ts'
import { BASELINE } from '../../domain/sealed-rows.ts'
import { within } from '../../lib/deadline.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { SessionEvent } from '../../plugins/hub.ts'
import { type AnsweredWindow, byLocal, byModel, type MeasuredWindow } from './answer.ts'
import { LiveSession, type LiveSettings, type SessionSink, type SessionStart } from './live-session.ts'
import type { Outbox, OutboxContent, WriteResult } from './outbox.ts'
import { toAnswerRow, toRefinement, toWindowAnswer, toWindowRow } from './rows.ts'

/** What the loop announces of a session; its status is for its own room to tell. */
type Announcement = Exclude<SessionEvent, { readonly type: 'status_changed' }>

type LeaseKey = { readonly sessionId: string; readonly epoch: number }

/** What is known of a window between its close and its write. */
export type UnwrittenWindow = Pick<EmotionReading, 'emotion' | 'confidence' | 'valence' | 'arousal'> & {
  readonly window: number
  readonly source: 'local'
  readonly latencyMs: number
}

type Lease = LeaseKey & { readonly owner: string; readonly safe: Safe }

type Dependencies = {
  readonly settings: LiveSettings
  readonly outbox: Pick<Outbox, 'write'>
  /** This process, as the owner of sessions. */
  readonly owner: string
  readonly leases: {
    mayAct(lease: LeaseKey): Promise<boolean>
    holds(lease: LeaseKey): boolean
    release(sessionIds: readonly string[]): Promise<void>
  }
  /** Resolves when what other rooms have to write of the session is written. */
  readonly othersSettled: (sessionId: string) => Promise<void>
  readonly announce: (sessionId: string, event: Announcement) => void
  readonly onAnswered: (sessionId: string, answer: AnsweredWindow) => void
  readonly onFenced: (sessionId: string, window: number) => void
  /** A fault of ours in a window, or in something else of the session (null). */
  readonly onFailed: (sessionId: string, window: number | null, error: unknown) => void
  readonly onReleaseFailed: (error: unknown) => void
  /** Longest time after the end in which anything of the session is in flight. */
  readonly graceMs: number
  /** A session that nobody feeds is let go of after this long. */
  readonly quietMs: number
}

/** Kept of the grace, a tenth of it at most, for a session that is cut off to deliver what it holds. */
const LAST_WORD_MS = 1000

/** The sessions that live in this process. */
export function createScheduler(dependencies: Dependencies) {
  const { settings, outbox, leases, announce, owner } = dependencies
  const live = new Map<string, LiveSession>()
  /** Windows that have closed and whose write has not begun, as while the lease is in doubt: by session and number. */
  const unwritten = new Map<string, Map<number, MeasuredWindow>>()
  /** The last write of each session that is still on its way: they are written in order. */
  const lastWrites = new Map<string, Promise<WriteResult>>()
  /** A write has not been done in time and none has been done since: no further answer waits in vain. */
  let isSlow = false

  const write = (sessionId: string, content: OutboxContent): Promise<WriteResult> => {
    const result = outbox.write(content)
    lastWrites.set(sessionId, result)
    void result.then((known) => {
      if (known !== 'dropped') isSlow = false
      if (lastWrites.get(sessionId) === result) lastWrites.delete(sessionId)
    })
    return result
  }

  /** What became of a write, as far as an answer may wait for it. */
  const soon = async (result: Promise<WriteResult>, patienceMs: number): Promise<WriteResult | 'late'> => {
    const known = await within(result, isSlow ? 0 : patienceMs)
    if (known === 'late' && patienceMs > 0) isSlow = true
    return known
  }

  const keepUnwritten = (sessionId: string, window: MeasuredWindow): void => {
    const windows = unwritten.get(sessionId) ?? new Map<number, MeasuredWindow>()
    unwritten.set(sessionId, windows.set(window.number, window))
  }
  const dropUnwritten = (sessionId: string, window: number): void => {
    const windows = unwritten.get(sessionId)
    if (windows?.delete(window) === true && windows.size === 0) unwritten.delete(sessionId)
  }

  const sinkOf = (lease: Lease): SessionSink => {
    const { sessionId, epoch } = lease
    /** Windows whose local answer was stored at their close, for the model had been asked. */
    const asked = new Set<number>()

    const toWindow = (held: MeasuredWindow, answer: AnsweredWindow, isFinal: boolean) => ({
      owner,
      epoch,
      row: toWindowRow(lease, held, answer, isFinal),
      learnt: lease.safe.seal(held.learnt, BASELINE),
    })

    const store = (answer: AnsweredWindow) => {
      dropUnwritten(sessionId, answer.number)
      if (!asked.delete(answer.number))
        return write(sessionId, { kind: 'window', write: toWindow(answer, answer, true) })
      const row = { owner, epoch, row: toAnswerRow(lease, answer) }
      return write(sessionId, { kind: 'answer', write: row, whole: () => toWindow(answer, answer, true) })
    }

    /** What became of an answer; while it is not known whether the lease is still ours, its write finds out. */
    const storeOurs = async (answer: AnsweredWindow, patienceMs: number) => {
      if (await leases.mayAct(lease)) return soon(store(answer), patienceMs)
      if (leases.holds(lease)) return (await store(answer)) === 'stored' ? 'stored' : 'refused'
      dropUnwritten(sessionId, answer.number)
      dependencies.onFenced(sessionId, answer.number)
      return 'refused'
    }

    /** What goes out only while this is still our session, and is not missed otherwise. */
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
          void write(sessionId, { kind: 'window', write: toWindow(window, held, false) })
        } else keepUnwritten(sessionId, window)
        const { number, closedAt: at, measures } = window
        notice = announceMine({ type: 'window_closed', window: number, frameCount: measures.frameCount, at })
      },
      answered: async (answer, patienceMs) => {
        await notice
        if ((await storeOurs(answer, patienceMs)) === 'refused') return false
        dependencies.onAnswered(sessionId, answer)
        const delivered = toWindowAnswer(answer)
        live.get(sessionId)?.keep(delivered)
        announce(sessionId, { type: 'window_answered', answer: delivered })
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
        if (window !== null) dropUnwritten(sessionId, window)
        dependencies.onFailed(sessionId, window, error)
      },
    }
  }

  const create = (start: SessionStart) =>
    new LiveSession(
      start,
      settings,
      sinkOf({ sessionId: start.id, owner, epoch: start.epoch, safe: start.safe }),
    )

  const release = (sessionIds: readonly string[]) =>
    leases.release(sessionIds).catch(dependencies.onReleaseFailed)

  /** Delivers the last window; what takes longer than the grace is cut off. */
  const finish = async (session: LiveSession): Promise<void> => {
    const delivered = session.end()
    // Not cleared when all is delivered: a call may live on after its window's deadline.
    setTimeout(() => session.abort(), dependencies.graceMs).unref()
    const lastWordMs = Math.min(LAST_WORD_MS, dependencies.graceMs / 10)
    if ((await within(delivered, dependencies.graceMs - lastWordMs)) === 'late') {
      session.abort()
      await within(delivered, lastWordMs)
    }
    live.delete(session.id)
  }

  const quietSince = () => settings.monotonic() - dependencies.quietMs

  const lose = (sessionId: string): void => {
    live.get(sessionId)?.discard()
    live.delete(sessionId)
  }

  return {
    lose,

    /** Whether the session lives here under this epoch. */
    has: (sessionId: string, epoch: number): boolean => live.get(sessionId)?.epoch === epoch,

    /**
     * Whether the session has had frames or work of late. Sockets alone are not activity: a hidden tab keeps its own and
     * must not keep the session from a visible one on another instance.
     */
    isActive: (sessionId: string): boolean => {
      const session = live.get(sessionId)
      return session !== undefined && !(session.idle && session.lastActivity < quietSince())
    },

    /** The same, of a session whose next socket is on its way: it is not let go of in the meantime. */
    awaits(sessionId: string, epoch: number): boolean {
      const session = live.get(sessionId)
      if (session?.epoch !== epoch) return false
      session.lastActivity = settings.monotonic()
      return true
    },

    /** The session in this process, brought to life from its row when it is not here yet. */
    open(start: SessionStart): LiveSession {
      const known = live.get(start.id)
      if (known?.epoch === start.epoch) {
        if (start.status !== 'ended') known.setStatus(start.status)
        return known
      }
      lose(start.id)
      const session = create(start)
      live.set(start.id, session)
      return session
    },

    /** For a start whose lease has been lost since: what lives here by now under a later one, else nothing that acts. */
    openLost(start: SessionStart): LiveSession {
      const known = live.get(start.id)
      if (known !== undefined && leases.holds({ sessionId: known.id, epoch: known.epoch })) return known
      const session = create(start)
      session.discard()
      return session
    },

    /** `isCut`: the person has taken back what allowed it. What has not been answered is dropped, unread and unsent. */
    async end(sessionId: string, isCut = false): Promise<void> {
      if (isCut) {
        lose(sessionId)
        await release([sessionId]) // nothing that is under way may act under it any more
      }
      const session = live.get(sessionId)
      // Awaited even when there is nothing to do: everyone hears of the end before hearing that all is done.
      await (session === undefined ? undefined : finish(session))
      announce(sessionId, { type: 'analysis_finished' })
      // However long the database is away: a report that was made before its last rows would lack them for ever.
      await Promise.all([lastWrites.get(sessionId), dependencies.othersSettled(sessionId)])
      announce(sessionId, { type: 'results_settled' })
      await release([sessionId])
    },

    /** Windows of a session that is ours which have closed and wait for their turn to be written, in order. */
    unwritten: (sessionId: string): UnwrittenWindow[] =>
      [...(unwritten.get(sessionId)?.values() ?? [])].map(({ number, local, localMs }) => ({
        window: number,
        emotion: local.emotion,
        confidence: local.confidence,
        valence: local.valence,
        arousal: local.arousal,
        source: 'local',
        latencyMs: Math.round(localMs),
      })),

    setStatus: (sessionId: string, status: 'active' | 'paused') => live.get(sessionId)?.setStatus(status),

    /** A socket has been sent this window's answer. */
    delivered(sessionId: string, window: number): void {
      const session = live.get(sessionId)
      if (session === undefined) return // its owner now marks what it sends itself
      session.delivered(window)
      void outbox.write({ kind: 'delivered', write: { sessionId, window, owner, epoch: session.epoch } })
    },

    /** Lets go of sessions that no socket feeds and that have been quiet for long. */
    async sweep(): Promise<void> {
      const since = quietSince()
      const quiet = [...live.values()].filter(
        (session) => session.feeders === 0 && session.idle && session.lastActivity < since,
      )
      for (const { id } of quiet) live.delete(id)
      const ours = quiet.filter(({ id, epoch }) => leases.holds({ sessionId: id, epoch }))
      await release(ours.map(({ id }) => id))
    },

    /** Takes no more frames, delivers what has closed, cuts off models; at most `ms`. Returns whom it served. */
    async stop(ms: number): Promise<string[]> {
      await within(Promise.all([...live.values()].map((session) => session.stop())), ms)
      const ids = [...live.keys()]
      live.clear()
      return ids
    },

    /** To be called when nothing of them waits to be written any more: another instance may take them at once. */
    release,

    get size() {
      return live.size
    },
  }
}

export type Scheduler = ReturnType<typeof createScheduler>
