import type { SessionStatus } from '../../domain/session.ts'
import type { Interval } from '../../domain/voice/intervals.ts'
import { hasVoice, measureVoice, type VoiceEvent, type VoiceMeasures } from '../../domain/voice/measures.ts'
import { analyseSound, SAMPLE_RATE } from '../../domain/voice/sound.ts'
import type { VoiceMessage } from './messages.ts'

/** From the session's row, with the database time of the read. */
export type VoicedSession = {
  readonly id: string
  readonly userId: number
  readonly status: SessionStatus
  readonly startedAt: number
  readonly intervalMs: number
  readonly now: number
}

/**
 * The result of a message: `passed` if the session is not active or the message is empty, `excess` beyond the limit of
 * the window, `invalid` if it cannot be decoded.
 */
type Heard = 'kept' | 'passed' | 'excess' | 'invalid'

/** Limit for two windows; further events are ignored. */
const MAX_EVENTS = 4000
const MAX_CHARACTERS = 4000 // characters per window
/** Audio that is analysed per window, as a multiple of its length. */
const MAX_AUDIO_RATIO = 1.5
const MAX_SNIPPET_LENGTH = 280
/** Within this time a longer text with the same beginning replaces the earlier one. */
const SAME_UTTERANCE_MS = 5000

const toMs = (samples: number): number => (samples / SAMPLE_RATE) * 1000

/** The voice of one session in this process: the open window and the one before it, by the session's clock. */
export class LiveVoice {
  readonly id: string
  readonly startedAt: number
  readonly intervalMs: number
  status: SessionStatus
  /** Open sockets here. */
  sockets = 0
  /** Time of the last message, or of the read of the row, by the session's clock. */
  heardAt: number
  readonly #clockOffset: number
  readonly #monotonic: () => number
  #events: VoiceEvent[] = []
  #audioMs = 0
  #characters = 0
  #openWindow: number

  constructor(session: VoicedSession, monotonic: () => number) {
    this.id = session.id
    this.status = session.status
    this.startedAt = session.startedAt
    this.intervalMs = session.intervalMs
    this.#monotonic = monotonic
    this.#clockOffset = session.now - monotonic()
    this.#openWindow = this.windowAt(session.now)
    this.heardAt = session.now
  }

  /** The session's own clock, ms since the epoch. */
  now(): number {
    return this.#clockOffset + this.#monotonic()
  }

  windowAt(time: number): number {
    return Math.floor((time - this.startedAt) / this.intervalMs) + 1
  }

  bounds(window: number): Interval {
    const from = this.startedAt + (window - 1) * this.intervalMs
    return { from, to: from + this.intervalMs }
  }

  /** Processes a message about the stretch of time that ended at `at`. */
  hear(message: VoiceMessage, at: number): Heard {
    const now = this.now()
    this.#forgetBefore(this.windowAt(now))
    this.heardAt = now
    // Also while paused, because the message costs the same.
    if (message.type === 'audio_chunk' && !this.#hasTimeFor(message.length)) return 'excess'
    if (this.status !== 'active') return 'passed'
    switch (message.type) {
      case 'vad_result':
        return this.#keep({
          kind: 'vad',
          from: at - message.duration,
          to: at,
          isSpeech: message.isSpeech,
          energy: message.energy ?? null,
        })
      case 'audio_chunk':
        return this.#listen(message.decode(), at)
      case 'stt_text':
        return message.isFinal === false ? 'passed' : this.#note(message.text, at)
    }
  }

  /** The measures of a window that is open or has just closed; undefined without voice. */
  measure(window: number): VoiceMeasures | undefined {
    const bounds = this.bounds(window)
    return hasVoice(this.#events, bounds) ? measureVoice(this.#events, bounds) : undefined
  }

  /** The words of the window in one line of plain text, only the end of a long text; null when there were none. */
  speech(window: number): string | null {
    const { from, to } = this.bounds(window)
    const said = this.#events.flatMap((event) =>
      event.kind === 'words' && event.at >= from && event.at < to ? [event.text] : [],
    )
    const text = said
      .join(' ')
      .replace(/[\p{C}\s]+/gu, ' ')
      .trim()
    return text === '' ? null : Array.from(text).slice(-MAX_SNIPPET_LENGTH).join('').trim()
  }

  /** Whether so many samples are still within the window's limit; if so, counts them. */
  #hasTimeFor(samples: number): boolean {
    const durationMs = toMs(samples)
    if (this.#audioMs + durationMs > MAX_AUDIO_RATIO * this.intervalMs) return false
    this.#audioMs += durationMs
    return true
  }

  /** Reduces the samples to level and voicing and drops them. */
  #listen(samples: Int16Array | undefined, at: number): Heard {
    if (samples === undefined) return 'invalid'
    const start = at - toMs(samples.length)
    for (const { offsetMs, durationMs, voiced, level } of analyseSound(samples)) {
      const from = start + offsetMs
      if (this.#keep({ kind: 'sound', from, to: from + durationMs, voiced, level }) === 'excess')
        return 'excess'
    }
    return 'kept'
  }

  #note(text: string, at: number): Heard {
    const last = this.#events.findLast((event) => event.kind === 'words')
    if (last !== undefined && at - last.at < SAME_UTTERANCE_MS && text.startsWith(last.text)) {
      this.#events.splice(this.#events.indexOf(last), 1)
      this.#characters -= last.text.length
    }
    if (text.trim() === '') return 'passed'
    if (this.#characters + text.length > MAX_CHARACTERS) return 'excess'
    this.#characters += text.length
    return this.#keep({ kind: 'words', at, text })
  }

  #keep(event: VoiceEvent): Heard {
    if (this.#events.length >= MAX_EVENTS) return 'excess'
    this.#events.push(event)
    return 'kept'
  }

  /** Events are often reported late, so the window before the open one is kept. */
  #forgetBefore(open: number): void {
    if (open === this.#openWindow) return
    this.#openWindow = open
    this.#audioMs = 0
    this.#characters = 0
    const { from } = this.bounds(open - 1)
    this.#events = this.#events.filter((event) => (event.kind === 'words' ? event.at : event.to) > from)
  }
}
