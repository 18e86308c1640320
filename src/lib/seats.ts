/** Counts what each key holds at the moment, and lets no key hold more than `most`. */
export function createSeats(most: number) {
  const taken = new Map<string, number>()
  return {
    /** Gives the seat back, once however often it is called; undefined when the key has none left. */
    take(key: string): (() => void) | undefined {
      const held = taken.get(key) ?? 0
      if (held >= most) return undefined
      taken.set(key, held + 1)
      let isHeld = true
      return () => {
        if (!isHeld) return
        isHeld = false
        const left = (taken.get(key) ?? 1) - 1
        if (left > 0) taken.set(key, left)
        else taken.delete(key)
      }
    },
  }
}

export type Seats = ReturnType<typeof createSeats>
