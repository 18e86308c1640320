import { LRUCache } from 'lru-cache'
import { type CrisisLine, crisisLines, formatCrisisMessage } from '../../domain/crisis/lines.ts'
import type { CrisisNotice } from '../../domain/crisis/notice.ts'
import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Language } from '../../domain/language.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import { within } from '../../lib/deadline.ts'
import type { AiEvent, AiRequest } from '../../protocol/ai-events.ts'
import { type ContextDependencies, createContexts } from './context.ts'
import type { Counsellor } from './counsellor.ts'
import { createFlagTimes } from './flag-times.ts'
import type { Thoughts } from './thoughts.ts'
import { entryLimit } from '../../lib/entry-limit.ts'

/** A session socket. */
type Listener = {
  /** The client's language, used while the session's language is unknown. */
  readonly language: Language
  /** Returns false when the socket is closed. */
  readonly send: (event: AiEvent) => boolean
}

type Dependencies = ContextDependencies & {
  readonly counsellor: Counsellor
  readonly thoughts: Thoughts
  readonly lines: readonly CrisisLine[]
  /** Locks the session for one answer across all instances; undefined while another answer holds the lock. */
  readonly acquireLock: (sessionId: string) => Promise<(() => Promise<void>) | undefined>
  /** Notifies the other instances, which have session sockets of their own. */
  readonly notifyInstances: (sessionId: string, level: CrisisNotice['level']) => void
}

const REMEMBERED_SESSIONS = 10_000
const RELEASE_MS = 300
/** The crisis lines are not repeated within this time. */
const CRISIS_AGAIN_MS = 60_000
/** Texts of one session that may wait to be read. */
const MAX_WAITING = 20

type Flight = {
  readonly controller: AbortController
  readonly by: Listener
  /** No event is sent after this, except an error code. */
  isAborted: boolean
}

/** The listeners of each session, and one answer at a time per session. */
export function createConversations(dependencies: Dependencies) {
  const { counsellor, thoughts, lines, onFailure } = dependencies
  const contexts = createContexts(dependencies)
  const { queryOr } = contexts
  const listeners = new Map<string, Set<Listener>>()
  const flagTimes = createFlagTimes()
  const flights = new Map<string, Flight>()
  /** Work in progress, with its session. */
  const running = new Map<Promise<void>, string>()
  const shownAt = new LRUCache<string, true>({ ...entryLimit(REMEMBERED_SESSIONS), ttl: CRISIS_AGAIN_MS })
  const reading = new Map<string, number>()

  /** Answers the request and returns the last event. */
  const respond = async (
    sessionId: string,
    request: AiRequest,
    flight: Flight,
  ): Promise<AiEvent | undefined> => {
    const { by, controller } = flight
    // A message with self-harm language does not wait for another answer.
    const isUrgent = readCrisis(request.message).isCrisis
    const lock = isUrgent ? Promise.resolve(async () => undefined) : dependencies.acquireLock(sessionId)
    const loading = contexts.load(sessionId, by.language)
    // If the database is unavailable, the message is answered without the lock.
    const release = await queryOr(lock, async () => (await lock)?.())
    if (release === undefined) return { type: 'error', code: 'AI_BUSY' }
    try {
      const { status, ...context } = await loading
      if (status === 'ended') return { type: 'error', code: 'SESSION_ENDED' }
      if (controller.signal.aborted) return undefined
      const send = (event: AiEvent) => !flight.isAborted && by.send(event)
      return await counsellor.answer({ sessionId, request, context, send, signal: controller.signal })
    } finally {
      // Before the last event, because the client may send its next message when it receives that.
      await within(release().catch(onFailure), RELEASE_MS)
    }
  }

  /** Aborts an answer; sends `code` to its listener. */
  const abort = (flight: Flight | undefined, code?: ErrorCode) => {
    if (flight === undefined || flight.isAborted) return
    flight.isAborted = true
    flight.controller.abort()
    if (code !== undefined) flight.by.send({ type: 'error', code })
  }

  /** Sends the crisis lines to all session sockets on this instance, as an unrequested answer. */
  const showLines = (sessionId: string, level: CrisisNotice['level']) => {
    abort(flights.get(sessionId), 'AI_INTERRUPTED')
    for (const { send, language } of listeners.get(sessionId) ?? []) {
      const text = formatCrisisMessage(level, language, crisisLines(language, lines))
      const timestamp = Date.now()
      send({ type: 'begin', timestamp, emotion: null })
      send({ type: 'chunk', timestamp, chunk: text })
      send({ type: 'complete', timestamp, fullResponse: text, conversationId: null, source: 'local' })
    }
  }

  /** The same on every instance; false if the lines were shown within `CRISIS_AGAIN_MS`. */
  const showLinesOnce = (sessionId: string, level: CrisisNotice['level']): boolean => {
    if (shownAt.has(sessionId)) return false
    shownAt.set(sessionId, true)
    showLines(sessionId, level)
    dependencies.notifyInstances(sessionId, level)
    return true
  }

  const readSpeech = async (sessionId: string, text: string): Promise<void> => {
    const session = await queryOr(dependencies.findSession(sessionId), undefined)
    const found = await thoughts.read(sessionId, text, session?.language ?? 'ko')
    thoughts.note(sessionId, { text, isSpoken: true }, found)
  }

  return {
    /** Adds a session socket until `leave` is called. */
    join: (sessionId: string, listener: Listener) => {
      const present = listeners.get(sessionId) ?? new Set()
      if (present.size === 0) flagTimes.watch(sessionId)
      listeners.set(sessionId, present.add(listener))
      return {
        /** Sends the answer to the listener as events. A session gets one answer at a time. */
        ask(request: AiRequest): void {
          const { level } = readCrisis(request.message)
          const isFirst =
            level !== 'none' && thoughts.flag(sessionId, { text: request.message, isSpoken: false })
          if (flights.has(sessionId)) {
            const isAnswered = level !== 'none' && showLinesOnce(sessionId, level)
            if (!isAnswered) listener.send({ type: 'error', code: 'AI_BUSY' })
            return
          }
          if (isFirst) dependencies.notifyInstances(sessionId, level)
          const flight: Flight = { controller: new AbortController(), by: listener, isAborted: false }
          flights.set(sessionId, flight)
          const run = respond(sessionId, request, flight)
            .catch((error: unknown): AiEvent => {
              onFailure(error)
              return { type: 'error', code: 'AI_UNAVAILABLE' }
            })
            .then((last) => {
              flights.delete(sessionId)
              running.delete(run)
              if (last !== undefined && !flight.isAborted) listener.send(last)
            })
          running.set(run, sessionId)
        },
        leave(): void {
          const flight = flights.get(sessionId)
          if (flight?.by === listener) abort(flight)
          present.delete(listener)
          if (present.size > 0 || listeners.get(sessionId) !== present) return
          listeners.delete(sessionId)
          flagTimes.unwatch(sessionId)
        },
      }
    },

    /** Reads transcribed speech: at once for self-harm language, else asynchronously for cognitive distortions. */
    hear: (sessionId: string, text: string): void => {
      const { level } = readCrisis(text)
      if (level !== 'none') {
        thoughts.flag(sessionId, { text, isSpoken: true })
        showLinesOnce(sessionId, level)
        return
      }
      const waiting = reading.get(sessionId) ?? 0
      if (waiting >= MAX_WAITING) return
      reading.set(sessionId, waiting + 1)
      const run = readSpeech(sessionId, text)
        .catch(onFailure)
        .finally(() => {
          running.delete(run)
          const left = (reading.get(sessionId) ?? 1) - 1
          if (left > 0) reading.set(sessionId, left)
          else reading.delete(sessionId)
        })
      running.set(run, sessionId)
    },

    /** Self-harm language was detected on another instance. */
    handleRemoteCrisis: (sessionId: string, level: CrisisNotice['level']): void => {
      thoughts.closeOffers(sessionId)
      if (!listeners.has(sessionId) || shownAt.has(sessionId)) return
      shownAt.set(sessionId, true)
      showLines(sessionId, level)
    },

    getWatched: flagTimes.getWatched,
    noteFlag: flagTimes.noteFlag,
    noteEmotion: contexts.noteEmotion,

    end: (sessionId: string) => abort(flights.get(sessionId), 'SESSION_ENDED'),

    /** Resolves when no text of the session is being read or answered on this instance. */
    async settled(sessionId: string): Promise<void> {
      await Promise.all([...running].flatMap(([run, id]) => (id === sessionId ? [run] : [])))
    },

    /** Aborts every answer and waits until complete ones are stored, for at most `ms`. */
    async stop(ms: number): Promise<void> {
      for (const flight of flights.values()) abort(flight)
      if (running.size > 0) await within(Promise.allSettled(running.keys()), ms)
    },
  }
}

export type Conversations = ReturnType<typeof createConversations>
