import type { FrameReader } from './landmarks-frame.ts'

/** A frame that is kept unread: it is read only if its window closes with too few frames. */
export type Spare = {
  /** Milliseconds since its window opened. */
  readonly at: number
  readonly length: number
  /** The reader for its format. */
  readonly how: FrameReader
  /** Its place in the pool; -1 once the pool has released it. */
  place: number
}

/** Memory for one frame. Frames of browsers have about 35 KB; memory that is not written to costs nothing. */
const PLACE_BYTES = 64 * 1024

/**
 * Holds the unread spare frames of all windows in one block of memory, outside the heap, so that holding them is a copy
 * and no work for the garbage collector. When it is full, the oldest spare is evicted: it is the most likely to be
 * superfluous by now.
 */
export function createSparePool(limitBytes: number) {
  const places = Math.max(1, Math.floor(limitBytes / PLACE_BYTES))
  const held = new Set<Spare>()
  const free: number[] = []
  let used = 0
  let block: Buffer | undefined

  const release = (spare: Spare): void => {
    if (!held.delete(spare)) return
    free.push(spare.place)
    spare.place = -1
  }

  const takePlace = (): number => {
    if (free.length === 0 && used < places) return used++
    if (free.length === 0) for (const oldest of held) return release(oldest), free.pop() ?? 0
    return free.pop() ?? 0
  }

  return {
    /** Undefined for a frame that is too large to be held. */
    hold(bytes: Buffer, at: number, how: FrameReader): Spare | undefined {
      if (bytes.length > PLACE_BYTES) return undefined
      block ??= Buffer.allocUnsafeSlow(places * PLACE_BYTES)
      const spare = { at, length: bytes.length, how, place: takePlace() }
      block.set(bytes, spare.place * PLACE_BYTES)
      held.add(spare)
      return spare
    },

    /** The frame's bytes, valid until the next call; undefined when it was evicted. */
    read({ place, length }: Spare): Buffer | undefined {
      return place < 0 ? undefined : block?.subarray(place * PLACE_BYTES, place * PLACE_BYTES + length)
    },

    release,

    /** How many are held. */
    get size() {
      return held.size
    },
  }
}

export type SparePool = ReturnType<typeof createSparePool>
