import type { SessionStatus } from '../domain/session.ts'
import type { SkipReason } from '../protocol/session-events.ts'
import type { AnsweredWindow, MeasuredWindow } from './windows/answer.ts'
import { WindowAnswering } from './windows/answering.ts'
import { UndeliveredAnswers } from './windows/undelivered.ts'
import { FrameBuffer } from './frames/frame-buffer.ts'
import { type FrameFate, FrameWindow } from './frames/frame-window.ts'
import { type FrameFault, type FramePoints, type FrameReader, parseFrame } from './frames/landmarks-frame.ts'
import { NO_SPAN, type Span } from '../lib/tracing.ts'
import { type Calibrated, SessionFace } from './face/session-face.ts'
import { deadlinesOf, type LiveSettings } from './session-settings.ts'
import type { SessionSink } from './session-sink.ts'
import type { SessionStart } from './session-start.ts'

/**
 * How long an answer waits for its commit before it is delivered without it: until it is committed, another owner may
 * claim the session, and the answer is refused. Once a write is late, answers do not wait until one succeeds.
 */
const COMMIT_FIRST_MS = 600

/**
 * The part of a session that is in this process: its open window and the windows in progress. Window n is
 * [startedAt + (n-1) interval, startedAt + n interval) by the session's own clock, whatever happens in between.
 */
export class LiveSession {
  readonly id: string
  /** How many sockets feed it. */
  feeders = 0
  /** The handshake of the socket that has fed it last. */
  fedBy: Span = NO_SPAN
  lastActivity: number
  readonly undelivered = new UndeliveredAnswers()
  readonly epoch: number
  readonly #lastWindow: number
  readonly #settings: LiveSettings
  readonly #sink: SessionSink
  readonly #intervalMs: number
  readonly #deadlines: ReturnType<typeof deadlinesOf>
  readonly #startedAt: number
  /** Start of the session by our monotonic clock, ms. */
  readonly #origin: number
  readonly #abort = new AbortController()
  #status: SessionStatus
  #open: FrameWindow | undefined
  readonly #buffer: FrameBuffer
  #cancelTimer: () => void = () => undefined
  #tail: Promise<void> = Promise.resolve()
  #unfinished = 0
  #lastFrame = 0
  #lost = false
  readonly #face: SessionFace
  readonly #answering: WindowAnswering

  constructor(start: SessionStart, settings: LiveSettings, sink: SessionSink) {
    this.id = start.id
    this.#face = new SessionFace(start.learnt, settings, (error) => sink.failed(null, error))
    this.#settings = settings
    this.#answering = new WindowAnswering({
      sessionId: start.id,
      language: start.language,
      model: settings.model,
      voiceOf: settings.voiceOf,
      signal: this.#abort.signal,
    })
    this.#buffer = new FrameBuffer(settings.maxFrames)
    this.#sink = sink
    this.epoch = start.epoch
    this.undelivered.inherit(start.undelivered)
    this.#lastWindow = start.lastWindow
    this.#intervalMs = start.intervalMs
    this.#deadlines = deadlinesOf(settings, start.intervalMs)
    this.#startedAt = start.startedAt
    this.#origin = start.startedAt - start.clockOffset
    this.#status = start.status
    this.lastActivity = settings.clock.now()
    // A window that is stored before its end was closed early by an owner that handed the session over.
    this.seamless = start.lastWindow >= this.currentWindow
  }

  /** The highest frame number so far, of clients that number their frames; 0 when there was none. */
  get lastFrame(): number {
    return this.#lastFrame
  }

  /** False for a frame that the client has sent again after a reconnect. */
  isNew(frame: number): boolean {
    if (frame <= this.#lastFrame) return false
    this.#lastFrame = frame
    return true
  }

  get isLost(): boolean {
    return this.#lost
  }

  /** Whether no frame has been lost between its last owner and this process. */
  readonly seamless: boolean

  /** The window that is open now, by the session's clock. */
  get currentWindow(): number {
    return Math.floor(this.#elapsed() / this.#intervalMs) + 1
  }

  /** Nothing is open or in progress: the session can be released without loss. */
  get idle(): boolean {
    return this.#open === undefined && this.#unfinished === 0 && this.#answering.idle
  }

  /**
   * A frame's bytes, `how` to read them, and the content where it was parsed already. Hot path: no await, no
   * query, no log line.
   */
  push(bytes: Buffer, how: FrameReader = parseFrame, read?: FramePoints | FrameFault): FrameFate | 'paused' {
    if (this.#status === 'ended') return 'dropped'
    const elapsed = this.#elapsed()
    this.lastActivity = this.#settings.clock.now()
    const window = this.#windowAt(elapsed)
    const unwanted = this.#status === 'paused' || window.number <= this.#lastWindow
    if (unwanted || !this.#settings.inferenceEnabled) {
      window.count()
      return 'paused'
    }
    this.#face.offer(bytes, how, read)
    return window.offer(bytes, elapsed - (window.number - 1) * this.#intervalMs, how, read)
  }

  /** Drops the frames of the open window: they came from another camera. */
  startOver(): void {
    this.#open?.discard()
  }

  /** Counts a frame without reading it. */
  skip(): void {
    if (this.#status !== 'ended') this.#windowAt(this.#elapsed()).count()
  }

  /**
   * Takes the face of the next `durationMs` for the person's neutral one; undefined when it could not be measured. A
   * second call while the first goes on has the same outcome.
   */
  calibrate(durationMs: number): Promise<Calibrated | undefined> {
    if (this.#status === 'ended') return Promise.resolve(undefined)
    return this.#face.calibrate(durationMs, () => this.#open?.number ?? this.currentWindow)
  }

  setStatus(status: 'active' | 'paused'): void {
    if (this.#status !== 'ended') this.#status = status
  }

  /** Closes the open window early and resolves when its answer has been delivered. */
  async end(): Promise<void> {
    this.#status = 'ended'
    this.#face.cancelCalibration()
    this.#close()
    await this.#tail
  }

  /** Aborts calls that are still in progress. */
  abort(): void {
    this.#abort.abort()
  }

  /**
   * Hands over: the open window is closed early with the frames it has, models are cut off, and it resolves when all
   * that has closed is stored. Who serves the session next goes on with the next window.
   */
  async stop(): Promise<void> {
    this.#status = 'ended'
    this.#face.cancelCalibration()
    this.#close()
    this.#abort.abort()
    await this.#tail
  }

  /** Another instance serves the session: nothing of it is closed, stored or sent here from now on. */
  discard(): void {
    this.#lost = true
    this.#status = 'ended'
    this.#cancelTimer()
    this.#face.cancelCalibration()
    this.#open?.discard()
    this.#open = undefined
    this.#abort.abort()
  }

  #elapsed(): number {
    return Math.max(0, this.#settings.clock.now() - this.#origin)
  }

  #windowAt(elapsed: number): FrameWindow {
    const number = Math.floor(elapsed / this.#intervalMs) + 1
    if (this.#open !== undefined && this.#open.number !== number) this.#close()
    if (this.#open === undefined) {
      const { maxFrames, spares } = this.#settings
      this.#open = new FrameWindow({
        number,
        intervalMs: this.#intervalMs,
        maxFrames,
        spares,
        buffer: this.#buffer,
      })
      this.#arm(number * this.#intervalMs)
    }
    return this.#open
  }

  /** A timer may fire a little early; then it is set again. */
  #arm(closesAt: number): void {
    this.#cancelTimer = this.#settings.clock.after(closesAt - this.#elapsed(), () => {
      if (this.#elapsed() < closesAt) this.#arm(closesAt)
      else this.#close()
    })
  }

  /** Never throws: it runs in a timer, where a throw would end the process. */
  #close(): void {
    this.#cancelTimer()
    const window = this.#open
    if (window === undefined) return
    this.#open = undefined
    try {
      this.#closeWindow(window)
    } catch (error) {
      this.#sink.failed(window.number, error)
    }
  }

  #closeWindow(window: FrameWindow): void {
    const closedAt = Math.min(this.#elapsed(), window.number * this.#intervalMs)
    const span = this.#settings.traceWindow(window.number, this.fedBy)
    const measured = this.#measure(window, span)
    if (measured === undefined) {
      span.end({ 'maeum.outcome': 'skipped' })
      this.#sink.skipped(window.number, window.received, this.#whySkipped(window))
      return
    }
    const { outcome, late, asked } = this.#answering.answer(measured, () =>
      Math.max(0, closedAt + this.#deadlines.modelMs - this.#elapsed()),
    )
    const dueAt = closedAt + (asked ? this.#deadlines.answerMs : COMMIT_FIRST_MS)
    this.#sink.closed(measured, asked)
    this.#unfinished++
    const failed = (error: unknown) => {
      span.end({ 'maeum.outcome': 'failed' })
      this.#sink.failed(window.number, error)
    }
    const delivered = this.#tail
      .then(() => this.#deliver(outcome, dueAt))
      .catch(failed)
      .finally(() => this.#unfinished--)
    this.#tail = delivered.then(() => undefined)
    // A late answer is never sent before the delivered one.
    Promise.all([late, delivered])
      .then(([call, answer]) => {
        if (call !== undefined && answer !== undefined) this.#sink.late(answer, call)
      })
      .catch(failed)
  }

  /** The answer; undefined when another instance owns the session. */
  async #deliver(outcome: Promise<AnsweredWindow>, dueAt: number): Promise<AnsweredWindow | undefined> {
    const answered = await outcome
    const answer = { ...answered, intervention: this.#lost ? null : this.#settings.takeOffer(this.id) }
    this.#answering.remember(answer)
    const patienceMs = Math.min(COMMIT_FIRST_MS, Math.max(0, dueAt - this.#elapsed()))
    return (await this.#sink.answered(answer, patienceMs)) ? answer : undefined
  }

  /** Null for a window that the previous owner has answered. */
  #whySkipped(window: FrameWindow): SkipReason | null {
    if (window.number <= this.#lastWindow) return null
    return this.#status === 'paused' ? 'paused' : 'no_valid_frame'
  }

  #readFace(window: FrameWindow): ReturnType<SessionFace['read']> {
    try {
      return this.#face.read(window.close())
    } finally {
      this.#buffer.clear()
    }
  }

  /** Measures the window and drops its frames. */
  #measure(window: FrameWindow, span: Span): MeasuredWindow | undefined {
    const read = this.#readFace(window)
    if (read === undefined) return undefined
    const boundary = this.#startedAt + window.number * this.#intervalMs
    return {
      number: window.number,
      closedAt: Math.round(Math.min(boundary, this.#startedAt + this.#elapsed())),
      framesReceived: window.received,
      span,
      ...read,
    }
  }
}
