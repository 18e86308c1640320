import { randomInt } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import type { Config } from '../../config.ts'
import { databaseFault } from '../../db/faults.ts'
import { DISTORTION_TYPES } from '../../domain/cbt/distortion.ts'
import { crisisNotice } from '../../domain/crisis/notice.ts'
import { exchangeRow, findingRow } from '../../domain/sealed-rows.ts'
import { within } from '../../lib/deadline.ts'
import { createLook } from '../../lib/look.ts'
import { createSealedIds } from '../../lib/sealed-id.ts'
import type { Safe } from '../../lib/sealing.ts'
import { WriteBehind } from '../../lib/write-behind.ts'
import { createCounsellor } from './counsellor.ts'
import { createGemini, type ModelGuard } from './gemini.ts'
import { type ExchangeRow, type FindingRow, conversationRepository as repository } from './repository.ts'
import { conversationRoutes } from './routes.ts'
import { type Conversations, createConversations } from './service.ts'
import { readEmotion } from './text-model.ts'
import { createThoughts, type Thoughts } from './thoughts.ts'
import { createTranscriber } from './transcriber.ts'

declare module 'fastify' {
  interface FastifyInstance {
    conversation: Pick<Conversations, 'join' | 'hear'> & {
      /** An exercise that may be offered with the next update, for what was said or written here lately; each once. */
      readonly takeOffer: Thoughts['takeOffer']
      /** False once words of self-harm were said in the session: what was to be offered is not shown any more. */
      readonly mayOffer: Thoughts['mayOffer']
      /** The same by what all instances know; false as well when nobody can be asked. */
      readonly askMayOffer: (sessionId: string) => Promise<boolean>
      /** Resolves when what the session's words have shown here, and what was answered, is written, however long that takes. */
      readonly settled: (sessionId: string) => Promise<void>
      /** Sets who watches over what models cost and how they do: asked before each call, told after it. */
      readonly guardModel: (guard: ModelGuard) => void
    }
  }
}

/** A person looks at an empty line until the first word is there. */
const FIRST_WORD_MS = 5000
const WHOLE_ANSWER_MS = 45_000
/** Longer than any answer may take. */
const TURN_MARGIN_MS = 10_000
const STORE_MS = 800
const STOP_MS = 1000
/** How often flags of other instances are looked for. */
const LOOK_MS = 500
const LOOK_DEADLINE_MS = 3000
const DRAIN_MS = 1500
const MAX_WAITING = 2000
const RECENT_EMOTIONS = 5
const EXCHANGES = 30
const MESSAGE = 'conversations.message'
const RESPONSE = 'conversations.response'
const DETECTIONS = 'cbt_findings.detections'
const INTERVENTION = 'cbt_findings.intervention'
const OFFERS = 5

/** Until somebody watches: leave for everything. */
const UNGUARDED: ModelGuard = { admit: async () => () => undefined }

/** What no Postgres text can hold: the zero character, and half of a surrogate pair. */
const UNSTORABLE = /[\0\p{Surrogate}]/gu
const storable = (text: string): string => text.replace(UNSTORABLE, '\uFFFD')

/** What people write and say, and what is answered: the counsellor, the emotion of a text, speech to text. */
export const conversation = fp(
  async (app, { config }: { config: Config }) => {
    const { log } = app
    const { orm } = app.database
    const { gemini: settings, enabled } = config.analysis
    const { crisisLines: lines } = config.counsellor
    const isConsentRequired = config.privacy.requireConsent
    const ids = createSealedIds(app.authentication.secret, 'conv')
    const isPassing = (error: unknown) =>
      ['unavailable', 'not_ready'].includes(databaseFault(error)?.kind ?? '')

    let guard = UNGUARDED
    const gemini = settings && createGemini({ ...settings, guard: () => guard })
    const onModel = (outcome: string) => {
      if (outcome !== 'answered' && outcome !== 'aborted')
        log.warn({ outcome }, 'a model did not answer a person')
    }

    /** Of the person whose session it is; undefined when it is gone. */
    const safeOfSession = async (sessionId: string): Promise<Safe | undefined> => {
      const owner = await repository.findOwner(orm, sessionId)
      return owner === undefined ? undefined : app.vault.safeOf(owner)
    }
    /** Stores an exchange, sealed, and returns its number; undefined when the session is gone. */
    const storeExchange = async (exchange: ExchangeRow): Promise<number | undefined> => {
      const { sessionId, createdAt, message, response } = exchange
      const safe = await safeOfSession(sessionId)
      if (safe === undefined) return undefined
      const name = exchangeRow(sessionId, createdAt)
      const sealed = {
        ...exchange,
        message: safe.seal(message, MESSAGE, name),
        response: safe.seal(response, RESPONSE, name),
      }
      return repository.insertExchange(orm, sealed, isConsentRequired)
    }

    /** As they are stored: detections hold words that were said. Those of sessions that are gone are left out. */
    const sealFindings = async (batch: readonly FindingRow[]): Promise<FindingRow[]> => {
      const safes = await app.vault.safesOfSessions(batch.map(({ sessionId }) => sessionId))
      return batch.flatMap((finding) => {
        const { sessionId, at, detections, intervention } = finding
        const safe = safes.get(sessionId)
        if (safe === undefined) return []
        const name = findingRow(sessionId, at)
        return {
          ...finding,
          detections: safe.sealJson(detections, DETECTIONS, name),
          intervention: intervention && safe.sealJson(intervention, INTERVENTION, name),
        }
      })
    }

    const writeFindings = () =>
      new WriteBehind<FindingRow>({
        write: async (batch) => repository.insertFindings(orm, await sealFindings(batch), isConsentRequired),
        isPassing,
        maxWaiting: MAX_WAITING,
        onRetry: (error, waiting) => log.warn({ err: error, waiting }, 'findings wait for the database'),
        onDrop: (count, error) => log.error({ err: error, count }, 'findings were not stored'),
      })
    const findings = writeFindings()
    /** Of self-harm: apart, so that no crowd of other findings pushes one out. */
    const flags = writeFindings()
    const exchanges = new WriteBehind<ExchangeRow>({
      write: async (batch) => {
        for (const exchange of batch) await storeExchange(exchange)
      },
      isPassing,
      maxWaiting: MAX_WAITING,
      onRetry: (error, waiting) => log.warn({ err: error, waiting }, 'conversations wait for the database'),
      onDrop: (count, error) => log.error({ err: error, count }, 'conversations were not stored'),
    })

    const thoughts = createThoughts({
      store: (finding) => {
        const { sessionId, isCrisis } = finding
        const at = finding.at.getTime()
        if (isCrisis) conversations.noteFlag(sessionId, at)
        ;(isCrisis ? flags : findings).add(`${sessionId} ${at}`, finding)
      },
      recall: async (sessionId) => {
        const rows = await repository.listFlagsAndOffers(orm, sessionId, OFFERS)
        if (rows[0]?.isCrisis) return { offers: [], isCrisis: true }
        const safe =
          rows.length === 0 ? undefined : (await app.vault.safesOfSessions([sessionId])).get(sessionId)
        const offers = rows
          .flatMap(({ at, intervention }) => {
            const opened =
              intervention && safe?.openJson(intervention, INTERVENTION, findingRow(sessionId, at))
            const type = DISTORTION_TYPES.find((known) => known === opened?.['distortionType'])
            return type === undefined ? [] : [{ at: at.getTime(), type }]
          })
          .reverse()
        return { offers, isCrisis: false }
      },
      onAsked: (error) => log.warn({ err: error }, 'it is not known what was offered before'),
      monotonic: () => performance.now(),
    })

    const totalMs = Math.min(WHOLE_ANSWER_MS, config.analysis.geminiTimeoutMs)
    const counsellor = createCounsellor({
      gemini,
      thoughts,
      lines,
      waits: { firstMs: Math.min(FIRST_WORD_MS, totalMs), totalMs },
      onModel,
      store: async (exchange) => {
        const { message, response } = exchange
        const row = { ...exchange, message: storable(message), response: storable(response) }
        const stored = storeExchange(row)
        const later = (error: unknown): undefined => {
          log.warn({ err: error }, 'a conversation could not be stored at once')
          exchanges.add(`${row.sessionId} ${row.createdAt.getTime()}`, row)
        }
        const id = await within(stored.catch(later), STORE_MS)
        return id === 'late' || id === undefined ? null : ids.seal(id)
      },
    })

    const conversations = createConversations({
      counsellor,
      thoughts,
      lines,
      findSession: (id) => repository.findSession(orm, id),
      listRecentEmotions: async (id) =>
        enabled ? (await repository.listRecentEmotions(orm, id, RECENT_EMOTIONS)).reverse() : [],
      listExchanges: async (id) => {
        const rows = await repository.listExchanges(orm, id, EXCHANGES)
        const safe = rows.length === 0 ? undefined : await safeOfSession(id)
        if (safe === undefined) return []
        return rows.reverse().map(({ message, response, createdAt }) => {
          const name = exchangeRow(id, createdAt)
          return { message: safe.open(message, MESSAGE, name), response: safe.open(response, RESPONSE, name) }
        })
      },
      takeTurn: async (id) => {
        const holder = randomInt(2 ** 47)
        const taken = await repository.takeTurn(orm, id, holder, totalMs + TURN_MARGIN_MS)
        return taken ? () => repository.giveTurnBack(orm, id, holder) : undefined
      },
      tellOthers: (sessionId, level) => app.notices.send({ kind: 'crisis', sessionId, level }),
      onFailure: (error) => log.warn({ err: error }, 'something of a conversation failed'),
    })

    app.notices.onNotice((notice) => {
      if (notice.kind === 'crisis') conversations.hearOfCrisis(notice.sessionId, notice.level)
    })
    /** Whatever becomes of a notice: the lines are shown wherever the person is. */
    const lookForFlags = createLook({
      ask: () => repository.listFlagsSince(orm, conversations.watched()),
      take: (found) => {
        // How urgent the words were is not stored: urgent is the safe assumption.
        for (const { id, at } of found)
          if (conversations.noteFlag(id, at)) conversations.hearOfCrisis(id, 'urgent')
      },
      deadlineMs: LOOK_DEADLINE_MS,
    })
    const looker = setInterval(() => {
      if (conversations.watched().size === 0) return
      lookForFlags().catch((error: unknown) => log.warn({ err: error }, 'flags could not be looked for'))
    }, LOOK_MS)
    app.hub.subscribe((sessionId, event) => {
      const isOver = event.type === 'status_changed' && event.status === 'ended'
      if (isOver || event.type === 'session_deleted') conversations.end(sessionId)
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
        .deleteOldTurns(orm)
        .catch((error: unknown) =>
          log.warn({ err: error }, 'old turns of the counsellor could not be cleared'),
        )
    })
    app.addHook('preClose', () => {
      clearInterval(looker)
      return conversations.stop(STOP_MS)
    })
    app.addHook('onClose', async () => {
      await Promise.all([exchanges, findings, flags].map((rows) => rows.close(DRAIN_MS)))
    })

    app.decorate('conversation', {
      join: conversations.join,
      hear: conversations.hear,
      takeOffer: thoughts.takeOffer,
      mayOffer: thoughts.mayOffer,
      askMayOffer: async (sessionId: string) => (await thoughts.paceOf(sessionId)) !== null,
      settled: async (sessionId: string) => {
        await conversations.settled(sessionId)
        const isMine = (row: { readonly sessionId: string }) => row.sessionId === sessionId
        await Promise.all([exchanges, findings, flags].map((rows) => rows.settled(isMine)))
      },
      guardModel: (given: ModelGuard) => {
        guard = given
      },
    })
    await app.register(conversationRoutes, {
      prefix: '/api',
      noticeOf: (text, language) => crisisNotice(text, language, lines),
      readEmotion: enabled
        ? (text, isForModel, request) => readEmotion(text, isForModel ? gemini : null, totalMs, request)
        : null,
      transcriber: gemini && createTranscriber(gemini, totalMs, onModel),
    })
  },
  {
    name: 'conversation',
    dependencies: ['authentication', 'database', 'hub', 'notices', 'sessions', 'vault'],
  },
)
