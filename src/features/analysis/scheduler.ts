import { encodeMeasures } from '../../domain/face/encoding.ts'
import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import { within } from '../../lib/deadline.ts'
import type { AnsweredWindow, LateAnswer } from './answer.ts'
import { type LiveSettings, LiveSession, type SessionSink, type SessionStart } from './live-session.ts'
import type { Outbox } from './outbox.ts'
import { PROMPT_VERSION } from './prompt.ts'
import type { NewWindowRow, Refinement } from './repository.ts'

type Announcement =
  | {
      readonly type: 'window_closed'
      readonly window: number
      readonly frameCount: number
      readonly at: number
    }
  | { readonly type: 'window_answered'; readonly answer: ReturnType<typeof toAnnouncedAnswer> }
  | { readonly type: 'analysis_finished' }

type Dependencies = {
  readonly settings: LiveSettings
  readonly outbox: Outbox
  readonly announce: (sessionId: string, event: Announcement) => void
  readonly onAnswered: (sessionId: string, answer: AnsweredWindow) => void
  /** Longest time after the end in which anything of the session is in flight. */
  readonly graceMs: number
  /** A session that nobody feeds is let go of after this long. */
  readonly idleMs: number
}

/** How long an answer waits for its row: committed first when the database is well, delivered anyway when it is not. */
const COMMIT_FIRST_MS = 40
/** How long a session that is cut off may take to deliver what it holds. */
const LAST_WORD_MS = 1000

/** The sessions that live in this process. */
export function createScheduler(dependencies: Dependencies) {
  const { settings, outbox, announce } = dependencies
  const live = new Map<string, LiveSession>()

  const sinkOf = (sessionId: string): SessionSink => ({
    closed: (window, frameCount, at) =>
      announce(sessionId, { type: 'window_closed', window, frameCount, at }),
    answered: async (answer) => {
      const stored = outbox.storeWindow(toRow(sessionId, answer))
      await within(stored, COMMIT_FIRST_MS)
      dependencies.onAnswered(sessionId, answer)
      announce(sessionId, { type: 'window_answered', answer: toAnnouncedAnswer(answer) })
    },
    refined: (window, answer) => outbox.storeRefinement(toRefinement(sessionId, window, answer)),
    unanalysed: (frames) => {
      if (frames > 0) outbox.addReceived({ sessionId, frames })
    },
  })

  /** The session in this process, brought to life from its row when it is not here yet. */
  const open = (start: SessionStart): LiveSession => {
    const known = live.get(start.id)
    if (known !== undefined) {
      if (start.status !== 'ended') known.setStatus(start.status)
      return known
    }
    const session = new LiveSession(start, settings, sinkOf(start.id))
    live.set(start.id, session)
    return session
  }

  /** Delivers the last window; what takes longer than the grace is cut off. */
  const finish = async (session: LiveSession): Promise<void> => {
    const delivered = session.end()
    // Not cleared when all is delivered: a call may live on after its window's deadline.
    setTimeout(() => session.abort(), dependencies.graceMs).unref()
    if ((await within(delivered, dependencies.graceMs)) === 'late') {
      session.abort()
      await within(delivered, LAST_WORD_MS)
    }
    live.delete(session.id)
  }

  const end = async (sessionId: string): Promise<void> => {
    const session = live.get(sessionId)
    // Awaited even when there is nothing to do: everyone hears of the end before hearing that all is done.
    await (session === undefined ? undefined : finish(session))
    announce(sessionId, { type: 'analysis_finished' })
  }

  return {
    open,
    end,
    setStatus: (sessionId: string, status: 'active' | 'paused') => live.get(sessionId)?.setStatus(status),

    /** Lets go of sessions that no socket feeds and that have been quiet for long. */
    sweep(): void {
      const quietSince = settings.monotonic() - dependencies.idleMs
      for (const [id, session] of live) {
        if (session.feeders === 0 && session.idle && session.lastActivity < quietSince) live.delete(id)
      }
    },

    /** Takes no more frames, delivers what has closed, cuts off models; at most `ms`. */
    async stop(ms: number): Promise<void> {
      await within(Promise.all([...live.values()].map((session) => session.stop())), ms)
      live.clear()
    },

    get size() {
      return live.size
    },
  }
}

export type Scheduler = ReturnType<typeof createScheduler>

const toAnnouncedAnswer = (answer: AnsweredWindow) => ({
  window: answer.number,
  closedAt: answer.closedAt,
  frameCount: answer.measures.frameCount,
  reading: answer.reading,
  source: answer.source,
  model: answer.model,
  sttSnippet: null,
})

const toRow = (sessionId: string, answer: AnsweredWindow): NewWindowRow => ({
  sessionId,
  window: answer.number,
  closedAt: new Date(answer.closedAt),
  framesReceived: answer.framesReceived,
  framesAnalysed: answer.measures.frameCount,
  ...answer.reading,
  source: answer.source,
  model: answer.model,
  modelOutcome: answer.modelOutcome,
  latencyMs: answer.latencyMs,
  analyserVersion: LOCAL_ANALYSER_VERSION,
  promptVersion: answer.modelOutcome === null ? null : PROMPT_VERSION,
  measures: encodeMeasures(answer.measures),
})

const toRefinement = (
  sessionId: string,
  window: number,
  { reading, model, latencyMs }: LateAnswer,
): Refinement => ({
  sessionId,
  window,
  refinedEmotion: reading.emotion,
  refinedConfidence: reading.confidence,
  refinedScores: reading.scores,
  refinedValence: reading.valence,
  refinedArousal: reading.arousal,
  refinedDominance: reading.dominance,
  refinedModel: model,
  refinedLatencyMs: Math.round(latencyMs),
})
