/** Limits the number of slots that each key holds to `max`. */
export function createSlots(max: number) {
  const heldBy = new Map<string, number>()
  return {
    /** Returns the idempotent release function; undefined when the key has no free slot. */
    acquire(key: string): (() => void) | undefined {
      const held = heldBy.get(key) ?? 0
      if (held >= max) return undefined
      heldBy.set(key, held + 1)
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        const left = (heldBy.get(key) ?? 1) - 1
        if (left > 0) heldBy.set(key, left)
        else heldBy.delete(key)
      }
    },
  }
}
