/** A frame that is kept unread: it is parsed only if its window closes with too few frames. */
export type Spare = {
  /** Milliseconds since its window opened. */
  readonly at: number
  /** Undefined once the pool has let go of it. */
  bytes: Buffer | undefined
}

/**
 * Holds the unread spare frames of all windows within one bound of memory. When it is full, the spare that was held
 * longest makes room: it is the one most likely to be superfluous by now.
 */
export function createSparePool(limitBytes: number) {
  const held = new Set<Spare>()
  let size = 0

  const release = (spare: Spare): void => {
    if (!held.delete(spare)) return
    size -= spare.bytes?.length ?? 0
    spare.bytes = undefined
  }

  return {
    /** Copies `bytes`, since the socket's buffer is part of a larger one. */
    hold(bytes: Buffer, at: number): Spare {
      const spare: Spare = { at, bytes: Buffer.from(bytes) }
      held.add(spare)
      size += bytes.length
      for (const oldest of held) {
        if (size <= limitBytes) break
        release(oldest)
      }
      return spare
    },
    release,
    get size() {
      return size
    },
  }
}

export type SparePool = ReturnType<typeof createSparePool>
