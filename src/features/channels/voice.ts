import type { SessionStatus } from '../../domain/session.ts'
import type { VoiceMeasures } from '../../domain/voice/measures.ts'
import type { Connection } from './connection.ts'
import { fieldsOf } from './fields.ts'
import { parseMessage } from './landmarks.ts'

type VoiceSession = {
  readonly id: string
  readonly status: SessionStatus
  readonly startedAt: number
  readonly intervalMs: number
  readonly now: number
}
type VoiceAnalysis = { readonly timestamp: number; readonly window: number } & VoiceMeasures

/** Where voices go. */
export type Voice = {
  open(
    session: VoiceSession,
    listener: { readonly onAnalysis: (analysis: VoiceAnalysis) => void },
  ): {
    readonly take: (
      type: string,
      fields: Readonly<Record<string, unknown>>,
    ) => 'invalid' | { readonly text: string | null }
    readonly close: () => void
  }
}

/** The messages of one voice socket. */
export function openVoice(connection: Connection, voice: Voice, session: VoiceSession) {
  const socket = voice.open(session, {
    onAnalysis: (analysis) => connection.send({ type: 'vad_analysis', data: analysis }),
  })
  return {
    receive: (data: Buffer, isBinary: boolean): void => {
      if (!connection.admits('message')) return
      const message = isBinary ? undefined : parseMessage(data)
      if (message?.type === 'ping') {
        connection.pong()
        return
      }
      const taken = message === undefined ? 'invalid' : socket.take(message.type, fieldsOf(message))
      if (taken === 'invalid') connection.complain('INVALID_MESSAGE')
      else if (taken.text !== null) {
        const { text } = taken
        const timestamp = Date.now()
        connection.send({ type: 'stt_received', data: { timestamp, text, textLength: text.length } })
      }
    },
    close: socket.close,
  }
}
