import { performance } from 'node:perf_hooks'
import { databaseErrorCode } from '../../http/error-answers.ts'
import { AppError, type ErrorCode } from '../../protocol/errors.ts'
import type { WindowAnswer } from '../../protocol/session-events.ts'
import type { Span } from '../../lib/tracing.ts'
import type { Feed } from '../feed.ts'
import type { ClaimedStart } from '../session-start.ts'
import type { Admission } from './admission.ts'
import { FRAME_FORMATS } from '../../protocol/channels/frame-formats.ts'
import type { Connection } from './connection.ts'
import { type Conversation, openCounsellor } from './counsellor.ts'
import { type Peer, receiveBinary, receiveLandmarks } from './landmarks.ts'
import { BOUNDS, parseMessage } from './messages.ts'
import type { Registry } from './registry.ts'
import { carryOut, isCommand, SESSION_COMMANDS } from './session-commands.ts'
import { openVoice, type Voice } from './voice.ts'

type Admitted = Extract<Admission, { kind: 'admitted' }>
type Found = Admitted['found']

type Dependencies = {
  readonly registry: Registry
  readonly maxFrames: number
  readonly analysis: {
    feed(start: ClaimedStart, handshake: Span): Feed
    answersSince(sessionId: string, window: number): Promise<readonly WindowAnswer[]>
    delivered(sessionId: string, window: number): void
  }
  /** Claims a session again that no instance serves. */
  readonly reclaim: (sessionId: string) => Promise<ClaimedStart | undefined>
  /** A session that cannot be reclaimed for this long has a socket on another instance. */
  readonly supersededAfterMs: number
  readonly sessions: Parameters<typeof carryOut>[1]
  readonly voice: Voice
  readonly conversation: Conversation
  readonly onFailure: (error: unknown) => void
}

/** Handles the messages of an admitted socket. */
type Receiver = {
  /** The first message, sent once the socket is registered. */
  readonly greet: () => void
  readonly receive: (data: Buffer, isBinary: boolean) => void
  readonly close: () => void
  /** Of a landmarks socket: whether it has sent a frame in the current window of its session or in the previous one. */
  readonly isSending?: () => boolean
}

const GREETING = {
  ko: '연결되었습니다. 이 서비스는 인공지능이 얼굴 표정을 추정합니다.',
  en: 'Connected. An artificial intelligence estimates facial expressions here.',
}

/** How often a socket that has lost its session tries to reclaim it. */
const RECLAIM_EVERY_MS = 1000

export function createReceivers(dependencies: Dependencies) {
  const { registry, sessions, analysis, supersededAfterMs } = dependencies

  const landmarks = (connection: Connection, { found, start }: Admitted): Receiver => {
    const { id, intervalMs } = found.session
    if (start === undefined) throw new Error('a landmarks socket was admitted without its session')
    let reclaimAt = 0
    let lostAt: number | undefined
    let closed = false
    let isCalibrating = false
    const isFeeding = () => registry.isFeeding(connection)
    /** The window in which its last frame arrived; 0 before the first. */
    let sentIn = 0
    const isSending = () => sentIn > 0 && sentIn >= peer.feed.position().window - 1
    /** Frames of `maeum.v2` are numbered: those of a reconnected client continue where its older socket ended. */
    const takesOver = () => !connection.isV2 && !isSending() && registry.isFed(id)
    const noteFrame = () => {
      sentIn = peer.feed.position().window
    }

    const deliver = (answer: WindowAnswer) => {
      if (connection.sendAnswer(answer)) analysis.delivered(id, answer.window)
    }

    /** Sends the position of this process, then each answer after the client's last one; the client repeats later frames. */
    const resume = (has: { readonly window: number; readonly frame: number }) => {
      const { feed } = peer
      if (connection.isBusy) {
        connection.reportError('SERVER_BUSY')
        return
      }
      // Frames that the previous owner did not read belong to a window that it had closed.
      if (feed.handedOver && feed.position().frame === 0) feed.isNew(has.frame)
      const recovered = feed.seamless || has.frame === 0
      // Not recovered: frames of the open window are lost, except those that the client sends again.
      connection.send({ type: 'resumed', data: { recovered, ...feed.position() } })
      connection.enqueue(async () => {
        try {
          for (const answer of await analysis.answersSince(id, has.window)) deliver(answer)
        } catch (error) {
          connection.reportError(toCode(error))
        }
      })
    }

    /** Requests during a calibration share its one answer, which is sent when its time is over. */
    const calibrate = (durationMs: number) => {
      if (isCalibrating) return
      isCalibrating = true
      void peer.feed
        .calibrate(durationMs)
        .catch((error: unknown) => {
          dependencies.onFailure(error)
          return undefined
        })
        .then((found) => {
          isCalibrating = false
          if (found === undefined) connection.sendError('CALIBRATION_FAILED')
          else connection.send({ type: 'calibrated', data: { ...found, durationMs } })
        })
    }

    /**
     * The notice of a newer socket was lost, but the session could not be reclaimed for longer than a lease lasts without
     * a socket: clients of the newer protocol are not left without answers.
     */
    const leaveIfSuperseded = () => {
      lostAt ??= performance.now()
      if (connection.isV2 && performance.now() - lostAt > supersededAfterMs)
        connection.close(4001, 'SUPERSEDED')
    }

    /** The newer socket was on another instance and may be closed by now: then this one feeds the session again. */
    const reclaim = () => {
      if (performance.now() < reclaimAt) return
      reclaimAt = performance.now() + RECLAIM_EVERY_MS
      connection.enqueue(async () => {
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
          peer.feed.close()
          peer.feed = analysis.feed(again, connection.handshake)
          for (const answer of peer.feed.undelivered()) deliver(answer)
        } catch (error) {
          connection.reportError(toCode(error))
        }
      })
    }

    const feed = analysis.feed(start, connection.handshake)
    const peer: Peer = { connection, feed, isFeeding, takesOver, noteFrame, reclaim, resume, calibrate }
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
        for (const answer of peer.feed.undelivered()) deliver(answer)
      },
      receive: (data, isBinary) => {
        if (isBinary) receiveBinary(peer, data)
        else receiveLandmarks(peer, data)
      },
      close: () => {
        closed = true
        peer.feed.close()
      },
      isSending,
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
    const enqueue = (work: () => Promise<void>) => {
      connection.enqueue(async () => {
        try {
          await work()
        } catch (error) {
          connection.reportError(toCode(error))
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
        enqueue(() => carryOut(connection, sessions, 'get_status'))
      },
      receive: (data, isBinary) => {
        if (!connection.admitsMessage(data.length)) return
        const message = isBinary ? undefined : parseMessage(data, BOUNDS.session)?.message
        const type = message?.type
        // A ping never waits behind a command: its sender treats silence as a lost connection.
        if (type === 'ping') connection.pong()
        else if (message?.type === 'request_ai_response') counsellor.receive(message, data.length)
        else if (!isCommand(type)) connection.rejectMessage(data.length, 'INVALID_MESSAGE')
        else if (connection.isBusy) connection.rejectMessage(data.length, 'SERVER_BUSY')
        else enqueue(() => carryOut(connection, sessions, type))
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
  return error instanceof AppError ? error.code : (databaseErrorCode(error) ?? 'INTERNAL_ERROR')
}
