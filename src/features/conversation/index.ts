import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../../config/config.ts'
import { createCrisisNotice } from '../../domain/crisis/notice.ts'
import { createPoll } from '../../lib/poll.ts'
import { createSealedIds } from '../../lib/sealed-id.ts'
import { createCounsellor } from './counsellor.ts'
import { createLanguageModel, type LanguageModel, type Outcome } from './language-model.ts'
import { createRecords } from './records.ts'
import { conversationRepository as repository } from './repository.ts'
import { conversationRoutes } from './routes.ts'
import { type Conversations, createConversations } from './service.ts'
import { readEmotion } from './text-emotion.ts'
import { createThoughts, type Thoughts } from './thoughts.ts'
import { createTranscriber } from './transcriber.ts'

declare module 'fastify' {
  interface FastifyInstance {
    conversation: Pick<Conversations, 'join' | 'hear'> & {
      /** The exercise to offer with the next update, from recent speech or messages on this instance; each once. */
      readonly takeOffer: Thoughts['takeOffer']
      /** False once self-harm language was detected in the session: pending exercises are no longer shown. */
      readonly mayOffer: Thoughts['mayOffer']
      /** The same for all instances; also false while the database is unavailable. */
      readonly askMayOffer: (sessionId: string) => Promise<boolean>
      /** Resolves when all findings and exchanges of the session on this instance are written, without a time limit. */
      readonly settled: (sessionId: string) => Promise<void>
      /** The session has ended: aborts an answer in progress. */
      readonly finish: (sessionId: string) => void
    }
  }
}

/** The client shows an empty line until the first text arrives. */
const FIRST_TEXT_MS = 5000
const WHOLE_ANSWER_MS = 45_000
/** A lock expires later than the longest answer. */
const LOCK_MARGIN_MS = 10_000
const STOP_MS = 1000
/** For flags set by other instances. */
const POLL_INTERVAL_MS = 500
const POLL_DEADLINE_MS = 3000
const RECENT_EMOTIONS = 5

/** Follows the flags of self-harm that other instances set: by notice, and from the rows, because notices may be lost. */
function followFlags(app: FastifyInstance, conversations: Conversations): void {
  const { orm } = app.database
  app.notices.onNotice((notice) => {
    if (notice.kind === 'crisis') conversations.handleRemoteCrisis(notice.sessionId, notice.level)
  })
  const pollFlags = createPoll({
    ask: () => repository.listFlagsSince(orm, conversations.getWatched()),
    take: (found) => {
      // The level is not stored: 'urgent' is the safe assumption.
      for (const { id, at } of found)
        if (conversations.noteFlag(id, at)) conversations.handleRemoteCrisis(id, 'urgent')
    },
    deadlineMs: POLL_DEADLINE_MS,
  })
  const flagTimer = setInterval(() => {
    if (conversations.getWatched().size === 0) return
    pollFlags().catch((error: unknown) => app.outages.report(error, 'flags of self-harm could not be read'))
  }, POLL_INTERVAL_MS)
  app.addHook('preClose', (done) => {
    clearInterval(flagTimer)
    done()
  })
}

type Parts = {
  readonly config: Config
  readonly model: LanguageModel | null
  readonly onModel: (outcome: Outcome) => void
  /** Longest time of an answer. */
  readonly totalMs: number
}

/** The conversations with what they read and write. */
function openConversations(app: FastifyInstance, { config, model, onModel, totalMs }: Parts) {
  const { log } = app
  const { orm } = app.database
  const { enabled } = config.analysis
  const { crisisLines: lines } = config.counsellor
  const ids = createSealedIds(app.authentication.secret, 'conv')

  const records = createRecords({
    orm,
    vault: app.vault,
    isConsentRequired: config.privacy.requireConsent,
    log,
    outages: app.outages,
  })
  const thoughts = createThoughts({
    store: (finding) => {
      if (finding.isCrisis) conversations.noteFlag(finding.sessionId, finding.at.getTime())
      records.addFinding(finding)
    },
    recall: records.recall,
    onRecallFailed: (error) => app.outages.report(error, 'earlier offers could not be read'),
    monotonic: () => performance.now(),
  })

  const counsellor = createCounsellor({
    model,
    thoughts,
    lines,
    waits: { firstMs: Math.min(FIRST_TEXT_MS, totalMs), totalMs },
    onModel,
    store: async (exchange) => {
      const id = await records.addExchange(exchange)
      return id === null ? null : ids.seal(id)
    },
  })

  const conversations = createConversations({
    counsellor,
    thoughts,
    lines,
    findSession: (id) => repository.findSession(orm, id),
    listRecentEmotions: async (id) =>
      enabled ? (await repository.listRecentEmotions(orm, id, RECENT_EMOTIONS)).reverse() : [],
    listExchanges: records.listExchanges,
    acquireLock: async (sessionId) => {
      const holder = randomUUID()
      const ms = totalMs + LOCK_MARGIN_MS
      const isOurs = await repository.acquireLock(orm, { sessionId, holder, ms })
      return isOurs ? () => repository.releaseLock(orm, sessionId, holder) : undefined
    },
    notifyInstances: (sessionId, level) => app.notices.send({ kind: 'crisis', sessionId, level }),
    onFailure: (error) => app.outages.report(error, 'a step of a conversation failed'),
  })
  return { conversations, thoughts, records }
}

/** The counsellor, the emotion of a text, and speech to text. */
export const conversation = fp(
  async (app, { config }: { config: Config }) => {
    const { log } = app
    const { orm } = app.database
    const { gemini } = app.models
    const { enabled } = config.analysis
    const { crisisLines: lines } = config.counsellor

    const model = gemini && createLanguageModel(gemini)
    const onModel = (answer: Outcome) => {
      if (answer.outcome === 'complete' || answer.reason === 'aborted') return
      const { reason: outcome, detail } = answer
      log.warn({ outcome, detail }, 'a model did not answer a user')
    }

    const totalMs = Math.min(WHOLE_ANSWER_MS, config.analysis.geminiTimeoutMs)
    const { conversations, thoughts, records } = openConversations(app, { config, model, onModel, totalMs })

    followFlags(app, conversations)
    app.hub.subscribe((sessionId, event) => {
      if (event.type === 'session_deleted') conversations.end(sessionId)
      if (event.type !== 'window_answered') return
      const { window, reading } = event.answer
      conversations.noteEmotion(sessionId, {
        window,
        emotion: reading.emotion,
        confidence: reading.confidence,
      })
    })
    app.addHook('onReady', () => {
      repository
        .deleteExpiredLocks(orm)
        .catch((error: unknown) =>
          app.outages.report(error, 'expired locks of conversations could not be deleted'),
        )
    })
    app.addHook('preClose', () => conversations.stop(STOP_MS))
    app.addHook('onClose', () => records.close())

    app.decorate('conversation', {
      join: conversations.join,
      hear: conversations.hear,
      takeOffer: thoughts.takeOffer,
      mayOffer: thoughts.mayOffer,
      askMayOffer: async (sessionId: string) => (await thoughts.getPace(sessionId)) !== null,
      finish: conversations.end,
      settled: async (sessionId: string) => {
        await conversations.settled(sessionId)
        await records.settled(sessionId)
      },
    })
    await app.register(conversationRoutes, {
      prefix: '/api',
      createNotice: (text, language) => createCrisisNotice(text, language, lines),
      readEmotion: enabled
        ? (text, isForModel, request) => readEmotion(text, isForModel ? model : null, totalMs, request)
        : null,
      transcriber: model && createTranscriber(model, totalMs, onModel),
    })
  },
  {
    name: 'conversation',
    dependencies: ['authentication', 'database', 'hub', 'models', 'notices', 'sessions', 'vault'],
  },
)
