import { databaseFault } from '../../db/faults.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import type { Admission } from './admission.ts'
import type { Connection } from './connection.ts'
import { type Feed, parseMessage, receiveLandmarks } from './landmarks.ts'
import type { Registry } from './registry.ts'
import { carryOut, SESSION_COMMANDS } from './session-commands.ts'

type Found = Extract<Admission, { kind: 'admitted' }>['found']

type SessionStart = {
  readonly id: string
  readonly status: Found['session']['status']
  readonly startedAt: number
  readonly intervalMs: number
  readonly now: number
}

type Dependencies = {
  readonly registry: Registry
  readonly maxFrames: number
  readonly analysis: { feed(start: SessionStart): Feed & { close(): void } }
  readonly sessions: Parameters<typeof carryOut>[1]
  readonly onFailure: (error: unknown) => void
}

/** What an admitted socket does with its messages. */
export type Receiver = {
  /** The first message, sent once the socket is registered. */
  readonly greet: () => void
  readonly receive: (data: Buffer, isBinary: boolean) => void
  readonly close: () => void
}

const GREETING = {
  ko: '연결되었습니다. 이 서비스는 인공지능이 얼굴 표정을 추정합니다.',
  en: 'Connected. An artificial intelligence estimates facial expressions here.',
}

/** What the voice channel understands; it is accepted and not analysed in this version. */
const VOICE_MESSAGES = new Set(['vad_result', 'stt_text', 'audio_chunk'])

const nothing = () => undefined

export function createReceivers(dependencies: Dependencies) {
  const { registry, sessions } = dependencies

  const landmarks = (connection: Connection, { session, now }: Found): Receiver => {
    const { id, status, intervalMs } = session
    const feed = dependencies.analysis.feed({
      id,
      status,
      intervalMs,
      startedAt: session.startedAt.getTime(),
      now: now.getTime(),
    })
    const isFeeding = () => registry.newest(id, 'landmarks') === connection
    return {
      greet: () =>
        connection.send({
          type: 'connected',
          data: {
            channel: 'landmarks',
            sessionId: id,
            analysisInterval: intervalMs,
            maxFrames: dependencies.maxFrames,
            message: GREETING[connection.language],
          },
        }),
      receive: (data, isBinary) => {
        if (isBinary) connection.complain('INVALID_MESSAGE')
        else receiveLandmarks({ connection, feed, isFeeding }, data)
      },
      close: () => feed.close(),
    }
  }

  const voice = (connection: Connection): Receiver => ({
    greet: () =>
      connection.send({
        type: 'connected',
        data: { channel: 'voice', sessionId: connection.sessionId, message: GREETING[connection.language] },
      }),
    receive: (data, isBinary) => {
      if (isBinary || !connection.admits('message')) return
      const type = parseMessage(data)?.type
      if (type === 'ping') connection.pong()
      else if (type === undefined || !VOICE_MESSAGES.has(type)) connection.complain('INVALID_MESSAGE')
    },
    close: nothing,
  })

  const session = (connection: Connection, { session: row }: Found): Receiver => {
    const inOrder = (work: () => Promise<void>) => {
      connection.inOrder(async () => {
        try {
          await work()
        } catch (error) {
          connection.complain(toCode(error))
          if (!(error instanceof AppError)) dependencies.onFailure(error)
        }
      })
    }
    return {
      greet: () => {
        connection.send({
          type: 'connected',
          data: {
            channel: 'session',
            sessionId: row.id,
            status: row.status,
            message: GREETING[connection.language],
            commands: SESSION_COMMANDS,
          },
        })
        inOrder(() => carryOut(connection, sessions, 'get_status'))
      },
      receive: (data, isBinary) => {
        if (!connection.admits('message')) return
        const type = isBinary ? undefined : parseMessage(data)?.type
        // A ping never waits behind a command: its sender takes silence for the end of the connection.
        if (type === 'ping') connection.pong()
        else if (connection.isBusy) connection.complain('SERVER_BUSY')
        else inOrder(() => carryOut(connection, sessions, type))
      },
      close: nothing,
    }
  }

  return {
    open(connection: Connection, found: Found): Receiver {
      if (connection.channel === 'landmarks') return landmarks(connection, found)
      return connection.channel === 'voice' ? voice(connection) : session(connection, found)
    },
  }
}

function toCode(error: unknown): ErrorCode {
  if (error instanceof AppError) return error.code
  switch (databaseFault(error)?.kind) {
    case 'unavailable':
      return 'DATABASE_UNAVAILABLE'
    case 'not_ready':
      return 'DATABASE_NOT_READY'
    default:
      return 'INTERNAL_ERROR'
  }
}
