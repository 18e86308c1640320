import { type Capture, encodeBinary, encodeJson, type FrameFormat } from './encode.ts'
import { monotonic } from './environment.ts'
import { isCount, type Message } from './frames.ts'
import { copyPoints, type Landmarks } from './points.ts'
import type { Wire } from './wire.ts'

export type Shot = {
  /** Size of the camera's image in pixels: without it its shape is inferred from the face. */
  readonly width?: number
  readonly height?: number
  /** When it was taken, ms since the epoch; now, or `ageMs` ago, unless told. */
  readonly timestamp?: number
  /** How long the model has looked at its picture: a face of a window that has passed meanwhile is not sent. */
  readonly ageMs?: number
}

/** `taken`: on its way, now or as soon as there is a socket. `skipped`: more than the server can use. */
export type PushResult = 'taken' | 'skipped' | 'invalid' | 'closed'

export type FeedStats = {
  readonly taken: number
  /** Frames handed to a socket, such as were sent again included. */
  readonly sent: number
  /** Taken, and never sent: their window had passed, or there were too many to keep. */
  readonly dropped: number
  /** Bytes of `sent`. */
  readonly bytes: number
  /** Pushed, and no face: nothing is sent of them. */
  readonly invalid: number
}

/** A window of forty frames and what comes until its end is known. */
const KEPT_FRAMES = 64
const MAX_UNSENT_BYTES = 128 * 1024
const TRY_AGAIN_MS = 100
/** How long a greeting may take to become complete: what the server wants, and where it stands. */
const SETTLE_MS = 3000
const FPS = { least: 0.1, usual: 4, most: 60 }
const LARGEST_SIDE = 16_384

/**
 * Frames on their way: taken at the rate of the server, kept for as long as their window is open, sent once on a socket
 * that keeps up, and again on the next one what the server has not had. Beyond its bounds the oldest is dropped.
 */
export class Feed {
  readonly #preferred: FrameFormat
  readonly #now: () => number
  #kept: Capture[] = []
  #number = Date.now()
  /** Every frame up to this number is the server's, or dropped. */
  #doneUpTo = 0
  #highestSent = 0
  #dueAt = 0
  #fps = FPS.usual
  #formats: readonly unknown[] = []
  #wire: Wire | undefined
  #settlesAt = 0
  #knowsRate = false
  #isResuming = false
  /** Start of the session by our clock. */
  #startedAt: number
  #intervalMs = 10_000
  #again: ReturnType<typeof setTimeout> | undefined
  #stats = { taken: 0, sent: 0, dropped: 0, bytes: 0, invalid: 0 }

  /** `startedAt`: the session's start by `now`, a clock that never jumps. */
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
    // On a beat, so that a camera's own rhythm does not lower the rate; a beat that was missed is not made up for.
    this.#dueAt = at - this.#dueAt < period ? this.#dueAt + period : at + period
    const size = isSide(width) && isSide(height) ? [width, height] : []
    const [w = 0, h = 0] = size.map(Math.round)
    const number = ++this.#number
    const takenAt = at - (ageMs > 0 ? ageMs : 0) // false for NaN too
    this.#kept.push({ number, at: takenAt, timestamp: Math.round(timestamp), width: w, height: h, points })
    this.#stats.taken++
    if (this.#kept.length > KEPT_FRAMES) this.#drop(this.#kept.shift())
    this.#pump()
    return 'taken'
  }

  /** A socket has been greeted; `isResuming` when it has been asked where it stands. */
  attach(wire: Wire, greeting: Message['data'], isResuming: boolean): void {
    const { analysisInterval, maxFrames } = greeting
    if (isCount(analysisInterval) && analysisInterval > 0) this.#intervalMs = analysisInterval
    if (isCount(maxFrames)) this.#setRate((maxFrames * 1000) / this.#intervalMs)
    this.#wire = wire
    this.#formats = []
    this.#knowsRate = !wire.isV2
    this.#isResuming = isResuming
    this.#settlesAt = this.#now() + SETTLE_MS
    this.#pump()
  }

  detach(): void {
    this.#wire = undefined
    clearTimeout(this.#again)
  }

  /** What the server can use: frames a second, and in which forms. */
  rate({ fps, formats }: Message['data']): void {
    if (typeof fps === 'number') this.#setRate(fps)
    this.#formats = Array.isArray(formats) ? formats : []
    this.#knowsRate = true
    this.#pump()
  }

  /** What the server has had of the session: the rest of the open window is sent again. */
  resumed({ recovered, frame }: Message['data']): void {
    this.#isResuming = false
    const had = isCount(frame) ? frame : 0
    this.#riseAbove(had)
    // Handed over by an instance that answered the open window early: what is left of it nobody reads.
    const isPast = recovered === true && had === 0 && this.#highestSent > 0
    this.#doneUpTo = isPast ? this.#number : had
    this.#pump()
  }

  /** The session is `durationMs` old: from this the windows' bounds are known. */
  clock(durationMs: unknown): void {
    if (isCount(durationMs)) this.#startedAt = this.#now() - durationMs
  }

  /** Frames of an earlier page, or of a device whose clock is ahead, may have higher numbers than ours. */
  #riseAbove(frame: number): void {
    const first = this.#kept.find(({ number }) => number > this.#highestSent)?.number ?? this.#number + 1
    const lag = frame + 1 - first
    if (frame <= this.#highestSent || lag <= 0) return
    this.#number += lag
    this.#kept = this.#kept.map((capture) =>
      capture.number < first ? capture : { ...capture, number: capture.number + lag },
    )
  }

  #setRate(fps: number): void {
    this.#fps = Math.min(FPS.most, Math.max(FPS.least, Number.isFinite(fps) ? fps : FPS.usual))
  }

  #windowOf(at: number): number {
    return Math.floor((at - this.#startedAt) / this.#intervalMs)
  }

  #pump(): void {
    clearTimeout(this.#again)
    if (this.#wire === undefined) return
    const isSettled = (this.#knowsRate && !this.#isResuming) || this.#now() > this.#settlesAt
    const isWaiting = !isSettled || !this.#sendAll(this.#wire)
    if (isWaiting) this.#again = setTimeout(() => this.#pump(), TRY_AGAIN_MS)
  }

  /** False when the socket takes no more for now. */
  #sendAll(wire: Wire): boolean {
    const open = this.#windowOf(this.#now())
    for (const capture of this.#kept) {
      if (capture.number <= this.#doneUpTo) continue
      // The server counts a frame when it arrives: a late one would be taken for a face of another window.
      if (this.#windowOf(capture.at) < open) this.#drop(capture)
      else if (wire.bufferedAmount > MAX_UNSENT_BYTES) return false
      else {
        const bytes = this.#encode(capture, wire)
        if (!wire.send(bytes)) return false
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

  #encode(capture: Capture, wire: Wire): string | ArrayBuffer {
    const format = this.#preferred
    const isBinary = wire.isV2 && format !== 'json' && this.#formats.includes(`${format}.v1`)
    return isBinary ? encodeBinary(capture, format) : encodeJson(capture)
  }
}

const isSide = (value: number): boolean => value >= 1 && value <= LARGEST_SIDE
