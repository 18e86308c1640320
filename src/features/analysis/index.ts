import { performance } from 'node:perf_hooks'
import type { FastifyBaseLogger } from 'fastify'
import fp from 'fastify-plugin'
import type { Sql } from 'postgres'
import type { Config } from '../../config.ts'
import { databaseFault } from '../../db/faults.ts'
import type { Language } from '../../domain/language.ts'
import { BASELINE } from '../../domain/sealed-rows.ts'
import { isTakenBack } from '../../domain/session.ts'
import { within } from '../../lib/deadline.ts'
import { createLook } from '../../lib/look.ts'
import { logId } from '../../lib/redact.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import type { ModelAnalyser } from './analyser.ts'
import type { AnsweredWindow } from './answer.ts'
import { type Feed, openFeed } from './feed.ts'
import { carriedFrom, decodeLearnt } from './learnt.ts'
import type { SessionStart } from './live-session.ts'
import { openModel } from './model/open.ts'
import { modelRepository } from './model/repository.ts'
import { Outbox, type OutboxContent } from './outbox.ts'
import { type Client, analysisRepository as repository } from './repository.ts'
import { fromWindowRow } from './rows.ts'
import { RecentWindows } from './recent-windows.ts'
import { createScheduler } from './scheduler.ts'
import { createSparePool } from './spare-pool.ts'

type SessionClaim = {
  readonly epoch: number
  readonly feed: (isActive: () => boolean) => boolean
  readonly release: () => void
}

/** A session that is ready to be fed; who has it feeds it, or releases its claim. */
type ClaimedStart = SessionStart & { readonly claim: SessionClaim }

type ClaimedSession = {
  readonly session: {
    readonly id: string
    readonly status: SessionStart['status']
    readonly startedAt: Date
    readonly intervalMs: number
    readonly language: Language
    /** What the session has learnt of its person so far, or begins with. */
    readonly baseline: Uint8Array | null
    readonly userId: number
  }
  /** By how much the database's clock is ahead of our monotonic one, ms. */
  readonly clockOffset: number
  /** The lease under which it was claimed, which is used up by feeding the session. */
  readonly claim: SessionClaim
  /** The last window that is stored, and whether any has not been sent to a socket. */
  readonly progress: { readonly lastWindow: number; readonly hasUndelivered: boolean }
}

declare module 'fastify' {
  interface FastifyInstance {
    analysis: {
      /** Brings the session to life in this process and takes its frames until the feed is closed. */
      readonly feed: (start: ClaimedStart) => Feed
      /** What this process has to know of a session that it has just claimed; releases the claim where it rejects. */
      readonly prepare: (claimed: ClaimedSession) => Promise<ClaimedStart>
      /** Stored answers after `window`, for a client that says what it has, at most the last sixty. */
      readonly answersSince: (sessionId: string, window: number) => Promise<readonly WindowAnswer[]>
      /** A socket has been sent this window's answer. */
      readonly delivered: (sessionId: string, window: number) => void
      /** Whether results of this session can no longer be kept safe: no new socket then. */
      readonly isFull: (sessionId: string) => boolean
      /** Tokens and estimated cost of the session's stored windows, millionths of a US dollar; null: not known. */
      readonly costOf: (
        sessionId: string,
      ) => Promise<{ promptTokens: number; answerTokens: number; costMicroUsd: number | null }>
    }
  }
}

const MAX_WAITING_PER_SESSION = 60
const MAX_WAITING_BYTES = 64 * 1024 * 1024
const MAX_RECENT_BYTES = 32 * 1024 * 1024
/** Unread spare frames of all sessions together. */
const SPARE_BYTES = 32 * 1024 * 1024
/** A write that fails for less long is a hiccup; after it this instance is not ready. */
const UNWRITTEN_MS = 1000
const STOP_MS = 1500
const RESTORE_MS = 30_000
/** After a lost result this instance is not ready for so long. */
const LOST_MS = 10_000
/** How long sockets are kept for the sake of what has been sent on them: whoever comes next must find it marked. */
const SETTLE_MS = 800
const DRAIN_MS = 2000
const RELEASE_MS = 500

/** The loop from frames to answers. */
export const analysis = fp(
  async (app, { config, model: given }: { config: Config; model?: ModelAnalyser | null }) => {
    const { metrics, log } = app
    const { orm } = app.database
    const { sql } = app.database.patient
    const remote = given === undefined ? openModel({ config: config.analysis, orm, metrics, log }) : null
    const own = config.analysis.enabled ? remote?.analyser : undefined
    const model = own ?? given ?? null
    await remote?.ready()
    if (remote !== null) {
      app.health.describeModel(remote.describe)
      app.conversation.guardModel({ admit: remote.analyser.admitGuest })
    }

    /** When writing began to fail; undefined while it succeeds. */
    let failingSince: number | undefined
    let lostAt = -Infinity
    app.health.describeWrites(() => {
      const now = performance.now()
      const isFailing = failingSince !== undefined && now - failingSince > UNWRITTEN_MS
      const faults = [
        ...(isFailing ? ['cannot write: results wait'] : []),
        ...(now - lostAt < LOST_MS ? ['cannot write: results are lost'] : []),
      ]
      const { lockedSessions } = outbox
      const remarks =
        lockedSessions === 0
          ? []
          : [`results of sessions wait, their rows are locked by other transactions: ${lockedSessions}`]
      return { faults, remarks }
    })

    const recent = new RecentWindows(MAX_RECENT_BYTES)
    const lookForLost = createLook({
      ask: () => repository.restoreWindows(sql, recent.list()),
      take: (count) => {
        if (count === 0) return
        metrics.restoredWindows.inc(count)
        log.warn({ count }, 'the database has lost windows that it had stored; they are stored again')
      },
      deadlineMs: RESTORE_MS,
    })
    /** Windows whose commit was confirmed may be missing after the database has failed over. */
    const restore = () =>
      void lookForLost().catch((error: unknown) =>
        log.warn({ err: error }, 'windows that the database may have lost could not be looked for'),
      )
    app.notices.onListening(restore)

    const outbox = new Outbox({
      transaction: (statements, work) => (statements === 1 ? work(sql) : inTransaction(sql, work)),
      repository,
      isPassing: (error) => ['unavailable', 'not_ready'].includes(databaseFault(error)?.kind ?? ''),
      onWaiting: (count) => metrics.outboxWindows.set(count),
      onStored: (contents) => {
        if (failingSince !== undefined) restore()
        failingSince = undefined
        recent.record(contents)
        logStored(log, contents)
      },
      onRetry: (error, waiting) => {
        failingSince ??= performance.now()
        log.warn({ err: error, waiting }, 'results wait for the database')
      },
      onDrop: (reason, sessionId, error) => {
        if (reason === 'outbox_full' || reason === 'refused_by_database') lostAt = performance.now()
        metrics.droppedWindows.labels(reason).inc()
        log.error({ err: error, reason, session: logId(sessionId) }, 'a result was not stored')
      },
      holds: app.sessions.leases.holds,
      onLost: app.sessions.leases.lost,
      onBehind: () => {
        restore()
        return app.sessions.leases.renew()
      },
      onLocked: (sessionId) =>
        log.warn(
          { session: logId(sessionId) },
          'results of a session wait: another transaction has locked its row',
        ),
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
        // How it was said matters to a model alone; what was said is known here, if anywhere.
        heard: (sessionId, window) => app.voice.of(sessionId, window, model !== null),
        takeOffer: app.conversation.takeOffer,
        monotonic: () => performance.now(),
      },
      owner: app.instanceId,
      outbox,
      leases: app.sessions.leases,
      othersSettled: async (sessionId) => {
        await Promise.all([app.voice.settled(sessionId), app.conversation.settled(sessionId)])
      },
      announce: (sessionId, event) => app.hub.publish(sessionId, event),
      onFenced: (sessionId, window) => {
        metrics.droppedWindows.labels('not_ours').inc()
        log.warn({ session: logId(sessionId), window }, 'a window was left to the owner of its session')
      },
      onFailed: (sessionId, window, error) => {
        if (window !== null) metrics.droppedWindows.labels('failed').inc()
        log.error({ err: error, session: logId(sessionId), window }, 'a window could not be analysed')
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

    app.sessions.onUnstored((sessionId) => [...scheduler.unwritten(sessionId), ...outbox.waiting(sessionId)])

    /** What the session has learnt of its person, for the next one of theirs. */
    const carry = async (sessionId: string): Promise<void> => {
      const found = await repository.findCarriable(orm, sessionId)
      if (found === undefined) return
      const safe = await app.vault.safeOf(found.userId)
      const learnt = carriedFrom(
        decodeLearnt(found.learnt === null ? null : safe.open(found.learnt, BASELINE)),
      )
      if (learnt !== undefined) await repository.carry(orm, found.userId, safe.seal(learnt, BASELINE))
    }

    /** Nothing of the session may be stored from now on. */
    const discard = (sessionId: string) => {
      outbox.discard(sessionId)
      recent.forget(sessionId)
    }

    app.hub.subscribe((sessionId, event) => {
      if (event.type === 'results_settled')
        carry(sessionId).catch((error: unknown) =>
          log.warn({ err: error, session: logId(sessionId) }, 'what a session has learnt was not kept'),
        )
      if (event.type === 'session_deleted') discard(sessionId)
      if (event.type !== 'status_changed') return
      if (event.status !== 'ended') {
        scheduler.setStatus(sessionId, event.status)
        return
      }
      const isCut = isTakenBack(event.reason)
      if (isCut) discard(sessionId)
      scheduler
        .end(sessionId, isCut)
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
      await remote?.close()
    })

    /** Answers from the rows, as they may be shown now. */
    const showable = async (
      sessionId: string,
      answers: readonly WindowAnswer[],
    ): Promise<readonly WindowAnswer[]> => {
      const isOffered = answers.some(({ intervention }) => intervention !== null)
      return isOffered && !(await app.conversation.askMayOffer(sessionId)) ? withoutOffers(answers) : answers
    }

    const prepare = async ({
      session,
      clockOffset,
      claim,
      progress,
    }: ClaimedSession): Promise<ClaimedStart> => {
      const { id, userId, status, intervalMs, language, baseline } = session
      const [safe] = await Promise.all([app.vault.safeOf(userId), app.consent.prepare(userId)])
      const { epoch } = claim
      const startedAt = session.startedAt.getTime()
      const learnt = decodeLearnt(baseline === null ? null : safe.open(baseline, BASELINE))
      const { lastWindow, hasUndelivered } = progress
      const start = {
        id,
        userId,
        status,
        intervalMs,
        language,
        epoch,
        startedAt,
        clockOffset,
        learnt,
        safe,
        lastWindow,
        claim,
      }
      if (scheduler.awaits(id, epoch) || !hasUndelivered) return { ...start, undelivered: [] }
      const rows = await repository.listUndelivered(orm, id, MAX_WAITING_PER_SESSION)
      if (rows.some((row) => row.answeredAt === null))
        await repository.answerOrphans(orm, id, { owner: app.instanceId, epoch })
      // One of our own that has no answer is still being answered.
      const answered = rows.filter((row) => row.answeredAt !== null || row.epoch < epoch)
      const answers = answered.map((row) => fromWindowRow(row, safe))
      return { ...start, undelivered: await showable(id, answers) }
    }

    app.decorate('analysis', {
      prepare: async (claimed: ClaimedSession) => {
        try {
          return await prepare(claimed)
        } catch (error) {
          claimed.claim.release()
          throw error
        }
      },
      feed: (start: ClaimedStart) => {
        const wasHere = scheduler.has(start.id, start.epoch)
        const session = start.claim.feed(() => scheduler.isActive(start.id))
          ? scheduler.open(start)
          : scheduler.openLost(start)
        const { id: sessionId, epoch } = session
        const feed = openFeed(session, {
          wasHere,
          metrics: app.metrics,
          isAllowed: () => app.consent.allows(start.userId),
          isHeld: () => app.sessions.leases.holds({ sessionId, epoch }),
        })
        const undelivered = () =>
          app.conversation.mayOffer(sessionId) ? [...session.undelivered] : withoutOffers(session.undelivered)
        return { ...feed, undelivered }
      },
      answersSince: async (sessionId: string, window: number) => {
        const rows = await repository.listAnswersSince(orm, sessionId, window, MAX_WAITING_PER_SESSION)
        const owner = rows.length === 0 ? undefined : await repository.findOwner(orm, sessionId)
        if (owner === undefined) return []
        const safe = await app.vault.safeOf(owner)
        return showable(
          sessionId,
          rows.map((row) => fromWindowRow(row, safe)),
        )
      },
      delivered: (sessionId: string, window: number) => scheduler.delivered(sessionId, window),
      isFull: (sessionId: string) => outbox.isFull(sessionId),
      costOf: (sessionId: string) => modelRepository.findCostOfSession(orm, sessionId),
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
      'notices',
      'sessions',
      'vault',
      'voice',
    ],
  },
)

/** The driver's type unwraps arrays of promises, which nobody gives it here. */
const inTransaction = async <T>(sql: Sql, work: (client: Client) => Promise<T>): Promise<T> =>
  (await sql.begin((client) => work(client))) as T

/** An exercise that nobody has seen yet is not shown any more after words of self-harm. */
const withoutOffers = (answers: readonly WindowAnswer[]): WindowAnswer[] =>
  answers.map((answer) => ({ ...answer, intervention: null }))

function logStored(log: FastifyBaseLogger, contents: readonly OutboxContent[]): void {
  for (const content of contents) {
    if (content.kind !== 'window') continue
    const { sessionId, window, emotion } = content.write.row
    log.info({ session: logId(sessionId), window }, `✅ [CRITICAL] Emotion saved to Supabase: ${emotion}`)
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
