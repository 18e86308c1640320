import { LRUCache } from 'lru-cache'
import { type CrisisLine, crisisLines, crisisMessage } from '../../domain/crisis/lines.ts'
import type { CrisisNotice } from '../../domain/crisis/notice.ts'
import { readCrisis } from '../../domain/crisis/read-crisis.ts'
import type { Language } from '../../domain/language.ts'
import type { SessionStatus } from '../../domain/session.ts'
import type { ErrorCode } from '../../errors.ts'
import { within } from '../../lib/deadline.ts'
import type { AiEvent, AiRequest, Counsellor, Surroundings } from './counsellor.ts'
import type { Exchange, RecentEmotion } from './prompt.ts'
import type { Thoughts } from './thoughts.ts'

/** A session socket, as this room knows it. */
export type Listener = {
  /** Of its holder, for as long as the session's own is not known. */
  readonly language: Language
  /** False when it is closed. */
  readonly tell: (event: AiEvent) => boolean
}

type Dependencies = {
  readonly counsellor: Counsellor
  readonly thoughts: Thoughts
  readonly lines: readonly CrisisLine[]
  readonly findSession: (
    id: string,
  ) => Promise<{ readonly status: SessionStatus; readonly language: Language } | undefined>
  /** Oldest first. */
  readonly listRecentEmotions: (sessionId: string) => Promise<readonly RecentEmotion[]>
  readonly listExchanges: (sessionId: string) => Promise<readonly Exchange[]>
  /** The right to answer in the session, over all instances: undefined while another has it. */
  readonly takeTurn: (sessionId: string) => Promise<(() => Promise<void>) | undefined>
  /** To the session sockets on other instances. */
  readonly tellOthers: (sessionId: string, level: CrisisNotice['level']) => void
  readonly onFailure: (error: unknown) => void
}

const REMEMBERED_SESSIONS = 10_000
const RECENT_EMOTIONS = 5
/** The database is waited for this long; then the answer is made without what it knows. */
const CONTEXT_MS = 800
const GIVE_BACK_MS = 300
/** The lines are shown again after this long. */
const CRISIS_AGAIN_MS = 60_000
/** Clocks of instances differ by less, and a socket may come a moment after the words. */
const FLAG_OVERLAP_MS = 2000
/** Words of one session that may wait to be read. */
const MOST_WAITING = 20

type Flight = {
  readonly controller: AbortController
  readonly by: Listener
  /** Ended early: its listener went or has been told why. */
  isCut: boolean
}

/** Conversations: who is listening in which session, and one answer at a time in each. */
export function createConversations(dependencies: Dependencies) {
  const { counsellor, thoughts, lines, onFailure } = dependencies
  const listeners = new Map<string, Set<Listener>>()
  /** Of sessions with a listener here: the last flag that is known here, or when the first listener came, ms. */
  const flaggedAt = new Map<string, number>()
  const flights = new Map<string, Flight>()
  /** What is under way, and in which session. */
  const running = new Map<Promise<void>, string>()
  const recentHere = new LRUCache<string, readonly RecentEmotion[]>({ max: REMEMBERED_SESSIONS })
  const shownAt = new LRUCache<string, true>({ max: REMEMBERED_SESSIONS, ttl: CRISIS_AGAIN_MS })
  const reading = new Map<string, number>()

  /** What the database says in time, else `otherwise`. */
  const asked = async <T>(question: Promise<T>, otherwise: T): Promise<T> => {
    const answer = await within(
      question.catch((error: unknown) => (onFailure(error), otherwise)),
      CONTEXT_MS,
    )
    return answer === 'late' ? otherwise : answer
  }

  const surroundings = async (
    sessionId: string,
    { language }: Listener,
  ): Promise<Surroundings & { status: SessionStatus }> => {
    const [session, stored, history] = await Promise.all([
      asked(dependencies.findSession(sessionId), undefined),
      asked(dependencies.listRecentEmotions(sessionId), []),
      asked(dependencies.listExchanges(sessionId), []),
    ])
    // The newest windows may still be on their way to the database.
    const byWindow = new Map(
      [...stored, ...(recentHere.get(sessionId) ?? [])].map((one) => [one.window, one]),
    )
    const recent = [...byWindow.values()].sort((a, b) => a.window - b.window).slice(-RECENT_EMOTIONS)
    return { status: session?.status ?? 'active', language: session?.language ?? language, recent, history }
  }

  /** Answers, and returns what is said last. */
  const respond = async (
    sessionId: string,
    request: AiRequest,
    flight: Flight,
  ): Promise<AiEvent | undefined> => {
    const { by, controller } = flight
    // Whoever speaks of self-harm is not told to wait for another answer.
    const isUrgent = readCrisis(request.message).isCrisis
    const turn = isUrgent ? Promise.resolve(async () => undefined) : dependencies.takeTurn(sessionId)
    const surrounded = surroundings(sessionId, by)
    // Without the database nobody can say who else is answering, and a person who waits comes first.
    const giveBack = await asked(turn, async () => (await turn)?.())
    if (giveBack === undefined) return { type: 'error', code: 'AI_BUSY' }
    try {
      const { status, ...around } = await surrounded
      if (status === 'ended') return { type: 'error', code: 'SESSION_ENDED' }
      if (controller.signal.aborted) return undefined
      const tell = (event: AiEvent) => !flight.isCut && by.tell(event)
      return await counsellor.answer(sessionId, request, around, tell, controller.signal)
    } finally {
      // Before the last word, for that is what the next question waits for.
      await within(giveBack().catch(onFailure), GIVE_BACK_MS)
    }
  }

  /** Ends an answer early, with a last word where somebody still listens. */
  const cut = (flight: Flight | undefined, word?: ErrorCode) => {
    if (flight === undefined || flight.isCut) return
    flight.isCut = true
    flight.controller.abort()
    if (word !== undefined) flight.by.tell({ type: 'error', code: word })
  }

  /** An answer that nobody has asked for: concern, and the lines. */
  const showLines = (sessionId: string, level: CrisisNotice['level']) => {
    cut(flights.get(sessionId), 'AI_INTERRUPTED')
    for (const { tell, language } of listeners.get(sessionId) ?? []) {
      const text = crisisMessage(level, language, crisisLines(language, lines))
      const timestamp = Date.now()
      tell({ type: 'begin', timestamp, emotion: null })
      tell({ type: 'chunk', timestamp, chunk: text })
      tell({ type: 'complete', timestamp, fullResponse: text, conversationId: null, source: 'local' })
    }
  }

  /** The same on every instance, once for a while; false when it was said lately. */
  const showLinesOnce = (sessionId: string, level: CrisisNotice['level']): boolean => {
    if (shownAt.has(sessionId)) return false
    shownAt.set(sessionId, true)
    showLines(sessionId, level)
    dependencies.tellOthers(sessionId, level)
    return true
  }

  const consider = async (sessionId: string, text: string): Promise<void> => {
    const session = await asked(dependencies.findSession(sessionId), undefined)
    const found = await thoughts.read(sessionId, text, session?.language ?? 'ko')
    thoughts.note(sessionId, { text, isSpoken: true }, found)
  }

  return {
    /** A session socket, until it leaves. */
    join: (sessionId: string, listener: Listener) => {
      const present = listeners.get(sessionId) ?? new Set()
      if (present.size === 0) flaggedAt.set(sessionId, Date.now() - FLAG_OVERLAP_MS)
      listeners.set(sessionId, present.add(listener))
      return {
        /** Answers to the listener, as events; a session is answered one message at a time. */
        ask(request: AiRequest): void {
          const { level } = readCrisis(request.message)
          const isNews =
            level !== 'none' && thoughts.flag(sessionId, { text: request.message, isSpoken: false })
          if (flights.has(sessionId)) {
            const isAnswered = level !== 'none' && showLinesOnce(sessionId, level)
            if (!isAnswered) listener.tell({ type: 'error', code: 'AI_BUSY' })
            return
          }
          if (isNews) dependencies.tellOthers(sessionId, level)
          const flight: Flight = { controller: new AbortController(), by: listener, isCut: false }
          flights.set(sessionId, flight)
          const run = respond(sessionId, request, flight)
            .catch((error: unknown): AiEvent => {
              onFailure(error)
              return { type: 'error', code: 'AI_UNAVAILABLE' }
            })
            .then((last) => {
              flights.delete(sessionId)
              running.delete(run)
              if (last !== undefined && !flight.isCut) listener.tell(last)
            })
          running.set(run, sessionId)
        },
        leave(): void {
          const flight = flights.get(sessionId)
          if (flight?.by === listener) cut(flight)
          present.delete(listener)
          if (present.size > 0 || listeners.get(sessionId) !== present) return
          listeners.delete(sessionId)
          flaggedAt.delete(sessionId)
        },
      }
    },

    /** Words that were said: read at once for self-harm, else in their turn for habits of thought. */
    hear: (sessionId: string, text: string): void => {
      const { level } = readCrisis(text)
      if (level !== 'none') {
        thoughts.flag(sessionId, { text, isSpoken: true })
        showLinesOnce(sessionId, level)
        return
      }
      const waiting = reading.get(sessionId) ?? 0
      if (waiting >= MOST_WAITING) return
      reading.set(sessionId, waiting + 1)
      const run = consider(sessionId, text)
        .catch(onFailure)
        .finally(() => {
          running.delete(run)
          const left = (reading.get(sessionId) ?? 1) - 1
          if (left > 0) reading.set(sessionId, left)
          else reading.delete(sessionId)
        })
      running.set(run, sessionId)
    },

    /** Words of self-harm were said on another instance. */
    hearOfCrisis: (sessionId: string, level: CrisisNotice['level']): void => {
      thoughts.closeOffers(sessionId)
      if (!listeners.has(sessionId) || shownAt.has(sessionId)) return
      shownAt.set(sessionId, true)
      showLines(sessionId, level)
    },

    /** Sessions with a listener here, and since when (ms) a flag in them is news. */
    watched: (): ReadonlyMap<string, number> => flaggedAt,

    /** A flag that is known here now; false when it was known, or nobody listens. */
    noteFlag(sessionId: string, at: number): boolean {
      const before = flaggedAt.get(sessionId)
      if (before === undefined || before >= at) return false
      flaggedAt.set(sessionId, at)
      return true
    },

    noteEmotion: (sessionId: string, emotion: RecentEmotion): void => {
      recentHere.set(sessionId, [...(recentHere.get(sessionId) ?? []), emotion].slice(-RECENT_EMOTIONS))
    },

    end: (sessionId: string) => cut(flights.get(sessionId), 'SESSION_ENDED'),

    /** Resolves when nothing of the session is being read or answered here. */
    async settled(sessionId: string): Promise<void> {
      await Promise.all([...running].flatMap(([run, id]) => (id === sessionId ? [run] : [])))
    },

    /** Cuts off every answer and waits until what was complete is stored, for at most `ms`. */
    async stop(ms: number): Promise<void> {
      for (const flight of flights.values()) cut(flight)
      if (running.size > 0) await within(Promise.allSettled(running.keys()), ms)
    },
  }
}

export type Conversations = ReturnType<typeof createConversations>
