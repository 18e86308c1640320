import { calibrateBaseline } from '../../domain/face/baseline.ts'
import { decodeMeasures, encodeMeasures } from '../../domain/face/encoding.ts'
import type { KeptFrame } from '../../domain/face/frame.ts'
import { measureWindow } from '../../domain/face/measures.ts'
import type { Clock } from '../../lib/clock.ts'
import type { MeasuredWindow } from '../windows/answer.ts'
import { Calibration } from './calibration.ts'
import type { FrameFault, FramePoints, FrameReader } from '../frames/landmarks-frame.ts'
import { differences, encodeLearnt, given, type Learnt, readAndLearn } from './learnt.ts'
import type { SparePool } from '../frames/spare-pool.ts'

/** What has become of a calibration. */
export type Calibrated = {
  /** The first window that is read by it. */
  readonly window: number
  readonly frameCount: number
}

type Settings = {
  readonly spares: SparePool
  readonly clock: Clock
}

/** The fields of a measured window that depend on the face alone. */
type FaceReading = Omit<MeasuredWindow, 'number' | 'closedAt' | 'framesReceived' | 'span'>

/** What a session knows of the face that it reads: the camera's shape, the neutral face, a calibration in progress. */
export class SessionFace {
  readonly #settings: Settings
  readonly #onFault: (error: unknown) => void
  #learnt: Learnt
  #calibration: Calibration | undefined
  #calibrated: Promise<Calibrated | undefined> | undefined

  constructor(learnt: Learnt, settings: Settings, onFault: (error: unknown) => void) {
    this.#learnt = learnt
    this.#onFault = onFault
    this.#settings = settings
  }

  /** Offers a frame to a calibration in progress. */
  offer(bytes: Buffer, how: FrameReader, read?: FramePoints | FrameFault): void {
    this.#calibration?.offer(bytes, how, read)
  }

  /** As `LiveSession.calibrate`; `nextWindow` is the first window that is read with the result. */
  calibrate(durationMs: number, nextWindow: () => number): Promise<Calibrated | undefined> {
    this.#calibrated ??= new Promise((resolve) => {
      const { spares, clock } = this.#settings
      const onDone = (frames: () => readonly KeptFrame[]) => resolve(this.#adopt(frames, nextWindow))
      this.#calibration = new Calibration({ durationMs, spares, clock, onDone })
    })
    return this.#calibrated
  }

  cancelCalibration(): void {
    this.#calibration?.cancel()
  }

  /** Measures and reads a window's frames, and learns from them; undefined when they cannot be measured. */
  read(frames: readonly KeptFrame[]): FaceReading | undefined {
    const begun = this.#settings.clock.now()
    const seen = measureWindow(frames, this.#camera())
    if (seen === undefined) return undefined
    // What is analysed is what is stored, to the last bit: it reads the same in a replay.
    const measures = decodeMeasures(encodeMeasures(seen)) ?? seen
    const before = this.#learnt
    const { reading, learnt } = readAndLearn(before, measures)
    this.#learnt = seen.aspectSource === 'inferred' ? { ...learnt, aspect: seen.aspect } : learnt
    return {
      measures,
      local: reading,
      localMs: this.#settings.clock.now() - begun,
      differences: differences(before.baseline, measures),
      learnt: encodeLearnt(this.#learnt),
    }
  }

  #camera(): { readonly aspect?: number } {
    const { aspect } = this.#learnt
    return aspect === undefined ? {} : { aspect }
  }

  /** Takes the neutral face that these frames show, if they show one. */
  #adopt(read: () => readonly KeptFrame[], nextWindow: () => number): Calibrated | undefined {
    this.#calibration = undefined
    this.#calibrated = undefined
    try {
      const frames = read()
      const baseline = calibrateBaseline(frames, this.#camera())
      if (baseline === undefined) return undefined
      const window = nextWindow()
      this.#learnt = given(this.#learnt, window, baseline)
      return { window, frameCount: frames.length }
    } catch (error) {
      this.#onFault(error) // it runs in a timer, where a throw would end the process
      return undefined
    }
  }
}
