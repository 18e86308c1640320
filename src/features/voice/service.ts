import type { SessionStatus } from '../../domain/session.ts'
import type { VoiceMeasures } from '../../domain/voice/measures.ts'
import { createClientClock } from './client-clock.ts'
import { LiveVoice, type VoicedSession } from './live-voice.ts'
import { readVoiceMessage } from './messages.ts'
import type { VoiceRow } from './repository.ts'

/** What a voice socket is sent at the close of a window in which a voice or its silence was heard. */
export type VoiceAnalysis = { readonly timestamp: number; readonly window: number } & VoiceMeasures

/** What the window's analysis may know of the voice. */
export type WindowVoice = {
  /** Null where nothing was heard; measures that could not be taken are left out. */
  readonly measures: Readonly<Record<string, number>> | null
  /** What was said, at most 280 characters, or null; known only where the voice socket is. */
  readonly speech: string | null
}

type Listener = { readonly onAnalysis: (analysis: VoiceAnalysis) => void }

export type VoiceSocket = {
  /**
   * Takes a client's message of so many `parts`; `invalid` when it is none of the voice channel's. With its words where
   * it has any, and whether it was more than is listened to in a window.
   */
  readonly take: (
    type: string,
    fields: Readonly<Record<string, unknown>>,
    parts: number,
  ) => 'invalid' | { readonly text: string | null; readonly isExcess: boolean }
  readonly close: () => void
}

type Dependencies = {
  readonly monotonic: () => number
  readonly store: (row: VoiceRow) => void
  /** The stored measures of a window, for a voice that another instance hears. */
  readonly find: (sessionId: string, window: number) => Promise<Record<string, number> | undefined>
  /** Whether the voice of this person may be listened to now. Never waits. */
  readonly allows: (userId: number) => boolean
  /** Words are read for what a person may need now. Never throws. */
  readonly onWords: (sessionId: string, text: string) => void
  /** Runs what a timer is for. Never throws: an error costs its own window and no other. */
  readonly guarded: (work: () => void) => void
}

/** Another instance reads the row at the window's close: it must be there by then. */
const AHEAD_MS = 400
/** Sessions without a socket are kept for what is still asked about them. */
const KEPT_INTERVALS = 3
const AWAY: WindowVoice = { measures: null, speech: null }

/** Without what could not be measured: a row holds numbers only. */
const storable = (measures: VoiceMeasures): Record<string, number> =>
  Object.fromEntries(Object.entries(measures).filter((entry): entry is [string, number] => entry[1] !== null))

type Kept = {
  readonly voice: LiveVoice
  readonly listeners: Set<Listener>
  /** What was last stored of a window, as JSON. */
  readonly stored: Map<number, string>
  timer: NodeJS.Timeout | undefined
  /** By the session's clock, when a window of it was last asked for here: then its loop runs in this process. */
  askedAt: number
}

/** The voices of all sessions that are heard in this process. */
export function createVoiceService({ monotonic, store, find, allows, onWords, guarded }: Dependencies) {
  const bySession = new Map<string, Kept>()

  /** Stores the window's measures, unless they have not changed since. */
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
    guarded(() => storeWindow(kept, window - 1)) // with what was reported after its close
    const measures = storeWindow(kept, window)
    for (const older of kept.stored.keys()) if (older < window) kept.stored.delete(older)
    // Of words alone nothing was measured: zeros would look as if it had been.
    if (measures === undefined || measures.observedMs === 0) return
    for (const listener of kept.listeners) listener.onAnalysis({ timestamp, window, ...measures })
  }

  const isServedHere = ({ voice, askedAt }: Kept) => voice.now() - askedAt < 2 * voice.intervalMs

  /** Until the open window closes; each window that is heard in has a timer, a silent one has none. */
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
    /** A voice socket of a live session, until it is closed. */
    open: (session: VoicedSession, listener: Listener): VoiceSocket => {
      const kept = keep(session)
      const { voice, listeners } = kept
      voice.status = session.status // one that is kept may have missed a change
      const clock = createClientClock()
      listeners.add(listener)
      voice.sockets++
      return {
        take: (type, fields, parts) => {
          const message = readVoiceMessage(type, fields, parts)
          if (message === undefined) return 'invalid'
          const now = voice.now()
          const at = message.type === 'vad_result' ? clock.toOurs(message.timestamp, now) : now
          // Without consent words are acknowledged and read for self-harm, and nothing is measured.
          const heard = allows(session.userId) ? voice.hear(message, at) : 'passed'
          if (heard === 'invalid') return heard
          if (heard === 'kept') watch(kept)
          const isExcess = heard === 'excess'
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
     * What is known of the voice in a window that closes now or closed a moment ago; unless `alsoStored` is
     * false also the measures of one that another instance hears. Rejects when the database does.
     */
    async of(sessionId: string, window: number, alsoStored = true): Promise<WindowVoice> {
      const kept = bySession.get(sessionId)
      if (kept !== undefined) {
        kept.askedAt = kept.voice.now()
        const measures = kept.voice.measure(window)
        if (measures !== undefined) return { measures: storable(measures), speech: kept.voice.speech(window) }
        if (kept.voice.sockets > 0) return AWAY
      }
      if (!alsoStored) return AWAY
      return { measures: (await find(sessionId, window)) ?? null, speech: null }
    },

    /** At the end of a session its open window closes early. */
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

    /** The session is erased: nothing of it is kept or written any more. */
    forget: (sessionId: string): void => {
      clearTimeout(bySession.get(sessionId)?.timer)
      bySession.delete(sessionId)
    },

    /** Forgets sessions that nobody has been heard in for a while. */
    sweep: (): void => {
      for (const [id, kept] of bySession) {
        const { voice } = kept
        const isOld = voice.now() - voice.heardAt > KEPT_INTERVALS * voice.intervalMs
        if (voice.sockets === 0 && isOld && kept.timer === undefined) bySession.delete(id)
      }
    },

    /** At shutdown: what has been heard of the open windows is stored. */
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
