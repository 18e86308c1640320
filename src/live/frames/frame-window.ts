import { hasSwappedIrises } from '../../domain/face/doubts.ts'
import type { KeptFrame } from '../../domain/face/frame.ts'
import type { FrameBuffer } from './frame-buffer.ts'
import type { FrameFault, FramePoints, FrameReader } from './landmarks-frame.ts'
import type { Spare, SparePool } from './spare-pool.ts'

/** The result of offering a frame. `spare` and `dropped` frames were not read. */
export type FrameFate = 'kept' | 'spare' | 'dropped' | FrameFault

type Options = {
  readonly number: number
  readonly intervalMs: number
  readonly maxFrames: number
  readonly spares: SparePool
  /** Holds the points of each slot's frame until the close; reused by the session's next window. */
  readonly buffer: FrameBuffer
}

/**
 * The frames of one window: the first valid one of each of `maxFrames` even slots is read and reduced to its points in
 * use. Others are only held as spares, unread, as long as the window could still close with an empty slot; they fill
 * up a window whose frames arrived in a burst. An invalid frame uses no slot.
 */
export class FrameWindow {
  readonly number: number
  /** All frames of the window, including those dropped unread. */
  received = 0
  readonly #options: Options
  readonly #slots: (KeptFrame | undefined)[]
  #filled = 0
  #spares: Spare[] = []

  constructor(options: Options) {
    this.number = options.number
    this.#options = options
    this.#slots = new Array<undefined>(options.maxFrames).fill(undefined)
  }

  /**
   * A frame that arrived `at` ms after the window opened, and `how` it is read. `read` is its content where that has been
   * parsed already.
   */
  offer(bytes: Buffer, at: number, how: FrameReader, read?: FramePoints | FrameFault): FrameFate {
    this.received++
    if (typeof read === 'string') return read
    const { intervalMs, maxFrames } = this.#options
    const slot = Math.min(maxFrames - 1, Math.max(0, Math.floor((at / intervalMs) * maxFrames)))
    if (this.#slots[slot] !== undefined) return this.#spare(bytes, at, how)
    const frame = this.#read(slot, bytes, how, read)
    if (typeof frame === 'string') return frame
    this.#fill(slot, at, frame)
    this.#trim()
    return 'kept'
  }

  /** Counts a frame without reading it. */
  count(): void {
    this.received++
  }

  /** The kept frames in order of time, filled up with spares. Their points are valid until the buffer is cleared. */
  close(): KeptFrame[] {
    for (const spare of this.#spares) {
      const bytes = this.#options.spares.read(spare)
      const slot = this.#slots.indexOf(undefined)
      if (bytes === undefined || slot < 0) continue
      const frame = this.#read(slot, bytes, spare.how)
      if (typeof frame !== 'string') this.#fill(slot, spare.at, frame)
    }
    const frames = this.#slots.filter((frame) => frame !== undefined)
    this.discard()
    return frames.sort((a, b) => a.at - b.at)
  }

  /** Drops its frames; their count is kept. */
  discard(): void {
    this.#filled = 0
    for (const spare of this.#spares) this.#options.spares.release(spare)
    this.#spares = []
    this.#slots.fill(undefined)
  }

  /** Reads a frame into the points of the slot. */
  #read(slot: number, bytes: Buffer, how: FrameReader, read?: FramePoints): FramePoints | FrameFault {
    const points = this.#options.buffer.pointsOf(slot)
    if (read !== undefined) points.set(read.points)
    const frame = read ?? how(bytes, points)
    if (typeof frame === 'string') return frame
    return hasSwappedIrises(points) ? 'foreign_mesh' : frame
  }

  /** Keeps the frame that was read into the slot. */
  #fill(slot: number, at: number, { width, height }: FramePoints): void {
    this.#slots[slot] = { at, points: this.#options.buffer.pointsOf(slot), width, height }
    this.#filled++
  }

  #spare(bytes: Buffer, at: number, how: FrameReader): FrameFate {
    if (this.#spares.length >= this.#options.maxFrames - this.#filled) return 'dropped'
    const spare = this.#options.spares.hold(bytes, at, how)
    if (spare === undefined) return 'dropped'
    this.#spares.push(spare)
    return 'spare'
  }

  /** Drops spares beyond the number of empty slots. */
  #trim(): void {
    const surplus = this.#spares.length - (this.#options.maxFrames - this.#filled)
    for (const spare of this.#spares.splice(0, Math.max(0, surplus))) this.#options.spares.release(spare)
  }
}
