import type { EmotionReading } from '../../domain/emotion.ts'
import { readExpression } from '../../domain/face/local-analyser.ts'
import { measureWindow } from '../../domain/face/measures.ts'
import type { SessionStatus } from '../../domain/session.ts'
import type { SkipReason, WindowAnswer } from '../../plugins/hub.ts'
import type { ModelAnalyser } from './analyser.ts'
import {
  type AnsweredWindow,
  type Answering,
  answerLocally,
  answerWithModel,
  type LateAnswer,
  type MeasuredWindow,
} from './answer.ts'
import { type FrameFate, FrameWindow } from './frame-window.ts'
import type { FrameFault, FramePoints } from './landmarks-frame.ts'
import type { SparePool } from './spare-pool.ts'

/** What a live session needs of its row. Times in ms since the epoch; `now` by the database's clock. */
export type SessionStart = {
  readonly id: string
  readonly status: SessionStatus
  readonly startedAt: number
  readonly intervalMs: number
  readonly now: number
  /** Of the lease under which this process serves the session. */
  readonly epoch: number
  /** The last window that is stored already, by whoever; 0 when there is none. */
  readonly lastWindow: number
  /** Answers that an earlier owner could not deliver, in order. */
  readonly undelivered: readonly WindowAnswer[]
}

/** What the session tells its scheduler, in window order. */
export type SessionSink = {
  /** A window with valid frames has closed; `asked` when a model has been asked about it. */
  readonly closed: (window: MeasuredWindow, asked: boolean) => void
  /** The window's one outcome. Resolves when the session may go on to the next; false when it was another owner's to give. */
  readonly answered: (answer: AnsweredWindow) => Promise<boolean>
  readonly refined: (window: MeasuredWindow, answer: LateAnswer) => void
  /** A window that had frames and gave nothing to store; without a reason nobody is told. */
  readonly skipped: (window: number, frames: number, reason: SkipReason | null) => void
}

export type LiveSettings = {
  readonly maxFrames: number
  readonly deadlineMs: number
  readonly model: ModelAnalyser | null
  readonly inferenceEnabled: boolean
  readonly spares: SparePool
  /** A clock that never jumps, ms. */
  readonly monotonic: () => number
}

const MAX_CALLS = 4
/** Answers that wait for a socket; older ones are in the rows. */
const MAX_UNDELIVERED = 60
const REMEMBERED_RESULTS = 5

/**
 * The part of a session that lives in this process: its open window and what is in flight. Window n is
 * [startedAt + (n-1) interval, startedAt + n interval) by the session's own clock, whatever happens in between.
 */
export class LiveSession {
  readonly id: string
  /** How many sockets feed it. */
  feeders = 0
  lastActivity: number
  /** Answers that no socket has been sent yet, in window order. */
  readonly undelivered: WindowAnswer[]
  readonly epoch: number
  readonly #lastWindow: number
  readonly #settings: LiveSettings
  readonly #sink: SessionSink
  readonly #intervalMs: number
  readonly #startedAt: number
  /** Monotonic time at which the session started. */
  readonly #origin: number
  readonly #abort = new AbortController()
  #status: SessionStatus
  #open: FrameWindow | undefined
  #timer: NodeJS.Timeout | undefined
  #tail: Promise<void> = Promise.resolve()
  #undelivered = 0
  #calls = 0
  #lastFrame = 0
  #lost = false
  #aspect: number | undefined
  #previous: { window: number; emotion: EmotionReading['emotion']; confidence: number }[] = []

  constructor(start: SessionStart, settings: LiveSettings, sink: SessionSink) {
    this.id = start.id
    this.#settings = settings
    this.#sink = sink
    this.epoch = start.epoch
    this.undelivered = [...start.undelivered]
    this.#lastWindow = start.lastWindow
    this.#intervalMs = start.intervalMs
    this.#startedAt = start.startedAt
    this.#origin = settings.monotonic() - (start.now - start.startedAt)
    this.#status = start.status
    this.lastActivity = settings.monotonic()
    // A window is stored before its time is over when its owner has handed the session over.
    this.seamless = start.lastWindow >= this.currentWindow
  }

  /** The highest frame number so far, of clients that number their frames; 0 when there was none. */
  get lastFrame(): number {
    return this.#lastFrame
  }

  /** False for a frame that has been here before: it was sent again after a loss. */
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

  keep(answer: WindowAnswer): void {
    this.undelivered.push(answer)
    if (this.undelivered.length > MAX_UNDELIVERED) this.undelivered.shift()
  }

  delivered(window: number): void {
    const place = this.undelivered.findIndex((answer) => answer.window === window)
    if (place >= 0) this.undelivered.splice(place, 1)
  }

  /** Nothing open and nothing under way: letting go of it loses nothing. */
  get idle(): boolean {
    return this.#open === undefined && this.#undelivered === 0 && this.#calls === 0
  }

  /** Hot path: no await, no query, no log line. */
  push(bytes: Buffer, read?: FramePoints | FrameFault): FrameFate | 'paused' {
    if (this.#status === 'ended') return 'dropped'
    const elapsed = this.#elapsed()
    this.lastActivity = this.#settings.monotonic()
    const window = this.#windowAt(elapsed)
    const unwanted = this.#status === 'paused' || window.number <= this.#lastWindow
    if (unwanted || !this.#settings.inferenceEnabled) {
      window.count()
      return 'paused'
    }
    return window.offer(bytes, elapsed - (window.number - 1) * this.#intervalMs, read)
  }

  /** A frame that is not looked at, whatever is in it. */
  skip(): void {
    if (this.#status !== 'ended') this.#windowAt(this.#elapsed()).count()
  }

  setStatus(status: 'active' | 'paused'): void {
    if (this.#status !== 'ended') this.#status = status
  }

  /** Closes the open window early and resolves when its answer has been delivered. */
  async end(): Promise<void> {
    this.#status = 'ended'
    this.#close()
    await this.#tail
  }

  /** Cuts off calls that are still in flight. */
  abort(): void {
    this.#abort.abort()
  }

  /**
   * Hands over: the open window is closed early with the frames it has, models are cut off, and it resolves when all
   * that has closed is stored. Who serves the session next goes on with the next window.
   */
  async stop(): Promise<void> {
    this.#status = 'ended'
    this.#close()
    this.#abort.abort()
    await this.#tail
  }

  /** The session is served elsewhere: nothing of it is closed, stored or sent here any more. */
  discard(): void {
    this.#lost = true
    this.#status = 'ended'
    clearTimeout(this.#timer)
    this.#open?.discard()
    this.#open = undefined
    this.#abort.abort()
  }

  #elapsed(): number {
    return Math.max(0, this.#settings.monotonic() - this.#origin)
  }

  #windowAt(elapsed: number): FrameWindow {
    const number = Math.floor(elapsed / this.#intervalMs) + 1
    if (this.#open !== undefined && this.#open.number !== number) this.#close()
    if (this.#open === undefined) {
      const { maxFrames, spares } = this.#settings
      this.#open = new FrameWindow({ number, intervalMs: this.#intervalMs, maxFrames, spares })
      this.#arm(number * this.#intervalMs)
    }
    return this.#open
  }

  /** A timer may fire a little early; then it is set again. */
  #arm(closesAt: number): void {
    this.#timer = setTimeout(() => {
      if (this.#elapsed() < closesAt) this.#arm(closesAt)
      else this.#close()
    }, closesAt - this.#elapsed())
  }

  #close(): void {
    clearTimeout(this.#timer)
    const window = this.#open
    if (window === undefined) return
    this.#open = undefined
    const measured = this.#measure(window)
    if (measured === undefined) {
      this.#sink.skipped(window.number, window.received, this.#whySkipped(window))
      return
    }
    const { outcome, late, asked } = this.#answer(measured)
    this.#sink.closed(measured, asked)
    this.#undelivered++
    const told = this.#tail.then(async () => {
      const answer = await outcome
      this.#remember(answer)
      const isOurs = await this.#sink.answered(answer)
      this.#undelivered--
      return isOurs
    })
    this.#tail = told.then(() => undefined)
    // A refinement never overtakes the answer that it refines.
    void Promise.all([late, told]).then(([answer, isOurs]) => {
      if (answer !== undefined && isOurs) this.#sink.refined(measured, answer)
    })
  }

  /** Null for a window that the session's last owner has answered. */
  #whySkipped(window: FrameWindow): SkipReason | null {
    if (window.number <= this.#lastWindow) return null
    return this.#status === 'paused' ? 'paused' : 'no_valid_frame'
  }

  /** Measures and reads the frames at once: after this nothing of them is left. */
  #measure(window: FrameWindow): MeasuredWindow | undefined {
    const frames = window.close()
    const begun = this.#settings.monotonic()
    const measures = measureWindow(frames, this.#aspect === undefined ? {} : { aspect: this.#aspect })
    if (measures === undefined) return undefined
    if (measures.aspectSource === 'inferred') this.#aspect = measures.aspect
    const local = readExpression(measures)
    const boundary = this.#startedAt + window.number * this.#intervalMs
    const closedAt = Math.round(Math.min(boundary, this.#startedAt + this.#elapsed()))
    const localMs = this.#settings.monotonic() - begun
    return { number: window.number, closedAt, framesReceived: window.received, measures, local, localMs }
  }

  #answer(window: MeasuredWindow): Answering {
    const { model, deadlineMs } = this.#settings
    if (model === null) return answerLocally(window, null)
    if (this.#calls >= MAX_CALLS) return answerLocally(window, 'too_many_calls')
    this.#calls++
    const input = {
      window: window.number,
      language: 'ko' as const,
      frameCount: window.measures.frameCount,
      measures: window.measures,
      local: window.local,
      previous: this.#previous,
      speech: null,
    }
    const answering = answerWithModel(window, model, input, {
      deadlineMs: Math.min(deadlineMs, 0.9 * this.#intervalMs),
      signal: this.#abort.signal,
    })
    void Promise.all([answering.outcome, answering.late]).then(() => this.#calls--)
    return answering
  }

  #remember({ number, reading }: AnsweredWindow): void {
    const result = { window: number, emotion: reading.emotion, confidence: reading.confidence }
    this.#previous = [...this.#previous, result].slice(-REMEMBERED_RESULTS)
  }
}
