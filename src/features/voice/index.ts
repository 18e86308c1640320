import { performance } from 'node:perf_hooks'
import fp from 'fastify-plugin'
import { databaseFault } from '../../db/faults.ts'
import { windowRow } from '../../domain/sealed-rows.ts'
import { within } from '../../lib/deadline.ts'
import { logId } from '../../lib/redact.ts'
import { WriteBehind } from '../../lib/write-behind.ts'
import { VOICE_MESSAGES } from './messages.ts'
import { voiceRepository as repository, type VoiceRow } from './repository.ts'
import { createVoiceService, type VoiceService, type WindowVoice } from './service.ts'

declare module 'fastify' {
  interface FastifyInstance {
    voice: Pick<VoiceService, 'open'> & {
      /** What a voice socket may be sent, for the documents. */
      readonly messages: typeof VOICE_MESSAGES
      /**
       * What is known of the voice in a window of a session, at or soon after its close. Never rejects, and answers
       * within a fraction of a second: a voice that cannot be asked for in time was not there. Unless `alsoStored` is
       * false the database is asked for a voice that is not heard in this process.
       */
      readonly of: (sessionId: string, window: number, alsoStored?: boolean) => Promise<WindowVoice>
      /** Resolves when no measures of the session wait to be written, however long that takes. */
      readonly settled: (sessionId: string) => Promise<void>
    }
  }
}

const MAX_WAITING = 5000
const ANSWER_MS = 150
const SWEEP_MS = 30_000
const MEASURES = 'voice_windows.measures'
const DRAIN_MS = 1500
const NOTHING: WindowVoice = { measures: null, speech: null }

/** How it was said: measures of the voice in each window. Sound itself is never kept. */
export const voice = fp(
  (app, _options, done) => {
    const { log } = app
    const { orm } = app.database
    /** As they are stored; those of sessions that are gone are left out. */
    const sealed = async (batch: readonly VoiceRow[]): Promise<VoiceRow[]> => {
      const safes = await app.vault.safesOfSessions(batch.map(({ sessionId }) => sessionId))
      return batch.flatMap((row) => {
        const { sessionId, window, measures } = row
        const safe = safes.get(sessionId)
        if (safe === undefined) return []
        return { ...row, measures: safe.sealJson(measures, MEASURES, windowRow(sessionId, window)) }
      })
    }
    const rows = new WriteBehind<VoiceRow>({
      write: async (batch) =>
        repository.upsert(app.database.patient.orm, await sealed(batch), app.consent.isRequired),
      isPassing: (error) => ['unavailable', 'not_ready'].includes(databaseFault(error)?.kind ?? ''),
      maxWaiting: MAX_WAITING,
      onRetry: (error, waiting) =>
        log.warn({ err: error, waiting }, 'measures of voices wait for the database'),
      onDrop: (count, error) => log.error({ err: error, count }, 'measures of voices were not stored'),
    })
    const service = createVoiceService({
      monotonic: () => performance.now(),
      store: (row) => rows.add(`${row.sessionId} ${row.window}`, row),
      find: async (sessionId, window) => {
        const stored = await repository.find(orm, sessionId, window)
        if (stored === undefined) return undefined
        const safe = (await app.vault.safesOfSessions([sessionId])).get(sessionId)
        return safe?.openJson(stored, MEASURES, windowRow(sessionId, window))
      },
      allows: app.consent.allows,
      onWords: (sessionId, text) => app.conversation.hear(sessionId, text),
      guarded: (work) => app.guard.run('voice_window', work),
    })
    app.hub.subscribe((sessionId, event) => {
      // Consent taken back: what has been heard of the open window is neither measured nor stored.
      if (event.type === 'status_changed' && event.reason === 'consent_withdrawn') service.forget(sessionId)
      else if (event.type === 'status_changed') service.setStatus(sessionId, event.status)
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
      settled: (sessionId: string) => rows.settled((row) => row.sessionId === sessionId),
      of: async (sessionId: string, window: number, alsoStored = true) => {
        try {
          const found = await within(service.of(sessionId, window, alsoStored), ANSWER_MS)
          return found === 'late' ? NOTHING : found
        } catch (error) {
          log.debug(
            { err: error, session: logId(sessionId), window },
            'the voice of a window could not be asked for',
          )
          return NOTHING
        }
      },
    })
    done()
  },
  { name: 'voice', dependencies: ['consent', 'conversation', 'database', 'guard', 'hub', 'vault'] },
)
