import type { KeptFrame } from '../../domain/face/frame.ts'
import type { Clock } from '../../lib/clock.ts'
import { FrameBuffer } from '../frames/frame-buffer.ts'
import { FrameWindow } from '../frames/frame-window.ts'
import type { FrameFault, FramePoints, FrameReader } from '../frames/landmarks-frame.ts'
import type { SparePool } from '../frames/spare-pool.ts'

/** Ten a second in the usual three seconds. */
const MOST_FRAMES = 30

type Options = {
  readonly durationMs: number
  readonly spares: SparePool
  readonly clock: Clock
  /** Called once; `frames` gives those of the span in order of time, none when it was cancelled. */
  readonly onDone: (frames: () => readonly KeptFrame[]) => void
}

/** The frames of a few seconds in which a person shows a neutral face, evenly spread and apart from any window's. */
export class Calibration {
  readonly #options: Options
  readonly #frames: FrameWindow
  readonly #begunAt: number
  readonly #cancelTimer: () => void

  constructor(options: Options) {
    const { durationMs, spares, clock, onDone } = options
    this.#options = options
    this.#begunAt = clock.now()
    this.#frames = new FrameWindow({
      number: 0,
      intervalMs: durationMs,
      maxFrames: MOST_FRAMES,
      spares,
      buffer: new FrameBuffer(MOST_FRAMES),
    })
    this.#cancelTimer = clock.after(durationMs, () => onDone(() => this.#frames.close()))
  }

  /** A frame as its window is offered it. */
  offer(bytes: Buffer, how: FrameReader, read?: FramePoints | FrameFault): void {
    this.#frames.offer(bytes, this.#options.clock.now() - this.#begunAt, how, read)
  }

  cancel(): void {
    this.#cancelTimer()
    this.#frames.discard()
    this.#options.onDone(() => [])
  }
}
