import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { type Clock, systemClock } from '../lib/clock.ts'
import { within } from '../lib/deadline.ts'
import { logId } from '../lib/redact.ts'
import type { Span } from '../lib/tracing.ts'
import type { WindowAnswer } from '../protocol/session-events.ts'
import type { ModelAnalyser } from './model/analyser.ts'
import type { AnsweredWindow } from './windows/answer.ts'
import { type Feed, openFeed } from './feed.ts'
import { createFinish } from './finish.ts'
import { createGeminiAnalyser } from './model/gemini-analyser.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import type { ClaimedStart } from './session-start.ts'
import { createSparePool } from './frames/spare-pool.ts'
import { type ClaimedSession, createStoredSessions, withoutOffers } from './stored-session.ts'
import type { Outbox } from './windows/outbox.ts'
import { openWriter } from './windows/writer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    analysis: {
      /** Serves the session in this process and takes its frames until the feed is closed. */
      readonly feed: (start: ClaimedStart, handshake: Span) => Feed
      /** Reads what is needed to serve a session that was just claimed; releases the claim when it rejects. */
      readonly prepare: (claimed: ClaimedSession) => Promise<ClaimedStart>
      /** Stored answers after `window`, at most the last sixty, for a reconnected client. */
      readonly answersSince: (sessionId: string, window: number) => Promise<readonly WindowAnswer[]>
      /** This window's answer was sent on a socket. */
      readonly delivered: (sessionId: string, window: number) => void
      /** Whether results of this session could be dropped: new sockets are not admitted then. */
      readonly isFull: (sessionId: string) => boolean
    }
  }
}

/** Unread spare frames of all sessions together. */
const SPARE_BYTES = 32 * 1024 * 1024
const STOP_MS = 1500
/** How long shutdown waits for delivery marks: the next owner must know what was sent. */
const SETTLE_MS = 800
const DRAIN_MS = 2000
const RELEASE_MS = 500

type SchedulerParts = {
  readonly config: Config
  readonly model: ModelAnalyser | null
  readonly outbox: Outbox
  readonly clock: Clock
}

/** The scheduler, with its results in events, metrics and log. */
function createSessionScheduler(
  app: FastifyInstance,
  { config, model, outbox, clock }: SchedulerParts,
): Scheduler {
  const { metrics, log, tracing } = app
  return createScheduler({
    settings: {
      maxFrames: config.analysis.maxFrames,
      deadlineMs: Math.min(config.analysis.deadlineMs, config.analysis.geminiTimeoutMs),
      model,
      inferenceEnabled: config.analysis.enabled,
      spares: createSparePool(SPARE_BYTES),
      // Only a model uses voice measures; the words are known in this process, if at all.
      voiceOf: (sessionId, window) => app.voice.getWindow(sessionId, window, model !== null),
      takeOffer: app.conversation.takeOffer,
      clock,
      traceWindow: (window, handshake) =>
        tracing.start('window', { link: handshake, attributes: { 'maeum.window': window } }),
    },
    owner: app.instanceId,
    outbox,
    leases: app.sessions.leases,
    announce: (sessionId, event) => app.hub.publish(sessionId, event),
    onFenced: (sessionId, window) => {
      metrics.droppedWindows.labels('not_ours').inc()
      log.warn({ session: logId(sessionId), window }, 'a window was left to the owner of its session')
    },
    onUncommitted: (sessionId, window) => {
      metrics.uncommittedAnswers.inc()
      log.info({ session: logId(sessionId), window }, 'an answer is sent before its commit')
    },
    onFailed: (sessionId, window, error) => {
      if (window !== null) metrics.droppedWindows.labels('failed').inc()
      log.error({ err: error, session: logId(sessionId), window }, 'a window could not be analysed')
    },
    onLive: (count) => metrics.liveSessions.set(count),
    onReleaseFailed: (error) => log.warn({ err: error }, 'leases could not be released; they will expire'),
    onAnswered: (sessionId, answer) => {
      metrics.windows.labels(answer.source, answer.modelOutcome ?? 'not_asked').inc()
      if (answer.modelOutcome === 'answered')
        metrics.modelSeconds.labels(answer.model).observe(answer.latencyMs / 1000)
      logAnswer(log, sessionId, answer)
    },
    graceMs: config.sessions.graceMs,
    quietMs: config.sessions.leaseMs,
  })
}

type FinishParts = {
  readonly scheduler: Scheduler
  readonly discard: (sessionId: string) => void
  readonly carryBaseline: (sessionId: string) => Promise<void>
}

/** Follows the changes of sessions: pauses, resumes and finishes those that live here. */
function followChanges(app: FastifyInstance, { scheduler, discard, carryBaseline }: FinishParts): void {
  const finish = createFinish({
    discard: (sessionId) => {
      discard(sessionId)
      scheduler.lose(sessionId)
    },
    closeWindow: (sessionId) => scheduler.close(sessionId),
    voice: app.voice,
    conversation: app.conversation,
    windows: scheduler,
    announceFinished: (sessionId) => app.hub.publish(sessionId, { type: 'analysis_finished' }),
    makeReport: app.reports.finalise,
    carryBaseline,
    releaseLease: (sessionId) => scheduler.release([sessionId]),
    onFailed: (step, sessionId, error) =>
      app.log.warn({ err: error, session: logId(sessionId), step }, 'a session did not end cleanly'),
  })
  app.hub.subscribe((sessionId, event) => {
    if (event.type === 'session_deleted') discard(sessionId)
    if (event.type !== 'status_changed') return
    if (event.status === 'ended') void finish(sessionId, event.reason)
    else scheduler.setStatus(sessionId, event.status)
  })
}

type Options = {
  readonly config: Config
  readonly model?: ModelAnalyser | null
  /** The sessions' clock. */
  readonly clock?: Clock
}

/** The analysis loop: from frames to answers. */
export const analysis = fp(
  async (app, { config, model: given, clock = systemClock }: Options) => {
    const model = given === undefined ? geminiAnalyser(app, config.analysis) : given

    const writer = openWriter({
      sql: app.database.patient.sql,
      leases: app.sessions.leases,
      metrics: app.metrics,
      log: app.log,
      outages: app.outages,
      onListening: app.notices.onListening,
      describeWrites: app.health.describeWrites,
    })
    const { outbox, discard } = writer
    const scheduler = createSessionScheduler(app, { config, model, outbox, clock })
    const stored = createStoredSessions({
      orm: app.database.orm,
      vault: app.vault,
      owner: app.instanceId,
      prepareConsent: app.consent.prepare,
      askMayOffer: app.conversation.askMayOffer,
      awaits: scheduler.awaits,
      listUncommitted: scheduler.uncommitted,
    })

    app.sessions.onUnstored((sessionId) => [...scheduler.unwritten(sessionId), ...outbox.waiting(sessionId)])

    followChanges(app, { scheduler, discard, carryBaseline: stored.carryBaseline })
    app.sessions.onLost((sessionId) => scheduler.lose(sessionId))

    const sweeper = setInterval(() => void scheduler.sweep(), config.sessions.leaseMs).unref()
    let served: string[] = []
    app.addHook('preClose', async () => {
      clearInterval(sweeper)
      served = await scheduler.stop(STOP_MS)
      await writer.settle(SETTLE_MS)
    })
    app.addHook('onClose', async () => {
      await writer.close(DRAIN_MS)
      await within(scheduler.release(served), RELEASE_MS)
    })

    app.decorate('analysis', {
      prepare: async (claimed: ClaimedSession) => {
        try {
          return await stored.prepare(claimed)
        } catch (error) {
          claimed.claim.release()
          throw error
        }
      },
      feed: (start: ClaimedStart, handshake: Span) => {
        const wasHere = scheduler.has(start.id, start.epoch)
        const session = start.claim.feed(() => scheduler.isActive(start.id))
          ? scheduler.open(start)
          : scheduler.openLost(start)
        const { id: sessionId, epoch } = session
        const feed = openFeed(session, {
          wasHere,
          handshake,
          metrics: app.metrics,
          isAllowed: () => app.consent.allows(start.userId),
          isHeld: () => app.sessions.leases.holds({ sessionId, epoch }),
        })
        const undelivered = () => {
          const answers = session.undelivered.list()
          return app.conversation.mayOffer(sessionId) ? [...answers] : withoutOffers(answers)
        }
        return { ...feed, undelivered }
      },
      answersSince: stored.answersSince,
      delivered: (sessionId: string, window: number) => scheduler.delivered(sessionId, window),
      isFull: (sessionId: string) => outbox.isFull(sessionId),
    })
  },
  {
    name: 'analysis',
    dependencies: [
      'consent',
      'conversation',
      'database',
      'health',
      'hub',
      'metrics',
      'models',
      'notices',
      'reports',
      'sessions',
      'tracing',
      'vault',
      'voice',
    ],
  },
)

/** Null without a key, or where emotions must not be inferred. */
function geminiAnalyser(
  { models: { gemini }, metrics }: FastifyInstance,
  { enabled, geminiTimeoutMs: timeoutMs }: Config['analysis'],
): ModelAnalyser | null {
  if (gemini === null || !enabled) return null
  return createGeminiAnalyser({
    models: gemini,
    timeoutMs,
    onCompared: (model, agrees) => metrics.modelAgreement.labels(model, agrees ? 'yes' : 'no').inc(),
  })
}

function logAnswer(log: FastifyBaseLogger, sessionId: string, answer: AnsweredWindow): void {
  const about = {
    session: logId(sessionId),
    window: answer.number,
    source: answer.source,
    model: answer.model,
    outcome: answer.modelOutcome,
    ...answer.span.ids,
  }
  const { emotion } = answer.reading
  if (answer.modelOutcome === 'timed_out') log.warn(about, '❌ [CRITICAL] Gemini timeout')
  else if (answer.source === 'gemini')
    log.info(about, `🎯 Gemini 분석 결과: ${emotion} (시간: ${(answer.latencyMs / 1000).toFixed(1)}s)`)
  else log.info(about, `window answered locally: ${emotion}`)
}
