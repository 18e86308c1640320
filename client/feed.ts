import { type Capture, encodeBinary, encodeJson, type FrameFormat } from './encode.ts'
import { monotonic } from './environment.ts'
import { isCount, type Message } from './frames.ts'
import { copyPoints, type Landmarks } from './points.ts'
import type { Socket } from './socket.ts'

export type Shot = {
  /** Camera image size in pixels; without it the server infers the aspect ratio from the face. */
  readonly width?: number
  readonly height?: number
  /** Capture time, ms since the epoch; default: now minus `ageMs`. */
  readonly timestamp?: number
  /** Time since the capture, such as the face model's latency; a frame whose window has closed is not sent. */
  readonly ageMs?: number
}

/** `taken`: sent now, or when a socket connects. `skipped`: above the server's frame rate. */
export type PushResult = 'taken' | 'skipped' | 'invalid' | 'closed'

export type FeedStats = {
  readonly taken: number
  /** Frames passed to a socket, retransmissions included. */
  readonly sent: number
  /** Taken but never sent: their window had closed, or the queue was full. */
  readonly dropped: number
  /** Bytes of `sent`. */
  readonly bytes: number
  /** Pushed without valid face points, not sent. */
  readonly invalid: number
}

/** One window of 40 frames and some of the next one. */
const MAX_QUEUED_FRAMES = 64
const MAX_UNSENT_BYTES = 128 * 1024
const RETRY_MS = 100
/** Longest wait for `rate` and `resumed` after `connected`. */
const SETTLE_MS = 3000
const FPS = { min: 0.1, default: 4, max: 60 }
const MAX_SIDE = 16_384

/**
 * Queue of outgoing frames: accepts them at the server's rate, keeps them while their window is open, and retransmits
 * on the next socket what the server did not receive. When it is full, the oldest frame is dropped.
 */
export class Feed {
  readonly #preferred: FrameFormat
  readonly #now: () => number
  #queue: Capture[] = []
  #number = Date.now()
  /** Every frame up to this number was received by the server or dropped. */
  #doneUpTo = 0
  #highestSent = 0
  #dueAt = 0
  #fps = FPS.default
  #formats: readonly unknown[] = []
  #socket: Socket | undefined
  #settlesAt = 0
  #isRateKnown = false
  #isResuming = false
  /** Start of the session by the client's monotonic clock. */
  #startedAt: number
  #intervalMs = 10_000
  #retryTimer: ReturnType<typeof setTimeout> | undefined
  #stats = { taken: 0, sent: 0, dropped: 0, bytes: 0, invalid: 0 }

  /** `startedAt`: the session's start by `now`, a monotonic clock. */
  constructor(preferred: FrameFormat, startedAt: number, now: () => number = monotonic) {
    this.#preferred = preferred
    this.#startedAt = startedAt
    this.#now = now
  }

  get stats(): FeedStats {
    return { ...this.#stats }
  }

  /** The last frame that was sent; 0 before the first. */
  get highestSent(): number {
    return this.#highestSent
  }

  push(face: Landmarks, shot?: Shot): PushResult {
    const { width = 0, height = 0, ageMs = 0, timestamp = Date.now() - ageMs } = shot ?? {}
    const at = this.#now()
    if (at < this.#dueAt) return 'skipped'
    const points = copyPoints(face)
    if (points === undefined || !isCount(Math.round(timestamp))) {
      this.#stats.invalid++
      return 'invalid'
    }
    const period = 1000 / this.#fps
    // A fixed schedule: the camera's own rate does not lower the average. Missed slots are skipped.
    this.#dueAt = at - this.#dueAt < period ? this.#dueAt + period : at + period
    const size = isSide(width) && isSide(height) ? [width, height] : []
    const [w = 0, h = 0] = size.map(Math.round)
    const number = ++this.#number
    const takenAt = at - (ageMs > 0 ? ageMs : 0) // false for NaN too
    this.#queue.push({ number, at: takenAt, timestamp: Math.round(timestamp), width: w, height: h, points })
    this.#stats.taken++
    if (this.#queue.length > MAX_QUEUED_FRAMES) this.#drop(this.#queue.shift())
    this.#pump()
    return 'taken'
  }

  /** Uses a connected socket; `isResuming` when `resume` was sent and its answer is pending. */
  attach(socket: Socket, greeting: Message['data'], isResuming: boolean): void {
    const { analysisInterval, maxFrames } = greeting
    if (isCount(analysisInterval) && analysisInterval > 0) this.#intervalMs = analysisInterval
    if (isCount(maxFrames)) this.#setRate((maxFrames * 1000) / this.#intervalMs)
    this.#socket = socket
    this.#formats = []
    this.#isRateKnown = !socket.isV2
    this.#isResuming = isResuming
    this.#settlesAt = this.#now() + SETTLE_MS
    this.#pump()
  }

  detach(): void {
    this.#socket = undefined
    clearTimeout(this.#retryTimer)
  }

  /** Handles `rate`: frames per second and supported formats. */
  onRate({ fps, formats }: Message['data']): void {
    if (typeof fps === 'number') this.#setRate(fps)
    this.#formats = Array.isArray(formats) ? formats : []
    this.#isRateKnown = true
    this.#pump()
  }

  /** Handles `resumed`: the frames of the open window that the server lacks are sent again. */
  onResumed({ recovered, frame }: Message['data']): void {
    this.#isResuming = false
    const received = isCount(frame) ? frame : 0
    this.#renumberAbove(received)
    // The previous instance closed the open window early: its remaining frames would be ignored.
    const isClosed = recovered === true && received === 0 && this.#highestSent > 0
    this.#doneUpTo = isClosed ? this.#number : received
    this.#pump()
  }

  /** Sets the age of the session, which determines the window boundaries. */
  setDuration(durationMs: unknown): void {
    if (isCount(durationMs)) this.#startedAt = this.#now() - durationMs
  }

  /** Frames of an earlier page, or of a device whose clock is ahead, may have higher numbers. */
  #renumberAbove(frame: number): void {
    const first = this.#queue.find(({ number }) => number > this.#highestSent)?.number ?? this.#number + 1
    const lag = frame + 1 - first
    if (frame <= this.#highestSent || lag <= 0) return
    this.#number += lag
    this.#queue = this.#queue.map((capture) =>
      capture.number < first ? capture : { ...capture, number: capture.number + lag },
    )
  }

  #setRate(fps: number): void {
    this.#fps = Math.min(FPS.max, Math.max(FPS.min, Number.isFinite(fps) ? fps : FPS.default))
  }

  #windowOf(at: number): number {
    return Math.floor((at - this.#startedAt) / this.#intervalMs)
  }

  #pump(): void {
    clearTimeout(this.#retryTimer)
    if (this.#socket === undefined) return
    const isSettled = (this.#isRateKnown && !this.#isResuming) || this.#now() > this.#settlesAt
    const isWaiting = !isSettled || !this.#sendAll(this.#socket)
    if (isWaiting) this.#retryTimer = setTimeout(() => this.#pump(), RETRY_MS)
  }

  /** Returns false when the socket cannot take more now. */
  #sendAll(socket: Socket): boolean {
    const open = this.#windowOf(this.#now())
    for (const capture of this.#queue) {
      if (capture.number <= this.#doneUpTo) continue
      // The server assigns a frame to a window by its arrival: a late one would count in the wrong window.
      if (this.#windowOf(capture.at) < open) this.#drop(capture)
      else if (socket.bufferedAmount > MAX_UNSENT_BYTES) return false
      else {
        const bytes = this.#encode(capture, socket)
        if (!socket.send(bytes)) return false
        this.#stats.sent++
        this.#stats.bytes += typeof bytes === 'string' ? bytes.length : bytes.byteLength
        this.#highestSent = Math.max(this.#highestSent, capture.number)
        this.#doneUpTo = capture.number
      }
    }
    return true
  }

  #drop(capture: Capture | undefined): void {
    if (capture === undefined || capture.number <= this.#doneUpTo) return
    this.#doneUpTo = capture.number
    if (capture.number > this.#highestSent) this.#stats.dropped++
  }

  #encode(capture: Capture, socket: Socket): string | ArrayBuffer {
    const format = this.#preferred
    const isBinary = socket.isV2 && format !== 'json' && this.#formats.includes(`${format}.v1`)
    return isBinary ? encodeBinary(capture, format) : encodeJson(capture)
  }
}

const isSide = (value: number): boolean => value >= 1 && value <= MAX_SIDE
