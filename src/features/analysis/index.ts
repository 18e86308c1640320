import { performance } from 'node:perf_hooks'
import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { databaseFault } from '../../db/faults.ts'
import { logId } from '../../lib/redact.ts'
import type { ModelAnalyser } from './analyser.ts'
import type { AnsweredWindow } from './answer.ts'
import { createGeminiAnalyser } from './gemini.ts'
import { readFrame } from './landmarks-frame.ts'
import type { LiveSession, SessionStart } from './live-session.ts'
import { Outbox } from './outbox.ts'
import { analysisRepository } from './repository.ts'
import { createScheduler } from './scheduler.ts'
import { createSparePool } from './spare-pool.ts'

type Feed = {
  /** A landmarks message as it came, or its parsed content where somebody had to look into it. */
  push(bytes: Buffer, parsed?: unknown): ReturnType<LiveSession['push']>
  /** Counts a frame that came too fast to be looked at. */
  skip(): void
  close(): void
}

declare module 'fastify' {
  interface FastifyInstance {
    analysis: {
      /** Brings the session to life in this process and takes its frames until the feed is closed. */
      readonly feed: (start: SessionStart) => Feed
      /** Whether results of this session can no longer be kept safe: no new socket then. */
      readonly isFull: (sessionId: string) => boolean
    }
  }
}

const MAX_WAITING_PER_SESSION = 60
const MAX_WAITING_BYTES = 64 * 1024 * 1024
/** Unread spare frames of all sessions together. */
const SPARE_BYTES = 32 * 1024 * 1024
const SWEEP_MS = 30_000
const STOP_MS = 2000
const DRAIN_MS = 5000

/** The loop from frames to answers. */
export const analysis = fp(
  async (app, { config, model: given }: { config: Config; model?: ModelAnalyser | null }) => {
    const model = given === undefined ? modelOf(config) : given
    const { metrics, log } = app

    const outbox = new Outbox({
      transaction: (work) => app.database.orm.transaction(work),
      repository: analysisRepository,
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
      maxEntriesPerSession: MAX_WAITING_PER_SESSION,
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
      announce: (sessionId, event) => app.hub.publish(sessionId, event),
      onAnswered: (sessionId, answer) => {
        metrics.windows.labels(answer.source, answer.modelOutcome ?? 'not_asked').inc()
        if (answer.modelOutcome === 'answered')
          metrics.modelSeconds.labels(answer.model).observe(answer.latencyMs / 1000)
        logAnswer(log, sessionId, answer)
      },
      graceMs: config.sessions.graceMs,
      idleMs: config.sessions.idleMs,
    })

    app.hub.subscribe((sessionId, event) => {
      if (event.type !== 'status_changed') return
      if (event.status !== 'ended') scheduler.setStatus(sessionId, event.status)
      else
        scheduler
          .end(sessionId)
          .catch((error: unknown) => log.error({ err: error }, 'a session did not end cleanly'))
    })

    const sweeper = setInterval(() => scheduler.sweep(), SWEEP_MS).unref()
    app.addHook('preClose', async () => {
      clearInterval(sweeper)
      await scheduler.stop(STOP_MS)
    })
    app.addHook('onClose', () => outbox.close(DRAIN_MS))

    app.decorate('analysis', {
      feed: (start: SessionStart) => openFeed(scheduler.open(start), app.metrics),
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

function openFeed(session: LiveSession, metrics: FrameCounter): Feed {
  let closed = false
  session.feeders++
  return {
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
