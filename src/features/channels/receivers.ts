import { AppError, type ErrorCode } from '../../errors.ts'
import type { Admission } from './admission.ts'
import type { Connection } from './connection.ts'
import { toStatusFrame } from './frames.ts'
import { type Feed, parseMessage, receiveLandmarks } from './landmarks.ts'
import type { Registry } from './registry.ts'
import { receiveCommand, SESSION_COMMANDS } from './session-commands.ts'

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
  readonly monotonic: () => number
  readonly maxFrames: number
  readonly analysis: { feed(start: SessionStart): Feed & { close(): void } }
  readonly sessions: Parameters<typeof receiveCommand>[1]
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
  const { registry, monotonic, sessions } = dependencies

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
        if (isBinary) connection.complain('INVALID_MESSAGE', monotonic())
        else receiveLandmarks({ connection, feed, isFeeding }, data, monotonic())
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
      if (isBinary || !connection.admits('message', monotonic())) return
      const type = parseMessage(data)?.type
      if (type === 'ping') connection.send({ type: 'pong', timestamp: Date.now() })
      else if (type === undefined || !VOICE_MESSAGES.has(type))
        connection.complain('INVALID_MESSAGE', monotonic())
    },
    close: nothing,
  })

  const session = (connection: Connection, { session: row }: Found): Receiver => {
    // One command after the other, in the order in which they came.
    let tail: Promise<void> = Promise.resolve()
    const inOrder = (work: () => Promise<void>) => {
      tail = tail.then(work).catch((error: unknown) => {
        connection.complain(toCode(error), monotonic())
        if (!(error instanceof AppError)) dependencies.onFailure(error)
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
        inOrder(async () => connection.send(toStatusFrame('status_update', await sessions.status(row.id))))
      },
      receive: (data, isBinary) => {
        if (isBinary) connection.complain('INVALID_MESSAGE', monotonic())
        else if (connection.admits('message', monotonic()))
          inOrder(() => receiveCommand(connection, sessions, data))
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

const toCode = (error: unknown): ErrorCode =>
  error instanceof AppError ? error.code : 'DATABASE_UNAVAILABLE'
