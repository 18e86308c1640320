import { ROOM_OF_FRAME } from './landmarks-frame.ts'

/**
 * Room for the kept frames of one window, about 2 KB each. A session has one and uses it again for every window: what
 * lives for ten seconds is the kind of garbage that costs a collector most.
 */
export class FrameRoom {
  readonly #maxFrames: number
  #block: Float32Array | undefined
  #places: readonly Float32Array[] = []

  constructor(maxFrames: number) {
    this.#maxFrames = maxFrames
  }

  /** Where the points of slot `index` go. Nothing is taken up before the first frame comes. */
  of(index: number): Float32Array {
    if (this.#block === undefined) {
      const block = new Float32Array(this.#maxFrames * ROOM_OF_FRAME)
      this.#block = block
      this.#places = Array.from({ length: this.#maxFrames }, (_, i) =>
        block.subarray(i * ROOM_OF_FRAME, (i + 1) * ROOM_OF_FRAME),
      )
    }
    const place = this.#places[index]
    if (place === undefined) throw new RangeError(`there is no slot ${index}`)
    return place
  }

  /** Nothing of the frames is left. */
  clear(): void {
    this.#block?.fill(0)
  }
}
