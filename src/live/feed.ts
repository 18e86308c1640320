import type { WindowAnswer } from '../protocol/session-events.ts'
import { decodeFrame, isBinaryFrame } from './frames/binary-frame.ts'
import { parseFrame, FRAME_FLOATS, readFrame } from './frames/landmarks-frame.ts'
import type { Span } from '../lib/tracing.ts'
import type { LiveSession } from './live-session.ts'
import type { Calibrated } from './face/session-face.ts'

/** `consent_required`: without consent the frame was not read. */
type FrameOutcome = ReturnType<LiveSession['push']> | 'consent_required'

/** The interface of a live session to its landmarks sockets. */
export type Feed = {
  /** Answers that were not sent on a socket yet, in order. */
  undelivered(): readonly WindowAnswer[]
  /** The bytes of a landmarks message, and its content where it was parsed already. */
  push(bytes: Buffer, parsed?: unknown): FrameOutcome
  /** The bytes of a binary message. */
  pushBinary(bytes: Buffer): FrameOutcome
  /** Another socket has fed the open window until now: if this is a valid frame, its earlier frames are dropped. */
  takeOver(bytes: Buffer, parsed?: unknown): void
  /** Takes the face of the next `durationMs` for the person's neutral one; undefined when it could not be measured. */
  calibrate(durationMs: number): Promise<Calibrated | undefined>
  /** False for a numbered frame that was received before. */
  isNew(frame: number): boolean
  /** The highest frame number received and the open window. */
  position(): { readonly frame: number; readonly window: number }
  /** Whether another instance serves the session: frames pushed here have no effect. */
  isLost(): boolean
  /** Whether the previous owner had closed the open window: frames that it has not read are not missing. */
  readonly handedOver: boolean
  /** Whether no frame was lost since the last socket: false after a crash of the owner. */
  readonly seamless: boolean
  /** Counts a frame beyond the rate. */
  skip(): void
  close(): void
}

const readerOf = (bytes: Buffer) => (isBinaryFrame(bytes) ? decodeFrame : parseFrame)

type FrameCounter = { frames: { labels(fate: string): { inc(): void } } }

type Options = {
  /** This process served the session already, under the same lease. */
  readonly wasHere: boolean
  /** Of the socket. */
  readonly handshake: Span
  readonly metrics: FrameCounter
  readonly isAllowed: () => boolean
  /** Whether the lease of the session is still held. */
  readonly isHeld: () => boolean
}

export function openFeed(
  session: LiveSession,
  { wasHere, handshake, metrics, isAllowed, isHeld }: Options,
): Omit<Feed, 'undelivered'> {
  let closed = false
  session.feeders++
  const counted = (fate: FrameOutcome) => {
    metrics.frames.labels(fate).inc()
    return fate
  }
  return {
    handedOver: !wasHere && session.seamless,
    seamless: wasHere || session.seamless,
    isLost: () => session.isLost || !isHeld(),
    isNew: (frame) => session.isNew(frame),
    position: () => ({ frame: session.lastFrame, window: session.currentWindow }),
    push: (bytes, parsed) => {
      if (!isAllowed()) return counted('consent_required')
      session.fedBy = handshake
      return counted(session.push(bytes, parseFrame, parsed === undefined ? undefined : readFrame(parsed)))
    },
    pushBinary: (bytes) => {
      if (!isAllowed()) return counted('consent_required')
      session.fedBy = handshake
      return counted(session.push(bytes, decodeFrame, isBinaryFrame(bytes) ? undefined : 'invalid_frame'))
    },
    takeOver: (bytes, parsed) => {
      const read =
        parsed === undefined ? readerOf(bytes)(bytes, new Float32Array(FRAME_FLOATS)) : readFrame(parsed)
      if (typeof read !== 'string') session.startOver()
    },
    calibrate: async (durationMs) => (isAllowed() ? session.calibrate(durationMs) : undefined),
    skip: () => {
      session.skip()
      metrics.frames.labels('over_rate').inc()
    },
    close: () => {
      if (closed) return
      closed = true
      session.feeders--
    },
  }
}
