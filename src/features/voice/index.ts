import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import type { WindowVoice } from '../../domain/voice/measures.ts'
import { isPassing } from '../../db/faults.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import { within } from '../../lib/deadline.ts'
import { logId } from '../../lib/redact.ts'
import { BatchWriter } from '../../lib/batch-writer.ts'
import { VOICE_MESSAGES } from './messages.ts'
import { voiceRepository as repository, type VoiceRow } from './repository.ts'
import { createVoiceService, type VoiceService } from './service.ts'

declare module 'fastify' {
  interface FastifyInstance {
    voice: Pick<VoiceService, 'open'> & {
      /** Closes the open window of a session that has ended; with `isForgotten` it is neither measured nor stored. */
      readonly finish: (sessionId: string, isForgotten: boolean) => void
      /** The messages of a voice socket, for the documents. */
      readonly messages: typeof VOICE_MESSAGES
      /**
       * The voice in a window, at or soon after its close. Never rejects. Returns no voice when the database does not
       * answer within a fraction of a second. Unless `alsoStored` is false, the measures are read from the database
       * when the voice socket is on another instance.
       */
      readonly getWindow: (sessionId: string, window: number, alsoStored?: boolean) => Promise<WindowVoice>
      /** Resolves when no measures of the session wait to be written, however long that takes. */
      readonly settled: (sessionId: string) => Promise<void>
    }
  }
}

const MAX_WAITING = 5000
const ANSWER_MS = 150
const SWEEP_MS = 30_000
const { measures: MEASURES } = SEALED.voiceWindows
const DRAIN_MS = 1500
const NO_VOICE: WindowVoice = { measures: null, speech: null }

/** Measures of the voice in each window. Audio is never stored. */
export const voice = fp(
  (app, _options, done) => {
    const { log } = app
    const { orm } = app.database
    /** The encrypted rows, without those of deleted sessions. */
    const sealed = async (batch: readonly VoiceRow[]): Promise<VoiceRow[]> => {
      const safes = await app.vault.safesOfSessions(batch.map(({ sessionId }) => sessionId))
      return batch.flatMap((row) => {
        const safe = safes.get(row.sessionId)
        return safe === undefined ? [] : { ...row, measures: safe.sealJson(row.measures, MEASURES.at(row)) }
      })
    }
    const rows = new BatchWriter<VoiceRow>({
      write: async (batch) =>
        repository.upsert(app.database.patient.orm, await sealed(batch), app.consent.isRequired),
      isPassing,
      maxWaiting: MAX_WAITING,
      onRetry: (error, waiting) =>
        app.outages.report(error, 'measures of voices wait for the database', { waiting }),
      onDrop: (count, error) => log.error({ err: error, count }, 'measures of voices were not stored'),
    })
    const service = createVoiceService({
      monotonic: () => performance.now(),
      store: (row) => rows.add(`${row.sessionId} ${row.window}`, row),
      find: async (sessionId, window) => {
        const stored = await repository.find(orm, sessionId, window)
        if (stored === undefined) return undefined
        const safe = (await app.vault.safesOfSessions([sessionId])).get(sessionId)
        return safe?.openJson(stored, MEASURES.at({ sessionId, window }))
      },
      allows: app.consent.allows,
      onWords: (sessionId, text) => app.conversation.hear(sessionId, text),
      guarded: (work) => app.guard.run('voice_window', work),
    })
    app.hub.subscribe((sessionId, event) => {
      if (event.type === 'status_changed' && event.status !== 'ended')
        service.setStatus(sessionId, event.status)
      if (event.type === 'session_deleted') service.forget(sessionId)
    })
    app.every('voice_sweep', SWEEP_MS, service.sweep)
    app.addHook('preClose', (next) => {
      service.stop()
      next()
    })
    app.addHook('onClose', () => rows.close(DRAIN_MS))

    app.decorate('voice', {
      open: service.open,
      messages: VOICE_MESSAGES,
      finish: (sessionId: string, isForgotten: boolean) =>
        isForgotten ? service.forget(sessionId) : service.setStatus(sessionId, 'ended'),
      settled: (sessionId: string) => rows.settled((row) => row.sessionId === sessionId),
      getWindow: async (sessionId: string, window: number, alsoStored = true) => {
        try {
          const found = await within(service.getVoice(sessionId, window, alsoStored), ANSWER_MS)
          return found === 'late' ? NO_VOICE : found
        } catch (error) {
          log.debug(
            { err: error, session: logId(sessionId), window },
            'the voice of a window could not be read',
          )
          return NO_VOICE
        }
      },
    })
    done()
  },
  { name: 'voice', dependencies: ['consent', 'conversation', 'database', 'guard', 'hub', 'vault'] },
)
