import type { Language } from '../../domain/language.ts'
import type { SessionStatus } from '../../domain/session.ts'
import type { VoiceAnalysis } from '../../domain/voice/measures.ts'
import { toVadAnalysis } from './vad-analysis.ts'
import type { Connection } from './connection.ts'
import { fieldsOf } from './fields.ts'
import { BOUNDS, isLong, parseMessage } from './messages.ts'

type VoiceSession = {
  readonly id: string
  readonly userId: number
  readonly status: SessionStatus
  readonly language: Language
  readonly startedAt: number
  readonly intervalMs: number
  readonly now: number
}

/** What reads the messages of one voice socket. */
export type VoiceReader = {
  /**
   * Takes a client's message of so many `parts`, which limit how much sound it may hold; `invalid` when it is no message
   * of the voice channel. With its words, if it has them, and whether it was more than is read in a window.
   */
  readonly take: (
    type: string,
    fields: Readonly<Record<string, unknown>>,
    parts: number,
  ) => 'invalid' | { readonly text: string | null; readonly isExcess: boolean }
  readonly close: () => void
}

/** Voice analysis as the voice channel uses it. */
export type Voice = {
  open(
    session: VoiceSession,
    listener: { readonly onAnalysis: (analysis: VoiceAnalysis) => void },
  ): VoiceReader
}

/** Cost of each byte of text beyond its budget: it is still read, for words of self-harm. */
const EXCESS_TEXT = 16

/** The messages of one voice socket. */
export function openVoice(connection: Connection, voice: Voice, session: VoiceSession) {
  const socket = voice.open(session, {
    onAnalysis: (analysis) =>
      connection.send({ type: 'vad_analysis', data: toVadAnalysis(analysis, session.language) }),
  })
  return {
    receive: (data: Buffer, isBinary: boolean): void => {
      const bytes = data.length
      if (!connection.admitsMessage(bytes)) return
      const { message, parts = 0 } = (isBinary ? undefined : parseMessage(data, BOUNDS.voice)) ?? {}
      if (message === undefined || (isLong(parts) && message.type !== 'audio_chunk')) {
        connection.rejectMessage(bytes, 'INVALID_MESSAGE')
        return
      }
      if (message.type === 'ping') {
        connection.pong()
        return
      }
      const taken = socket.take(message.type, fieldsOf(message), parts)
      if (taken === 'invalid') {
        connection.rejectMessage(bytes, 'INVALID_MESSAGE')
        return
      }
      const { text, isExcess } = taken
      if (isExcess) connection.chargeInvalid(text === null ? bytes : EXCESS_TEXT * bytes)
      if (text === null) return
      const timestamp = Date.now()
      connection.send({ type: 'stt_received', data: { timestamp, text, textLength: text.length } })
    },
    close: socket.close,
  }
}
