import { performance } from 'node:perf_hooks'
import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { databaseFault } from '../../db/faults.ts'
import { within } from '../../lib/deadline.ts'
import { logId } from '../../lib/redact.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import type { ModelAnalyser } from './analyser.ts'
import type { AnsweredWindow } from './answer.ts'
import { createGeminiAnalyser } from './gemini.ts'
import { readFrame } from './landmarks-frame.ts'
import type { LiveSession, SessionStart } from './live-session.ts'
import { Outbox } from './outbox.ts'
import { analysisRepository as repository } from './repository.ts'
import { fromWindowRow } from './rows.ts'
import { createScheduler } from './scheduler.ts'
import { createSparePool } from './spare-pool.ts'

type ClaimedSession = {
  readonly session: {
    readonly id: string
    readonly status: SessionStart['status']
    readonly startedAt: Date
    readonly intervalMs: number
    readonly leaseEpoch: number
  }
  readonly now: Date
}

type Feed = {
  /** Answers that no socket has been sent yet, in order. */
  undelivered(): readonly WindowAnswer[]
  /** A landmarks message as it came, or its parsed content where somebody had to look into it. */
  push(bytes: Buffer, parsed?: unknown): ReturnType<LiveSession['push']>
  /** False for a numbered frame that has been here before. */
  isNew(frame: number): boolean
  /** Where this process stands: the highest frame number it has, and the window that is open. */
  position(): { readonly frame: number; readonly window: number }
  /** Whether another instance serves the session now: what is pushed here goes nowhere. */
  isLost(): boolean
  /** Whether every frame since the last socket's is here: false after a crash of the session's owner. */
  readonly seamless: boolean
  /** Counts a frame that came too fast to be looked at. */
  skip(): void
  close(): void
}

declare module 'fastify' {
  interface FastifyInstance {
    analysis: {
      /** Brings the session to life in this process and takes its frames until the feed is closed. */
      readonly feed: (start: SessionStart) => Feed
      /** What this process has to know of a session that it has just claimed. */
      readonly prepare: (claimed: ClaimedSession) => Promise<SessionStart>
      /** Stored answers after `window`, for a client that says what it has, at most the last sixty. */
      readonly answersSince: (sessionId: string, window: number) => Promise<WindowAnswer[]>
      /** A socket has been sent this window's answer. */
      readonly delivered: (sessionId: string, window: number) => void
      /** Whether results of this session can no longer be kept safe: no new socket then. */
      readonly isFull: (sessionId: string) => boolean
    }
  }
}

const MAX_WAITING_PER_SESSION = 60
const MAX_WAITING_BYTES = 64 * 1024 * 1024
/** Unread spare frames of all sessions together. */
const SPARE_BYTES = 32 * 1024 * 1024
const STOP_MS = 1500
/** How long sockets are kept for the sake of what has been sent on them: whoever comes next must find it marked. */
const SETTLE_MS = 800
const DRAIN_MS = 2000
const RELEASE_MS = 500

/** The loop from frames to answers. */
export const analysis = fp(
  async (app, { config, model: given }: { config: Config; model?: ModelAnalyser | null }) => {
    const model = given === undefined ? modelOf(config) : given
    const { metrics, log } = app

    const outbox = new Outbox({
      transaction: (work) => app.database.orm.transaction(work),
      repository,
      isPassing: (error) => ['unavailable', 'not_ready'].includes(databaseFault(error)?.kind ?? ''),
      onWaiting: (count) => metrics.outboxWindows.set(count),
      onStored: (rows) => {
        for (const row of rows)
          log.info(
            { session: logId(row.sessionId), window: row.window },
            `✅ [CRITICAL] Emotion saved to Supabase: ${row.emotion}`,
          )
      },
      onRetry: (error, waiting) => log.warn({ err: error, waiting }, 'results wait for the database'),
      onDrop: (reason, sessionId, error) => {
        metrics.droppedWindows.labels(reason).inc()
        log.error({ err: error, reason, session: logId(sessionId) }, 'a result was not stored')
      },
      maxWindowsPerSession: MAX_WAITING_PER_SESSION,
      maxBytes: MAX_WAITING_BYTES,
    })

    const scheduler = createScheduler({
      settings: {
        maxFrames: config.analysis.maxFrames,
        deadlineMs: Math.min(config.analysis.deadlineMs, config.analysis.geminiTimeoutMs),
        model,
        inferenceEnabled: config.analysis.enabled,
        spares: createSparePool(SPARE_BYTES),
        monotonic: () => performance.now(),
      },
      outbox,
      leases: app.sessions.leases,
      announce: (sessionId, event) => app.hub.publish(sessionId, event),
      onFenced: (sessionId, window) => {
        metrics.droppedWindows.labels('not_ours').inc()
        log.warn({ session: logId(sessionId), window }, 'a window was left to the owner of its session')
      },
      onReleaseFailed: (error) => log.warn({ err: error }, 'leases could not be given up; they will run out'),
      onAnswered: (sessionId, answer) => {
        metrics.windows.labels(answer.source, answer.modelOutcome ?? 'not_asked').inc()
        if (answer.modelOutcome === 'answered')
          metrics.modelSeconds.labels(answer.model).observe(answer.latencyMs / 1000)
        logAnswer(log, sessionId, answer)
      },
      graceMs: config.sessions.graceMs,
      quietMs: config.sessions.leaseMs,
    })

    app.hub.subscribe((sessionId, event) => {
      if (event.type !== 'status_changed') return
      if (event.status !== 'ended') scheduler.setStatus(sessionId, event.status)
      else
        scheduler
          .end(sessionId)
          .catch((error: unknown) => log.error({ err: error }, 'a session did not end cleanly'))
    })

    app.sessions.onLost((sessionId) => scheduler.lose(sessionId))

    const sweeper = setInterval(() => void scheduler.sweep(), config.sessions.leaseMs).unref()
    let served: string[] = []
    app.addHook('preClose', async () => {
      clearInterval(sweeper)
      served = await scheduler.stop(STOP_MS)
      await outbox.settled(SETTLE_MS)
    })
    app.addHook('onClose', async () => {
      await outbox.close(DRAIN_MS)
      await within(scheduler.release(served), RELEASE_MS)
    })

    const { orm } = app.database
    app.decorate('analysis', {
      prepare: async ({ session, now }: ClaimedSession) => {
        const start = {
          id: session.id,
          status: session.status,
          startedAt: session.startedAt.getTime(),
          intervalMs: session.intervalMs,
          now: now.getTime(),
          epoch: session.leaseEpoch,
        }
        if (scheduler.has(session.id, session.leaseEpoch)) return { ...start, lastWindow: 0, undelivered: [] }
        const undelivered = await repository.listUndelivered(orm, session.id, MAX_WAITING_PER_SESSION)
        if (undelivered.some((row) => row.answeredAt === null))
          await repository.answerOrphans(orm, session.id)
        const lastWindow = await repository.findLastWindow(orm, session.id)
        return { ...start, lastWindow, undelivered: undelivered.map(fromWindowRow) }
      },
      feed: (start: SessionStart) => {
        const wasHere = scheduler.has(start.id, start.epoch)
        const session = scheduler.open(start)
        return openFeed(session, wasHere || session.seamless, app.metrics)
      },
      answersSince: async (sessionId: string, window: number) =>
        (await repository.listAnswersSince(orm, sessionId, window, MAX_WAITING_PER_SESSION)).map(
          fromWindowRow,
        ),
      delivered: (sessionId: string, window: number) => scheduler.delivered(sessionId, window),
      isFull: (sessionId: string) => outbox.isFull(sessionId),
    })
  },
  { name: 'analysis', dependencies: ['database', 'hub', 'metrics', 'sessions'] },
)

function modelOf(config: Config): ModelAnalyser | null {
  const { gemini } = config.analysis
  if (gemini === null || !config.analysis.enabled) return null
  const { baseUrl, ...settings } = gemini
  return createGeminiAnalyser({ ...settings, ...(baseUrl === null ? {} : { baseUrl }) })
}

type FrameCounter = { frames: { labels(fate: string): { inc(): void } } }

function openFeed(session: LiveSession, seamless: boolean, metrics: FrameCounter): Feed {
  let closed = false
  session.feeders++
  return {
    seamless,
    isLost: () => session.isLost,
    undelivered: () => [...session.undelivered],
    isNew: (frame) => session.isNew(frame),
    position: () => ({ frame: session.lastFrame, window: session.currentWindow }),
    push: (bytes, parsed) => {
      const fate = session.push(bytes, parsed === undefined ? undefined : readFrame(parsed))
      metrics.frames.labels(fate).inc()
      return fate
    },
    skip: () => {
      session.skip()
      metrics.frames.labels('over_rate').inc()
    },
    close: () => {
      if (closed) return
      closed = true
      session.feeders--
    },
  }
}

function logAnswer(log: FastifyBaseLogger, sessionId: string, answer: AnsweredWindow): void {
  const about = {
    session: logId(sessionId),
    window: answer.number,
    source: answer.source,
    model: answer.model,
    outcome: answer.modelOutcome,
  }
  const { emotion } = answer.reading
  if (answer.modelOutcome === 'timed_out') log.warn(about, '❌ [CRITICAL] Gemini timeout')
  else if (answer.source === 'gemini')
    log.info(about, `🎯 Gemini 분석 결과: ${emotion} (시간: ${(answer.latencyMs / 1000).toFixed(1)}s)`)
  else log.info(about, `window answered locally: ${emotion}`)
}
