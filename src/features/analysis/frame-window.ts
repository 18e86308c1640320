import { hasSwappedIrises } from '../../domain/face/doubts.ts'
import type { KeptFrame } from '../../domain/face/frame.ts'
import type { FrameRoom } from './frame-room.ts'
import type { FrameFault, FramePoints, FrameReader } from './landmarks-frame.ts'
import type { Spare, SparePool } from './spare-pool.ts'

/** What became of an offered frame. `spare` and `dropped` were not read. */
export type FrameFate = 'kept' | 'spare' | 'dropped' | FrameFault

type Options = {
  readonly number: number
  readonly intervalMs: number
  readonly maxFrames: number
  readonly spares: SparePool
  /** Where the points of each slot's frame are kept until the close; used again by the session's next window. */
  readonly room: FrameRoom
}

/**
 * The frames of one window: the first valid one of each of `maxFrames` even slots is read and reduced to its points in
 * use. Others are only held as spares, unread, as long as the window could still close with an empty slot; they fill
 * up a window whose frames came in a burst. An invalid frame uses up nothing.
 */
export class FrameWindow {
  readonly number: number
  /** All frames of the window, also those that were dropped unread. */
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
    const fate = this.#keep(slot, at, bytes, how, read)
    if (fate === 'kept') this.#trim()
    return fate
  }

  /** A frame that is counted and not looked at. */
  count(): void {
    this.received++
  }

  /** The kept frames in order of time, filled up with spares. Their points are there until the room is cleared. */
  close(): KeptFrame[] {
    for (const spare of this.#spares) {
      const bytes = this.#options.spares.read(spare)
      const slot = this.#slots.indexOf(undefined)
      if (bytes !== undefined && slot >= 0) this.#keep(slot, spare.at, bytes, spare.how)
    }
    const frames = this.#slots.filter((frame) => frame !== undefined)
    this.discard()
    return frames.sort((a, b) => a.at - b.at)
  }

  /** Forgets its frames; how many there were is still counted. */
  discard(): void {
    this.#filled = 0
    for (const spare of this.#spares) this.#options.spares.release(spare)
    this.#spares = []
    this.#slots.fill(undefined)
  }

  #keep(slot: number, at: number, bytes: Buffer, how: FrameReader, read?: FramePoints): 'kept' | FrameFault {
    const room = this.#options.room.of(slot)
    if (read !== undefined) room.set(read.points)
    const frame = read ?? how(bytes, room)
    if (typeof frame === 'string') return frame
    if (hasSwappedIrises(room)) return 'foreign_mesh'
    this.#slots[slot] = { at, points: room, width: frame.width, height: frame.height }
    this.#filled++
    return 'kept'
  }

  #spare(bytes: Buffer, at: number, how: FrameReader): FrameFate {
    if (this.#spares.length >= this.#options.maxFrames - this.#filled) return 'dropped'
    const spare = this.#options.spares.hold(bytes, at, how)
    if (spare === undefined) return 'dropped'
    this.#spares.push(spare)
    return 'spare'
  }

  /** No more spares than there are empty slots: the rest can no longer be of use. */
  #trim(): void {
    const surplus = this.#spares.length - (this.#options.maxFrames - this.#filled)
    for (const spare of this.#spares.splice(0, Math.max(0, surplus))) this.#options.spares.release(spare)
  }
}
