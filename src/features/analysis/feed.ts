import type { WindowAnswer } from '../../plugins/hub.ts'
import { decodeFrame, isBinaryFrame } from './binary-frame.ts'
import { parseFrame, ROOM_OF_FRAME, readFrame } from './landmarks-frame.ts'
import type { LiveSession } from './live-session.ts'
import type { Calibrated } from './session-face.ts'

/** `consent_required`: the person has not agreed to it, so it was not looked at. */
type FrameOutcome = ReturnType<LiveSession['push']> | 'consent_required'

/** What a socket, or several of one session, give to it and learn from it. */
export type Feed = {
  /** Answers that no socket has been sent yet, in order. */
  undelivered(): readonly WindowAnswer[]
  /** A landmarks message as it came, or its parsed content where somebody had to look into it. */
  push(bytes: Buffer, parsed?: unknown): FrameOutcome
  /** A binary message as it came. */
  pushBinary(bytes: Buffer): FrameOutcome
  /** Another socket has fed the open window until now: if this is a frame, the window goes on without those. */
  takeOver(bytes: Buffer, parsed?: unknown): void
  /** Takes the face of the next `durationMs` for the person's neutral one; undefined when it could not be measured. */
  calibrate(durationMs: number): Promise<Calibrated | undefined>
  /** False for a numbered frame that has been here before. */
  isNew(frame: number): boolean
  /** Where this process stands: the highest frame number it has, and the window that is open. */
  position(): { readonly frame: number; readonly window: number }
  /** Whether another instance serves the session now: what is pushed here goes nowhere. */
  isLost(): boolean
  /** Whether the session's last owner had closed the open window: frames that it has not read are not missed. */
  readonly handedOver: boolean
  /** Whether every frame since the last socket's is here: false after a crash of the session's owner. */
  readonly seamless: boolean
  /** Counts a frame that came too fast to be looked at. */
  skip(): void
  close(): void
}

const readerOf = (bytes: Buffer) => (isBinaryFrame(bytes) ? decodeFrame : parseFrame)

type FrameCounter = { frames: { labels(fate: string): { inc(): void } } }

type Options = {
  /** This process had the session already, under the same lease. */
  readonly wasHere: boolean
  readonly metrics: FrameCounter
  readonly isAllowed: () => boolean
  /** Whether the lease under which the session lives here is still held. */
  readonly isHeld: () => boolean
}

export function openFeed(
  session: LiveSession,
  { wasHere, metrics, isAllowed, isHeld }: Options,
): Omit<Feed, 'undelivered'> {
  let closed = false
  session.feeders++
  const counted = (fate: FrameOutcome) => {
    metrics.frames.labels(fate).inc()
    return fate
  }
  /** Without consent a frame goes no further than this. */
  const allowed = (take: () => FrameOutcome) => counted(isAllowed() ? take() : 'consent_required')
  return {
    handedOver: !wasHere && session.seamless,
    seamless: wasHere || session.seamless,
    isLost: () => session.isLost || !isHeld(),
    isNew: (frame) => session.isNew(frame),
    position: () => ({ frame: session.lastFrame, window: session.currentWindow }),
    push: (bytes, parsed) =>
      allowed(() => session.push(bytes, parseFrame, parsed === undefined ? undefined : readFrame(parsed))),
    pushBinary: (bytes) =>
      allowed(() => session.push(bytes, decodeFrame, isBinaryFrame(bytes) ? undefined : 'invalid_frame')),
    takeOver: (bytes, parsed) => {
      const read =
        parsed === undefined ? readerOf(bytes)(bytes, new Float32Array(ROOM_OF_FRAME)) : readFrame(parsed)
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
