import type { SessionStatus } from '../../domain/session.ts'
import type { VoiceAnalysis, VoiceMeasures, WindowVoice } from '../../domain/voice/measures.ts'
import { createClientClock } from './client-clock.ts'
import type { VoiceReader } from '../../live/channels/voice.ts'
import { LiveVoice, type VoicedSession } from './live-voice.ts'
import { readVoiceMessage } from './messages.ts'
import type { VoiceRow } from './repository.ts'

type Listener = { readonly onAnalysis: (analysis: VoiceAnalysis) => void }

type Dependencies = {
  readonly monotonic: () => number
  readonly store: (row: VoiceRow) => void
  /** The stored measures of a window whose voice socket is on another instance. */
  readonly find: (sessionId: string, window: number) => Promise<Record<string, number> | undefined>
  /** Whether the user's voice may be analysed now. Never waits. */
  readonly allows: (userId: number) => boolean
  /** Called with recognised words, for self-harm language and cognitive distortions. Never throws. */
  readonly onWords: (sessionId: string, text: string) => void
  /** Runs the work of a timer. Never throws, so an error affects only its own window. */
  readonly guarded: (work: () => void) => void
}

/** How long before the window's close the row is written, for the owner on another instance. */
const AHEAD_MS = 400
/** Sessions without a socket are kept for this many intervals, for late queries. */
const KEPT_INTERVALS = 3
const NO_VOICE: WindowVoice = { measures: null, speech: null }

/** Without null values; a row contains only numbers. */
const storable = (measures: VoiceMeasures): Record<string, number> =>
  Object.fromEntries(Object.entries(measures).filter((entry): entry is [string, number] => entry[1] !== null))

type Kept = {
  readonly voice: LiveVoice
  readonly listeners: Set<Listener>
  /** The last stored measures of each window, as JSON. */
  readonly stored: Map<number, string>
  timer: NodeJS.Timeout | undefined
  /** Time of the last query for a window, by the session's clock: recent if this process owns the session. */
  askedAt: number
}

/** The voices of all sessions with a voice socket in this process. */
export function createVoiceService({ monotonic, store, find, allows, onWords, guarded }: Dependencies) {
  const bySession = new Map<string, Kept>()

  /** Stores the window's measures if they have changed. */
  const storeWindow = ({ voice, stored }: Kept, window: number): VoiceMeasures | undefined => {
    const measures = voice.measure(window)
    if (measures === undefined) return undefined
    const content = JSON.stringify(measures)
    if (stored.get(window) !== content)
      store({
        sessionId: voice.id,
        window,
        closedAt: new Date(voice.bounds(window).to),
        measures: storable(measures),
      })
    stored.set(window, content)
    return measures
  }

  const closeWindow = (kept: Kept, window: number, timestamp: number) => {
    guarded(() => storeWindow(kept, window - 1)) // including late reports
    const measures = storeWindow(kept, window)
    for (const older of kept.stored.keys()) if (older < window) kept.stored.delete(older)
    // With words alone nothing was measured, and zeros would look like measures.
    if (measures === undefined || measures.observedMs === 0) return
    for (const listener of kept.listeners) listener.onAnalysis({ timestamp, window, ...measures })
  }

  const isServedHere = ({ voice, askedAt }: Kept) => voice.now() - askedAt < 2 * voice.intervalMs

  /** Starts the timer of the open window. A window without voice has none. */
  const watch = (kept: Kept) => {
    if (kept.timer !== undefined) return
    const { voice } = kept
    const window = voice.windowAt(voice.now())
    const { to } = voice.bounds(window)
    const close = () => {
      kept.timer = undefined
      closeWindow(kept, window, to)
    }
    const wait = (until: number, then: () => void) => {
      kept.timer = setTimeout(() => guarded(then), Math.max(0, until - voice.now())).unref()
    }
    if (isServedHere(kept) || to - voice.now() < AHEAD_MS) wait(to, close)
    else
      wait(to - AHEAD_MS, () => {
        wait(to, close)
        storeWindow(kept, window)
      })
  }

  const keep = (session: VoicedSession): Kept => {
    const kept = bySession.get(session.id) ?? {
      voice: new LiveVoice(session, monotonic),
      listeners: new Set<Listener>(),
      stored: new Map<number, string>(),
      timer: undefined,
      askedAt: Number.NEGATIVE_INFINITY,
    }
    bySession.set(session.id, kept)
    return kept
  }

  return {
    /** Opens a voice socket of a live session. */
    open: (session: VoicedSession, listener: Listener): VoiceReader => {
      const kept = keep(session)
      const { voice, listeners } = kept
      voice.status = session.status // a kept entry may have missed a change
      const clock = createClientClock()
      listeners.add(listener)
      voice.sockets++
      return {
        take: (type, fields, parts) => {
          const message = readVoiceMessage(type, fields, parts)
          if (message === undefined) return 'invalid'
          const now = voice.now()
          const at = message.type === 'vad_result' ? clock.toServerTime(message.timestamp, now) : now
          // Without consent, words are acknowledged and checked for self-harm language; nothing is measured.
          const result = allows(session.userId) ? voice.hear(message, at) : 'passed'
          if (result === 'invalid') return result
          if (result === 'kept') watch(kept)
          const isExcess = result === 'excess'
          if (message.type !== 'stt_text') return { text: null, isExcess }
          if (message.isFinal !== false && voice.status === 'active') onWords(voice.id, message.text)
          return { text: message.text, isExcess }
        },
        close: () => {
          if (listeners.delete(listener)) voice.sockets--
        },
      }
    },

    /**
     * The voice in a window that closes now or closed a moment ago; unless `alsoStored` is false, also the stored
     * measures when the voice socket is on another instance. Rejects when the database does.
     */
    async getVoice(sessionId: string, window: number, alsoStored = true): Promise<WindowVoice> {
      const kept = bySession.get(sessionId)
      if (kept !== undefined) {
        kept.askedAt = kept.voice.now()
        const measures = kept.voice.measure(window)
        if (measures !== undefined) return { measures: storable(measures), speech: kept.voice.speech(window) }
        if (kept.voice.sockets > 0) return NO_VOICE
      }
      if (!alsoStored) return NO_VOICE
      return { measures: (await find(sessionId, window)) ?? null, speech: null }
    },

    /** The end of a session closes its open window early. */
    setStatus(sessionId: string, status: SessionStatus): void {
      const kept = bySession.get(sessionId)
      if (kept === undefined || kept.voice.status === 'ended') return
      kept.voice.status = status
      if (status !== 'ended') return
      clearTimeout(kept.timer)
      kept.timer = undefined
      const now = kept.voice.now()
      closeWindow(kept, kept.voice.windowAt(now), Math.round(now))
    },

    /** Drops a deleted session, including data that is not written yet. */
    forget: (sessionId: string): void => {
      clearTimeout(bySession.get(sessionId)?.timer)
      bySession.delete(sessionId)
    },

    /** Drops sessions without a socket and without a recent message. */
    sweep: (): void => {
      for (const [id, kept] of bySession) {
        const { voice } = kept
        const isOld = voice.now() - voice.heardAt > KEPT_INTERVALS * voice.intervalMs
        if (voice.sockets === 0 && isOld && kept.timer === undefined) bySession.delete(id)
      }
    },

    /** At shutdown: stores the measures of the open windows. */
    stop(): void {
      for (const kept of bySession.values()) {
        clearTimeout(kept.timer)
        kept.timer = undefined
        const window = kept.voice.windowAt(kept.voice.now())
        for (const last of [window - 1, window]) guarded(() => storeWindow(kept, last))
      }
      bySession.clear()
    },
  }
}

export type VoiceService = ReturnType<typeof createVoiceService>
