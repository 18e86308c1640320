import type { KeptFrame } from '../../domain/face/frame.ts'
import { FrameRoom } from './frame-room.ts'
import { FrameWindow } from './frame-window.ts'
import type { FrameFault, FramePoints, FrameReader } from './landmarks-frame.ts'
import type { SparePool } from './spare-pool.ts'

/** Ten a second in the usual three seconds. */
const MOST_FRAMES = 30

type Options = {
  readonly durationMs: number
  readonly spares: SparePool
  /** A clock that never jumps, ms. */
  readonly monotonic: () => number
  /** Called once; `frames` gives those of the span in order of time, none when it was called off. */
  readonly onDone: (frames: () => readonly KeptFrame[]) => void
}

/** The frames of a few seconds in which a person shows a neutral face, evenly spread and apart from any window's. */
export class Calibration {
  readonly #options: Options
  readonly #frames: FrameWindow
  readonly #begunAt: number
  readonly #timer: NodeJS.Timeout

  constructor(options: Options) {
    const { durationMs, spares, monotonic, onDone } = options
    this.#options = options
    this.#begunAt = monotonic()
    this.#frames = new FrameWindow({
      number: 0,
      intervalMs: durationMs,
      maxFrames: MOST_FRAMES,
      spares,
      room: new FrameRoom(MOST_FRAMES),
    })
    this.#timer = setTimeout(() => onDone(() => this.#frames.close()), durationMs)
  }

  /** A frame as its window is offered it. */
  offer(bytes: Buffer, how: FrameReader, read?: FramePoints | FrameFault): void {
    this.#frames.offer(bytes, this.#options.monotonic() - this.#begunAt, how, read)
  }

  callOff(): void {
    clearTimeout(this.#timer)
    this.#frames.discard()
    this.#options.onDone(() => [])
  }
}
