import { performance } from 'node:perf_hooks'
import { databaseFault } from '../../db/faults.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import type { Admission, SessionStart } from './admission.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import type { Connection } from './connection.ts'
import { type Feed, parseMessage, receiveLandmarks } from './landmarks.ts'
import type { Registry } from './registry.ts'
import { carryOut, SESSION_COMMANDS } from './session-commands.ts'

type Admitted = Extract<Admission, { kind: 'admitted' }>
type Found = Admitted['found']

type LandmarksFeed = Feed & {
  undelivered(): readonly WindowAnswer[]
  position(): { readonly frame: number; readonly window: number }
  readonly seamless: boolean
  close(): void
}

type Dependencies = {
  readonly registry: Registry
  readonly maxFrames: number
  readonly analysis: {
    feed(start: SessionStart): LandmarksFeed
    answersSince(sessionId: string, window: number): Promise<readonly WindowAnswer[]>
    delivered(sessionId: string, window: number): void
  }
  /** Takes a session back that no instance serves any more. */
  readonly reclaim: (sessionId: string) => Promise<SessionStart | undefined>
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

/** How often a socket that has lost its session looks whether it is free again. */
const RECLAIM_EVERY_MS = 1000

const nothing = () => undefined

export function createReceivers(dependencies: Dependencies) {
  const { registry, sessions, analysis } = dependencies

  const landmarks = (connection: Connection, { found, start }: Admitted): Receiver => {
    const { id, intervalMs } = found.session
    if (start === undefined) throw new Error('a landmarks socket was admitted without its session')
    let feed = analysis.feed(start)
    let reclaimAt = 0
    let closed = false
    const isFeeding = () => registry.newest(id, 'landmarks') === connection

    const deliver = (answer: WindowAnswer) => {
      if (connection.sendAnswer(answer)) analysis.delivered(id, answer.window)
    }

    /** Where we stand, then every answer after the client's; what it holds beyond our frame it sends again. */
    const resume = (has: { readonly window: number; readonly frame: number }) => {
      if (connection.isBusy) {
        connection.complain('SERVER_BUSY')
        return
      }
      const recovered = feed.seamless || has.frame === 0
      // Not recovered: frames of the window that was open are lost, but for those that the client sends again.
      connection.send({ type: 'resumed', data: { recovered, ...feed.position() } })
      connection.inOrder(async () => {
        try {
          for (const answer of await analysis.answersSince(id, has.window)) deliver(answer)
        } catch (error) {
          connection.complain(toCode(error))
        }
      })
    }

    /** The newer socket was on another instance and may be gone by now: then this one feeds the session again. */
    const reclaim = () => {
      if (performance.now() < reclaimAt) return
      reclaimAt = performance.now() + RECLAIM_EVERY_MS
      connection.inOrder(async () => {
        try {
          const again = await dependencies.reclaim(id)
          if (again === undefined || closed) return
          feed.close()
          feed = analysis.feed(again)
          for (const answer of feed.undelivered()) deliver(answer)
        } catch (error) {
          connection.complain(toCode(error))
        }
      })
    }

    return {
      greet: () => {
        connection.send({
          type: 'connected',
          data: {
            channel: 'landmarks',
            sessionId: id,
            analysisInterval: intervalMs,
            maxFrames: dependencies.maxFrames,
            message: GREETING[connection.language],
          },
        })
        if (connection.isV2) {
          const fps = Math.round((dependencies.maxFrames / intervalMs) * 10_000) / 10
          connection.send({ type: 'rate', data: { fps } })
        }
        for (const answer of feed.undelivered()) deliver(answer)
      },
      receive: (data, isBinary) => {
        if (isBinary) connection.complain('INVALID_MESSAGE')
        else receiveLandmarks({ connection, feed, isFeeding, reclaim, resume }, data)
      },
      close: () => {
        closed = true
        feed.close()
      },
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
    open(connection: Connection, admitted: Admitted): Receiver {
      if (connection.channel === 'landmarks') return landmarks(connection, admitted)
      return connection.channel === 'voice' ? voice(connection) : session(connection, admitted.found)
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
