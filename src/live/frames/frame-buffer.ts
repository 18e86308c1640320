import { FRAME_FLOATS } from './landmarks-frame.ts'

/**
 * Memory for the kept frames of one window, about 2 KB each. Each session has one and reuses it for each window: objects
 * that live for ten seconds are the most expensive kind of garbage.
 */
export class FrameBuffer {
  readonly #maxFrames: number
  #block: Float32Array | undefined
  #places: readonly Float32Array[] = []

  constructor(maxFrames: number) {
    this.#maxFrames = maxFrames
  }

  /** The memory for the points of slot `index`. Allocated with the first frame. */
  pointsOf(index: number): Float32Array {
    if (this.#block === undefined) {
      const block = new Float32Array(this.#maxFrames * FRAME_FLOATS)
      this.#block = block
      this.#places = Array.from({ length: this.#maxFrames }, (_, i) =>
        block.subarray(i * FRAME_FLOATS, (i + 1) * FRAME_FLOATS),
      )
    }
    const place = this.#places[index]
    if (place === undefined) throw new RangeError(`there is no slot ${index}`)
    return place
  }

  /** Overwrites all points. */
  clear(): void {
    this.#block?.fill(0)
  }
}
