import { performance } from 'node:perf_hooks'
import { databaseFault } from '../../db/faults.ts'
import { AppError, type ErrorCode } from '../../errors.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import type { Admission, SessionStart } from './admission.ts'
import { FRAME_FORMATS } from './binary-frame.ts'
import type { Connection } from './connection.ts'
import { type Conversation, openCounsellor } from './counsellor.ts'
import { type Feed, receiveBinary, receiveLandmarks } from './landmarks.ts'
import { BOUNDS, parseMessage } from './messages.ts'
import type { Registry } from './registry.ts'
import { carryOut, isCommand, SESSION_COMMANDS } from './session-commands.ts'
import { openVoice, type Voice } from './voice.ts'

type Admitted = Extract<Admission, { kind: 'admitted' }>
type Found = Admitted['found']

type LandmarksFeed = Feed & {
  undelivered(): readonly WindowAnswer[]
  position(): { readonly frame: number; readonly window: number }
  readonly seamless: boolean
  readonly handedOver: boolean
  calibrate(durationMs: number): Promise<{ readonly window: number; readonly frameCount: number } | undefined>
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
  /** A session that cannot be reclaimed for so long has a socket elsewhere. */
  readonly supersededAfterMs: number
  readonly sessions: Parameters<typeof carryOut>[1]
  readonly voice: Voice
  readonly conversation: Conversation
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

/** How often a socket that has lost its session looks whether it is free again. */
const RECLAIM_EVERY_MS = 1000

export function createReceivers(dependencies: Dependencies) {
  const { registry, sessions, analysis, supersededAfterMs } = dependencies

  const landmarks = (connection: Connection, { found, start }: Admitted): Receiver => {
    const { id, intervalMs } = found.session
    if (start === undefined) throw new Error('a landmarks socket was admitted without its session')
    let feed = analysis.feed(start)
    let reclaimAt = 0
    let lostAt: number | undefined
    let closed = false
    let isCalibrating = false
    const isFeeding = () => registry.isFeeding(connection)
    /** Frames of `maeum.v2` are numbered: those of a client that came back go on where its older socket ended. */
    const takesOver = () => !connection.isV2 && !connection.isSending() && registry.isFed(id)
    /** In which window of the session its last frame came; 0 before the first. */
    let sentIn = 0
    const noteFrame = () => {
      sentIn = feed.position().window
    }
    connection.isSending = () => sentIn > 0 && sentIn >= feed.position().window - 1

    const deliver = (answer: WindowAnswer) => {
      if (connection.sendAnswer(answer)) analysis.delivered(id, answer.window)
    }

    /** Where we stand, then every answer after the client's; what it holds beyond our frame it sends again. */
    const resume = (has: { readonly window: number; readonly frame: number }) => {
      if (connection.isBusy) {
        connection.complain('SERVER_BUSY')
        return
      }
      // What an owner that handed the session over did not read fell into a window that it had closed.
      if (feed.handedOver && feed.position().frame === 0) feed.isNew(has.frame)
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

    /** Answered once however often it is asked for, when the time is over. */
    const calibrate = (durationMs: number) => {
      if (isCalibrating) return
      isCalibrating = true
      void feed
        .calibrate(durationMs)
        .catch((error: unknown) => {
          dependencies.onFailure(error)
          return undefined
        })
        .then((found) => {
          isCalibrating = false
          if (found === undefined) connection.fail('CALIBRATION_FAILED')
          else connection.send({ type: 'calibrated', data: { ...found, durationMs } })
        })
    }

    /**
     * No word came of a newer socket, but for longer than anyone could keep the session without one it is not to be had:
     * clients of the newer protocol are not left without answers.
     */
    const leaveIfSuperseded = () => {
      lostAt ??= performance.now()
      if (connection.isV2 && performance.now() - lostAt > supersededAfterMs)
        connection.close(4001, 'SUPERSEDED')
    }

    /** The newer socket was on another instance and may be gone by now: then this one feeds the session again. */
    const reclaim = () => {
      if (performance.now() < reclaimAt) return
      reclaimAt = performance.now() + RECLAIM_EVERY_MS
      connection.inOrder(async () => {
        try {
          const again = await dependencies.reclaim(id)
          if (again === undefined) {
            leaveIfSuperseded()
            return
          }
          if (closed) {
            again.claim.release()
            return
          }
          lostAt = undefined
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
          connection.send({ type: 'rate', data: { fps, formats: FRAME_FORMATS } })
        }
        for (const answer of feed.undelivered()) deliver(answer)
      },
      receive: (data, isBinary) => {
        const receive = isBinary ? receiveBinary : receiveLandmarks
        receive({ connection, feed, isFeeding, takesOver, noteFrame, reclaim, resume, calibrate }, data)
      },
      close: () => {
        closed = true
        feed.close()
      },
    }
  }

  const voice = (connection: Connection, { session, clock: now }: Found): Receiver => {
    const { id, userId, status, language, intervalMs } = session
    const { startedAt } = connection
    const voiced = { id, userId, status, language, startedAt, intervalMs, now }
    return {
      greet: () =>
        connection.send({
          type: 'connected',
          data: { channel: 'voice', sessionId: id, message: GREETING[connection.language] },
        }),
      ...openVoice(connection, dependencies.voice, voiced),
    }
  }

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
    const counsellor = openCounsellor(connection, dependencies.conversation)
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
        if (!connection.admitsMessage(data.length)) return
        const message = isBinary ? undefined : parseMessage(data, BOUNDS.session)?.message
        const type = message?.type
        // A ping never waits behind a command: its sender takes silence for the end of the connection.
        if (type === 'ping') connection.pong()
        else if (message?.type === 'request_ai_response') counsellor.receive(message, data.length)
        else if (!isCommand(type)) connection.refuse(data.length, 'INVALID_MESSAGE')
        else if (connection.isBusy) connection.refuse(data.length, 'SERVER_BUSY')
        else inOrder(() => carryOut(connection, sessions, type))
      },
      close: counsellor.close,
    }
  }

  return {
    open(connection: Connection, admitted: Admitted): Receiver {
      if (connection.channel === 'landmarks') return landmarks(connection, admitted)
      const open = connection.channel === 'voice' ? voice : session
      return open(connection, admitted.found)
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
