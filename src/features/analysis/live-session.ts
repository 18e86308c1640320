import type { Intervention } from '../../domain/cbt/distortion.ts'
import type { EmotionReading } from '../../domain/emotion.ts'
import type { Language } from '../../domain/language.ts'
import type { SessionStatus } from '../../domain/session.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { SkipReason, WindowAnswer } from '../../plugins/hub.ts'
import type { ModelAnalyser, ModelAnswer } from './analyser.ts'
import {
  type AnsweredWindow,
  type Answering,
  answerLocally,
  answerWithModel,
  type Heard,
  type MeasuredWindow,
} from './answer.ts'
import { FrameRoom } from './frame-room.ts'
import { type FrameFate, FrameWindow } from './frame-window.ts'
import { type FrameFault, type FramePoints, type FrameReader, parseFrame } from './landmarks-frame.ts'
import type { Learnt } from './learnt.ts'
import { questionOf, REMEMBERED_RESULTS } from './question.ts'
import { type Calibrated, SessionFace } from './session-face.ts'
import type { SparePool } from './spare-pool.ts'

/** What a live session needs of its row. Times in ms since the epoch, by the database's clock. */
export type SessionStart = {
  readonly id: string
  readonly status: SessionStatus
  readonly startedAt: number
  readonly intervalMs: number
  /** By how much the database's clock is ahead of our monotonic one, ms. */
  readonly clockOffset: number
  /** Of the lease under which this process serves the session. */
  readonly epoch: number
  /** The last window that is stored already, by whoever; 0 when there is none. */
  readonly lastWindow: number
  /** Answers that an earlier owner could not deliver, in order. */
  readonly undelivered: readonly WindowAnswer[]
  /** Of every sentence that is made for the session. */
  readonly language: Language
  /** What is known of the person already. */
  readonly learnt: Learnt
  readonly userId: number
  /** Seals what is stored of the person. */
  readonly safe: Safe
}

/** What the session tells its scheduler, in window order. */
export type SessionSink = {
  /** A window with valid frames has closed; `asked` when a model has been asked about it. */
  readonly closed: (window: MeasuredWindow, asked: boolean) => void
  /**
   * The window's one outcome, which may wait so long for its row. Resolves when the session may go on to the next; false
   * when it was another owner's to give.
   */
  readonly answered: (answer: AnsweredWindow, patienceMs: number) => Promise<boolean>
  /** The model's call has ended after the window had been answered without it. */
  readonly late: (window: AnsweredWindow, answer: ModelAnswer) => void
  /** A window that had frames and gave nothing to store; without a reason nobody is told. */
  readonly skipped: (window: number, frames: number, reason: SkipReason | null) => void
  /** A fault of ours in a window, or in a calibration (null). The session goes on without it. Never throws. */
  readonly failed: (window: number | null, error: unknown) => void
}

export type LiveSettings = {
  readonly maxFrames: number
  readonly deadlineMs: number
  readonly model: ModelAnalyser | null
  readonly inferenceEnabled: boolean
  readonly spares: SparePool
  /** What was heard in a window that has just closed. Never rejects, and answers soon. */
  readonly heard: (sessionId: string, window: number) => Promise<Heard>
  /** What is to be offered to the person with the next answer, if anything. */
  readonly takeOffer: (sessionId: string) => Intervention | null
  /** A clock that never jumps, ms. */
  readonly monotonic: () => number
}

const MAX_CALLS = 4
/** Answers that wait for a socket; older ones are in the rows. */
const MAX_UNDELIVERED = 60

/** Kept of the deadline, a tenth of it at most, to write the answer before it is sent. */
const TO_WRITE_MS = 100
/** How long an answer waits for its row: committed first when the database is well, delivered anyway when it is not. */
const COMMIT_FIRST_MS = 250

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
  readonly #language: Language
  readonly #settings: LiveSettings
  readonly #sink: SessionSink
  readonly #intervalMs: number
  readonly #startedAt: number
  /** Start of the session by our monotonic clock, ms. */
  readonly #origin: number
  readonly #abort = new AbortController()
  #status: SessionStatus
  #open: FrameWindow | undefined
  readonly #room: FrameRoom
  #timer: NodeJS.Timeout | undefined
  #tail: Promise<void> = Promise.resolve()
  #undelivered = 0
  #calls = 0
  #lastFrame = 0
  #lost = false
  readonly #face: SessionFace
  #previous: { window: number; emotion: EmotionReading['emotion']; confidence: number }[] = []

  constructor(start: SessionStart, settings: LiveSettings, sink: SessionSink) {
    this.id = start.id
    this.#language = start.language
    this.#face = new SessionFace(start.learnt, settings, (error) => sink.failed(null, error))
    this.#settings = settings
    this.#room = new FrameRoom(settings.maxFrames)
    this.#sink = sink
    this.epoch = start.epoch
    this.undelivered = [...start.undelivered]
    this.#lastWindow = start.lastWindow
    this.#intervalMs = start.intervalMs
    this.#startedAt = start.startedAt
    this.#origin = start.startedAt - start.clockOffset
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

  /**
   * A frame as it came, `how` to read it, and its content where somebody had to look into it. Hot path: no await, no
   * query, no log line.
   */
  push(bytes: Buffer, how: FrameReader = parseFrame, read?: FramePoints | FrameFault): FrameFate | 'paused' {
    if (this.#status === 'ended') return 'dropped'
    const elapsed = this.#elapsed()
    this.lastActivity = this.#settings.monotonic()
    const window = this.#windowAt(elapsed)
    const unwanted = this.#status === 'paused' || window.number <= this.#lastWindow
    if (unwanted || !this.#settings.inferenceEnabled) {
      window.count()
      return 'paused'
    }
    this.#face.offer(bytes, how, read)
    return window.offer(bytes, elapsed - (window.number - 1) * this.#intervalMs, how, read)
  }

  /** The frames of the open window were another camera's: it goes on without them. */
  startOver(): void {
    this.#open?.discard()
  }

  /** A frame that is not looked at, whatever is in it. */
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
    this.#face.callOff()
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
    this.#face.callOff()
    this.#close()
    this.#abort.abort()
    await this.#tail
  }

  /** The session is served elsewhere: nothing of it is closed, stored or sent here any more. */
  discard(): void {
    this.#lost = true
    this.#status = 'ended'
    clearTimeout(this.#timer)
    this.#face.callOff()
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
      this.#open = new FrameWindow({
        number,
        intervalMs: this.#intervalMs,
        maxFrames,
        spares,
        room: this.#room,
      })
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

  /** Never throws: it runs in a timer, where a throw would end the process. */
  #close(): void {
    clearTimeout(this.#timer)
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
    const measured = this.#measure(window)
    if (measured === undefined) {
      this.#sink.skipped(window.number, window.received, this.#whySkipped(window))
      return
    }
    const { outcome, late, asked } = this.#answer(measured, closedAt)
    const dueAt = closedAt + (asked ? this.#deadlineMs : COMMIT_FIRST_MS)
    this.#sink.closed(measured, asked)
    this.#undelivered++
    const failed = (error: unknown) => this.#sink.failed(window.number, error)
    const delivered = this.#tail
      .then(() => this.#deliver(outcome, dueAt))
      .catch(failed)
      .finally(() => this.#undelivered--)
    this.#tail = delivered.then(() => undefined)
    // What comes late never overtakes the answer that it comes after.
    Promise.all([late, delivered])
      .then(([call, answer]) => {
        if (call !== undefined && answer !== undefined) this.#sink.late(answer, call)
      })
      .catch(failed)
  }

  /** The answer when it was ours to give. */
  async #deliver(outcome: Promise<AnsweredWindow>, dueAt: number): Promise<AnsweredWindow | undefined> {
    const answered = await outcome
    const answer = { ...answered, intervention: this.#lost ? null : this.#settings.takeOffer(this.id) }
    this.#remember(answer)
    const patienceMs = Math.min(COMMIT_FIRST_MS, Math.max(0, dueAt - this.#elapsed()))
    return (await this.#sink.answered(answer, patienceMs)) ? answer : undefined
  }

  /** Null for a window that the session's last owner has answered. */
  #whySkipped(window: FrameWindow): SkipReason | null {
    if (window.number <= this.#lastWindow) return null
    return this.#status === 'paused' ? 'paused' : 'no_valid_frame'
  }

  #readFace(window: FrameWindow): ReturnType<SessionFace['read']> {
    try {
      return this.#face.read(window.close())
    } finally {
      this.#room.clear()
    }
  }

  /** After this nothing of the frames is left. */
  #measure(window: FrameWindow): MeasuredWindow | undefined {
    const read = this.#readFace(window)
    if (read === undefined) return undefined
    const boundary = this.#startedAt + window.number * this.#intervalMs
    return {
      number: window.number,
      closedAt: Math.round(Math.min(boundary, this.#startedAt + this.#elapsed())),
      framesReceived: window.received,
      ...read,
    }
  }

  #answer(window: MeasuredWindow, closedAt: number): Answering {
    const { model, heard } = this.#settings
    const soon = heard(this.id, window.number)
    if (model === null) return answerLocally(window, null, soon)
    if (this.#calls >= MAX_CALLS) return answerLocally(window, 'too_many_calls', soon)
    this.#calls++
    const answering = answerWithModel(window, soon, {
      model,
      input: (known) =>
        questionOf(window, { language: this.#language, previous: this.#previous, heard: known }),
      deadlineMs: Math.max(0, closedAt + this.#deadlineMs - this.#toWriteMs - this.#elapsed()),
      signal: this.#abort.signal,
    })
    void Promise.allSettled([answering.outcome, answering.late]).then(() => this.#calls--)
    return answering
  }

  /** From a window's close to its answer at the latest. */
  get #deadlineMs(): number {
    return Math.min(this.#settings.deadlineMs, 0.9 * this.#intervalMs)
  }

  get #toWriteMs(): number {
    return Math.min(TO_WRITE_MS, this.#deadlineMs / 10)
  }

  #remember({ number, reading }: AnsweredWindow): void {
    const result = { window: number, emotion: reading.emotion, confidence: reading.confidence }
    this.#previous = [...this.#previous, result].slice(-REMEMBERED_RESULTS)
  }
}
